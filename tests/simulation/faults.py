"""What can go wrong, and how often a seed lets it."""

from enum import StrEnum


class Fault(StrEnum):
    """One kind of fault. Each seed draws which of them are on."""

    CRASH_BEFORE = "crash before the call"
    CRASH_AFTER = "crash after the call"
    THROTTLED = "throttled"
    ANSWER_LOST = "applied, answer lost"
    ANSWER_LOST_RETRIED = "applied, answer lost, applied again by the SDK"
    PAUSE_BEFORE = "pause before the call"
    PAUSE_AFTER = "pause after the call"
    SEND_FAILED = "message not sent"
    DUPLICATE = "message delivered twice"
    LATE = "message delivered late"
    UNDELETED = "deleted message comes back"
    PURGE = "queue purged"
    SHORT_RETENTION = "messages expire early"
    STORE_AWAY = "DynamoDB away"
    QUEUE_AWAY = "SQS away"
    STALE_INDEX = "index of due jobs lags"
    SKEW = "clocks differ"
    SHORT_TIME = "function has little time"
    SWEEP_SKIPPED = "sweep does not run"
    SWEEP_DOUBLED = "sweep runs twice"
    UNREADABLE_ROW = "a row nobody can read"
    ERROR = "operation raises"
    FINAL_ERROR = "operation raises a final error"
    TIMED_OUT = "operation times out"
    PROCESS_DIED = "operation loses its process"


AT_CALLS = (
    Fault.CRASH_BEFORE,
    Fault.CRASH_AFTER,
    Fault.THROTTLED,
    Fault.ANSWER_LOST,
    Fault.ANSWER_LOST_RETRIED,
    Fault.PAUSE_BEFORE,
    Fault.PAUSE_AFTER,
)
"""Faults that strike at a call of the store, the queue or the runner."""

OF_OPERATIONS = (Fault.ERROR, Fault.FINAL_ERROR, Fault.TIMED_OUT, Fault.PROCESS_DIED)
"""Ways in which an attempt fails without any fault of the backend."""

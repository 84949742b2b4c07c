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
    BATCH_AGAIN = "changes delivered again"
    BATCH_LATE = "changes delivered late"
    CHANGE_UNREADABLE = "a change nobody can read"
    BUS_PARTIAL = "bus takes some events only"
    BUS_REFUSES = "bus refuses an event for good"
    BUS_AWAY = "EventBridge away"
    RECEIVER_AWAY = "receiver away"
    RECEIVER_BROKEN = "receiver answers 500"
    RECEIVER_BUSY = "receiver answers 429"
    RECEIVER_GONE = "receiver answers 410"
    RECEIVER_SILENT = "receiver does not answer in time"
    RECEIVER_UNHEARD = "receiver takes it, answer lost"


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

AT_RECEIVERS = (
    Fault.RECEIVER_BROKEN,
    Fault.RECEIVER_BUSY,
    Fault.RECEIVER_GONE,
    Fault.RECEIVER_SILENT,
    Fault.RECEIVER_UNHEARD,
)
"""What the receiver of a webhook may do with a request."""

OF_EVENTS = (
    Fault.BATCH_AGAIN,
    Fault.BATCH_LATE,
    Fault.CHANGE_UNREADABLE,
    Fault.BUS_PARTIAL,
    Fault.BUS_REFUSES,
    Fault.BUS_AWAY,
    Fault.RECEIVER_AWAY,
    *AT_RECEIVERS,
)
"""Faults that strike only where jobs are told of."""

OF_BACKEND = tuple(fault for fault in Fault if fault not in OF_EVENTS)
"""The others."""

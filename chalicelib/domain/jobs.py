"""
A job, the states it can be in, and the transitions between them.

``PENDING``
    Accepted, waiting for a consumer from ``run_at`` on. A crash leaves it here, and the sweep sends its message again.
``IN_PROGRESS``
    Claimed by one attempt, whose lease is in the row. When the lease runs out, any consumer may claim the next attempt.
``SUCCESS``
    The operation returned; ``result`` holds what. Final.
``FAILED``
    The operation's error was final, or the attempts ran out; ``error`` says why. Final, until retried by hand.
``CANCELLED``
    Its owner or an administrator called it off. Final, until retried by hand.

A final state, its result and its error change only when the job is retried by hand, which its event log keeps.

The methods of `Job` are the transitions as pure rules. A repository performs each as one conditional write. Every
transition gives the row a new random token, and is written only if the row still has the token, the attempt and the
status that it began from: so an attempt that wakes up late can overwrite nothing, and a write whose response was lost
is known by its own token.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from chalicelib.domain.users import UserId

JobId = NewType("JobId", str)
"""A UUID version 7 in its canonical form: ids sort by the time they were made."""

JOB_ID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_JOB_ID = re.compile(JOB_ID_PATTERN)

DUE_TOLERANCE = timedelta(seconds=1)
"""A job may begin this much early: a consumer whose clock is a little behind must not turn its message away."""

EVENTS_MAX = 30
"""
Events that a job's log keeps: its first, and the newest others.

The log is part of the row, so it may not grow without end. A claim does not know the row and only appends; between two
other transitions there are as many claims as attempts at most, so a log can be longer by that for a while.
"""

REASON_MAX_CHARACTERS = 200
"""Of an event's reason; the whole of the last error is with the job."""


class JobStatus(StrEnum):
    """The status words, the same in code, API, logs and documentation."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


FINAL = frozenset({JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.CANCELLED})
"""States that only a retry by hand leaves."""

RETRIABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
"""States from which a retry by hand leads."""


class Transition(StrEnum):
    """What can happen to a job, as its event log names it."""

    SUBMIT = "SUBMIT"
    CLAIM = "CLAIM"
    FINISH = "FINISH"
    RETRY = "RETRY"
    FAIL = "FAIL"
    CANCEL = "CANCEL"
    RETRY_BY_HAND = "RETRY_BY_HAND"


MOVES_ATTEMPT_ON = frozenset({Transition.CLAIM, Transition.CANCEL})
"""Transitions after which the attempt number is one higher; see `Job.cancelled` for why cancelling is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKey:
    """Where a job lives. The owner is part of the key, so nobody can address another's job."""

    owner_id: UserId
    job_id: JobId


class JobErrorCode(StrEnum):
    """Reasons of this backend for a failed attempt or job; an operation's own refusals may have others."""

    OPERATION_FAILED = "OPERATION_FAILED"
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    RESULT_TOO_LARGE = "RESULT_TOO_LARGE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    TIMED_OUT = "TIMED_OUT"
    PROCESS_DIED = "PROCESS_DIED"
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    DEAD_LETTERED = "DEAD_LETTERED"


DEAD = frozenset({JobErrorCode.ATTEMPTS_EXHAUSTED, JobErrorCode.DEAD_LETTERED})
"""Codes of jobs that failed with no word from their operation: their consumers or messages were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job is FAILED: a stable ``code`` and a ``detail`` for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One transition. ``worker`` is the container that wrote it; ``reason`` says why, where there is more to say."""

    at: datetime
    transition: Transition
    attempt: int
    worker: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who writes a transition, and when; ``token`` is new with each."""

    token: str
    at: datetime
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    A consumer's bid for a job's next attempt.

    ``time_left`` is how long the consumer can still let an operation run; ``lease_margin`` is how much longer than that
    the attempt holds the job, for writing its end. No attempt of the ``paused_operations`` begins.
    """

    act: Act
    time_left: timedelta
    lease_margin: timedelta
    paused_operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """
    Bounds of every job, from the settings.

    ``data_max_bytes`` counts JSON text; with result and the other attributes it must fit one DynamoDB item of 400 KB.
    ``resend_after`` is how long a due job may wait before its message is taken for lost.
    """

    lease_margin: timedelta
    resend_after: timedelta
    retention: timedelta
    data_max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """The due time of a schedule that a job was made for."""

    schedule_id: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One job as its row has it.

    ``data_json`` and ``result_json`` are JSON text, which keeps every number as it is. ``attempt`` is 0 until the first
    claim, then 1, 2, … and never decreases; no claim takes it past ``last_attempt``. ``max_attempts`` is what one set
    of attempts has, a retry by hand begins a new set. ``token`` names the last transition. ``first_run_at`` is what
    ``run_at`` was for the first attempt of the set, ``None`` until a retry moves that. ``due_at`` is when the sweep
    looks at the job next, ``None`` once it is final. ``expires_at`` is a whole second. ``tags`` and
    ``metadata_json`` are the owner's and mean nothing here. ``callback_url`` is told of the job's end; ``scheduled`` is
    there if a schedule has made the job.
    """

    key: JobKey
    operation: str
    data_json: str
    status: JobStatus
    token: str
    attempt: int
    last_attempt: int
    max_attempts: int
    timeout: timedelta
    retention: timedelta
    created_at: datetime
    run_at: datetime
    due_at: datetime | None
    expires_at: datetime
    first_run_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease_expires_at: datetime | None = None
    result_json: str | None = None
    error: JobError | None = None
    events: tuple[JobEvent, ...] = ()
    tags: tuple[str, ...] = ()
    metadata_json: str | None = None
    callback_url: str | None = None
    scheduled: ScheduledRun | None = None

    @property
    def is_final(self) -> bool:
        """Whether the job has reached a state that only a retry by hand leaves."""
        return self.status in FINAL

    @property
    def is_dead(self) -> bool:
        """Whether the job failed with no word from its operation, so that the operator may want it redriven."""
        return self.status is JobStatus.FAILED and self.error is not None and self.error.code in DEAD

    @property
    def attempt_in_set(self) -> int:
        """Number of the attempt since the job was submitted or last retried by hand."""
        return self.max_attempts - (self.last_attempt - self.attempt)

    @property
    def queued_at(self) -> datetime:
        """Since when the job was to run: from its submission, its delay, or its last retry by hand on."""
        return self.first_run_at or self.run_at

    def is_expired(self, at: datetime) -> bool:
        """Whether the retention is over. DynamoDB deletes such rows up to days late, so every read and claim asks."""
        return self.expires_at <= at

    def is_due(self, at: datetime) -> bool:
        """Whether a waiting job's time has come, give or take `DUE_TOLERANCE`."""
        return self.run_at <= at + DUE_TOLERANCE

    def is_held(self, at: datetime) -> bool:
        """Whether an attempt is running under a lease that still counts."""
        return self.status is JobStatus.IN_PROGRESS and self.lease_expires_at is not None and self.lease_expires_at > at

    def is_waiting(self, at: datetime) -> bool:
        """Whether the job waits for an attempt to begin: it is due, or the attempt that had it was lost."""
        return self.is_due(at) if self.status is JobStatus.PENDING else not self.is_final and not self.is_held(at)

    def is_claimable(self, claim: Claim) -> bool:
        """Whether the next attempt may begin: the rule that a repository's conditional write keeps to."""
        at = claim.act.at
        return (
            self.is_waiting(at)
            and self.attempt < self.last_attempt
            and self.timeout <= claim.time_left
            and not self.is_expired(at)
            and self.operation not in claim.paused_operations
        )

    def is_unchanged_since(self, seen: "Job") -> bool:
        """Whether the row is as ``seen`` was: the condition of every transition but submit and claim."""
        return self.status is seen.status and self.attempt == seen.attempt and self.token == seen.token

    def claimed(self, claim: Claim) -> "Job":
        """Return the job with its next attempt begun."""
        act = claim.act
        return replace(
            self,
            status=JobStatus.IN_PROGRESS,
            token=act.token,
            attempt=self.attempt + 1,
            lease_expires_at=act.at + self.timeout + claim.lease_margin,
            started_at=self.started_at or act.at,
            events=(*self.events, _event(act, Transition.CLAIM, self.attempt + 1)),
        )

    def finished(self, result_json: str, act: Act) -> "Job":
        """Return the job ended with a result."""
        return replace(self._ended(JobStatus.SUCCESS, Transition.FINISH, act), result_json=result_json)

    def retried(self, error: JobError, act: Act, *, run_at: datetime, due_at: datetime) -> "Job":
        """Return the job waiting for its next attempt, after one that failed with ``error``."""
        return replace(
            self,
            status=JobStatus.PENDING,
            token=act.token,
            run_at=run_at,
            first_run_at=self.queued_at,
            due_at=due_at,
            lease_expires_at=None,
            events=self._events_and(_event(act, Transition.RETRY, self.attempt, f"{error.code}: {error.detail}")),
        )

    def failed(self, error: JobError, act: Act) -> "Job":
        """Return the job ended with an error."""
        return replace(self._ended(JobStatus.FAILED, Transition.FAIL, act, error.code), error=error)

    def cancelled(self, act: Act, *, reason: str | None = None) -> "Job":
        """
        Return the job called off.

        The attempt number moves on, so that whoever still runs the job has lost it by number as well as by token.
        """
        return self._ended(JobStatus.CANCELLED, Transition.CANCEL, act, reason)

    def retried_by_hand(self, act: Act, *, due_at: datetime, reason: str | None = None) -> "Job":
        """Return a FAILED or CANCELLED job waiting again, with a fresh set of attempts and its whole retention."""
        return replace(
            self,
            status=JobStatus.PENDING,
            token=act.token,
            last_attempt=self.attempt + self.max_attempts,
            run_at=act.at,
            first_run_at=None,
            due_at=due_at,
            expires_at=max(self.expires_at, whole_second(act.at + self.retention)),
            started_at=None,
            finished_at=None,
            lease_expires_at=None,
            error=None,
            events=self._events_and(_event(act, Transition.RETRY_BY_HAND, self.attempt, reason)),
        )

    def looked_at(self, *, again_at: datetime) -> "Job":
        """Return the job with the sweep's next look put off, which a repository writes without reading the row."""
        return replace(self, due_at=again_at)

    def _ended(self, status: JobStatus, transition: Transition, act: Act, reason: str | None = None) -> "Job":
        attempt = self.attempt + (transition in MOVES_ATTEMPT_ON)
        return replace(
            self,
            status=status,
            token=act.token,
            attempt=attempt,
            due_at=None,
            finished_at=act.at,
            lease_expires_at=None,
            events=self._events_and(_event(act, transition, attempt, reason)),
        )

    def _events_and(self, event: JobEvent) -> tuple[JobEvent, ...]:
        events = (*self.events, event)
        return events if len(events) <= EVENTS_MAX else (events[0], *events[1 - EVENTS_MAX :])


def submitted(  # noqa: PLR0913 - a job has this many properties of its own
    key: JobKey,
    act: Act,
    *,
    operation: str,
    data_json: str,
    max_attempts: int,
    timeout: timedelta,
    retention: timedelta,
    run_at: datetime,
    due_at: datetime,
    tags: tuple[str, ...] = (),
    metadata_json: str | None = None,
    callback_url: str | None = None,
    scheduled: ScheduledRun | None = None,
) -> Job:
    """Return a new job, waiting until ``run_at``; its retention counts from then."""
    return Job(
        key=key,
        operation=operation,
        data_json=data_json,
        status=JobStatus.PENDING,
        token=act.token,
        attempt=0,
        last_attempt=max_attempts,
        max_attempts=max_attempts,
        timeout=timeout,
        retention=retention,
        created_at=act.at,
        run_at=run_at,
        due_at=due_at,
        expires_at=whole_second(run_at + retention),
        events=(_event(act, Transition.SUBMIT, 0),),
        tags=tags,
        metadata_json=metadata_json,
        callback_url=callback_url,
        scheduled=scheduled,
    )


def whole_second(at: datetime) -> datetime:
    """Return the next instant at or after ``at`` that DynamoDB's TTL, which counts in seconds, can tell."""
    return at.replace(microsecond=0) + timedelta(seconds=1) if at.microsecond else at


def parsed_job_id(text: str) -> JobId | None:
    """Return the id when ``text`` is one in canonical form, else ``None``: no such job can exist."""
    return JobId(text) if _JOB_ID.fullmatch(text) else None


def _event(act: Act, transition: Transition, attempt: int, reason: str | None = None) -> JobEvent:
    short = reason and reason[:REASON_MAX_CHARACTERS]
    return JobEvent(at=act.at, transition=transition, attempt=attempt, worker=act.worker, reason=short)

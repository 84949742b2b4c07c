"""
When a job's message is sent: at once, later by the queue, or by the sweep.

The row is the promise; a message only says that a job may be due. Messages may be lost, late or doubled, so every job
that is not final has a ``due_at`` in the row, at which the sweep looks at it. What the sweep does then is decided here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.jobs import DUE_TOLERANCE, Job, JobId, JobStatus

MESSAGE_DELAY_MAX = timedelta(minutes=15)
"""The longest delay of one message that SQS accepts."""

SENT_AHEAD = timedelta(minutes=2)
"""
How long before its time the sweep sends a job that waits longer than `MESSAGE_DELAY_MAX`, delayed by the rest.

Two runs of the sweep, so the job begins to the second even if one run falls out.
"""

RESEND_AFTER_MAX = timedelta(minutes=15)
"""No job that is due waits longer for the sweep's next look."""

SHARDS = 8
"""
Partitions of the index of due jobs, each of which takes 1,000 writes a second.

The sweep asks each of them every minute, for half a read unit where nothing is due.
"""


def shard(job_id: JobId) -> int:
    """Return a job's partition of the index of due jobs, by the last, random, byte of its id."""
    return int(job_id[-2:], 16) % SHARDS


def message_delay(run_at: datetime, *, at: datetime) -> timedelta | None:
    """Return the delay of a message sent at ``at``, in whole seconds; ``None`` when that is for the sweep to send."""
    wait = max(run_at - at, timedelta())
    if wait > MESSAGE_DELAY_MAX:
        return None
    return timedelta(seconds=-(-wait // timedelta(seconds=1)))


def first_look(run_at: datetime, *, at: datetime, resend_after: timedelta) -> datetime:
    """Return when the sweep looks first at a job that waits for ``run_at`` since ``at``."""
    if message_delay(run_at, at=at) is None:
        return run_at - SENT_AHEAD
    return max(run_at, at) + resend_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the sweep does with a job: sends a message with ``delay``, or none; and looks again at ``again_at``."""

    again_at: datetime
    delay: timedelta | None = None


def look(job: Job, *, at: datetime, resend_after: timedelta) -> Look:
    """Decide what the sweep does with a job that is not final and has come to its ``due_at``."""
    if job.is_expired(at):
        return look_at_expired(at=at)
    if job.status is JobStatus.IN_PROGRESS and job.lease_expires_at is not None:
        due_since = job.lease_expires_at
        if job.is_held(at):
            return Look(again_at=due_since)
        return _look_at_due(due_since, at=at, resend_after=resend_after)
    return look_at_waiting(job.run_at, at=at, resend_after=resend_after)


def look_at_expired(*, at: datetime) -> Look:
    """Decide what the sweep does with a row that counts no more: nothing, until the table deletes it days later."""
    return Look(again_at=at + RESEND_AFTER_MAX)


def look_at_waiting(run_at: datetime, *, at: datetime, resend_after: timedelta) -> Look:
    """
    Decide what the sweep does with a row that waits for ``run_at``.

    One that nobody takes, because there are more than the consumers manage, is sent again at ever longer intervals:
    each time as long again as it has been due, up to `RESEND_AFTER_MAX`.
    """
    if run_at > at + DUE_TOLERANCE:
        again_at = first_look(run_at, at=at, resend_after=resend_after)
        return Look(again_at=again_at, delay=message_delay(run_at, at=at))
    return _look_at_due(run_at, at=at, resend_after=resend_after)


def _look_at_due(due_since: datetime, *, at: datetime, resend_after: timedelta) -> Look:
    wait = min(max(at - due_since, resend_after), RESEND_AFTER_MAX)
    return Look(again_at=at + wait, delay=timedelta())

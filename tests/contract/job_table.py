"""What the tests of the jobs table share: transitions of a job, and how to write them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey
from chalicelib.domain.users import UserId
from chalicelib.ports import JobRepository
from tests.factories import OWNER, make_act
from tests.fakes import NOON

ERROR = JobError(code="OPERATION_FAILED", detail="no such planet")
LATER = NOON + timedelta(seconds=1)


def finished(job: Job, token: str = "end") -> Job:
    return job.finished("14", make_act(token, at=LATER))


def retried(job: Job, token: str = "end") -> Job:
    run_at = LATER + timedelta(seconds=4)
    return job.retried(ERROR, make_act(token, at=LATER), run_at=run_at, due_at=run_at + timedelta(minutes=1))


def failed(job: Job, token: str = "end") -> Job:
    return job.failed(ERROR, make_act(token, at=LATER))


def cancelled(job: Job, token: str = "end") -> Job:
    return job.cancelled(make_act(token, at=LATER))


def retried_by_hand(job: Job, token: str = "again") -> Job:
    return job.retried_by_hand(make_act(token, at=LATER), due_at=LATER + timedelta(minutes=1))


Ending = Callable[..., Job]
ENDINGS: list[Ending] = [finished, retried, failed, cancelled]


def key_of(number: int, owner_id: UserId = OWNER) -> JobKey:
    return JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))


def refused_with(call: Any, *arguments: Any, **named: Any) -> Job | None:
    """The row that a refused transition found."""
    with pytest.raises(ConcurrentUpdate) as refused:
        call(*arguments, **named)
    assert refused.value.current is None or isinstance(refused.value.current, Job)
    return refused.value.current


def advanced(jobs: JobRepository, seen: Job, to: Job) -> Job:
    """Write a transition; return the row, which must be what the transition made."""
    jobs.advance(seen, to)
    assert jobs.get(to.key) == to
    return to

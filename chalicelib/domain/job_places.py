"""Where a list of everybody's jobs goes on: pure."""

from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

from chalicelib.domain.jobs import JobId

Place = NewType("Place", str)
"""
An instant and a job in the form of a UUID: 48 bits of the millisecond, then the last 80 bits of the job's id.

Places sort by the instant, then by the job. The 62 random bits of each id are among the 80, so no two jobs share a
place.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_JOB_BITS = 80
_JOB_MASK = (1 << _JOB_BITS) - 1


def place_of(at: datetime, job_id: JobId) -> Place:
    """
    Return the place of a job that is listed by an instant.

    >>> place_of(datetime(2026, 11, 23, 12, tzinfo=UTC), JobId("01900000-0000-7000-8000-000000000001"))
    '01a20846-fe00-7000-8000-000000000001'
    """
    milliseconds = (at - _EPOCH) // _MILLISECOND
    return Place(str(UUID(int=(milliseconds << _JOB_BITS) | (UUID(job_id).int & _JOB_MASK))))


def instant_of(place: Place) -> datetime:
    """Return the instant of a place."""
    return _EPOCH + (UUID(place).int >> _JOB_BITS) * _MILLISECOND

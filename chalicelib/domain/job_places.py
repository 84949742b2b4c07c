"""Where a list of everybody's jobs goes on: pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.domain.users import UserId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PARTITION_BITS = 80
_PARTITION_MASK = (1 << _PARTITION_BITS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where a job stands in a list of everybody's: the instant it is listed by, the partition that has it, and its key.

    A list goes by the instant, then by the partition. In what order those of one partition come that share an instant
    is the partition's affair, which goes on after any key.
    """

    at: datetime
    partition: int
    key: JobKey

    @property
    def text(self) -> str:
        """
        Three UUIDs with dots between: the millisecond before the partition, the owner, the job.

        >>> at, key = datetime(2026, 11, 23, 12, tzinfo=UTC), JobKey(owner_id=UserId("9…"), job_id=JobId("0…"))
        >>> Place(at=at, partition=5, key=key).text
        '01a20846-fe00-0000-0000-000000000005.9….0…'
        """
        milliseconds = (self.at - _EPOCH) // _MILLISECOND
        where = UUID(int=(milliseconds << _PARTITION_BITS) | self.partition)
        return f"{where}.{self.key.owner_id}.{self.key.job_id}"


def parsed_place(text: str) -> Place:
    """Return the place of a text."""
    where, owner_id, job_id = text.split(".")
    number = UUID(where).int
    return Place(
        at=_EPOCH + (number >> _PARTITION_BITS) * _MILLISECOND,
        partition=number & _PARTITION_MASK,
        key=JobKey(owner_id=UserId(owner_id), job_id=JobId(job_id)),
    )

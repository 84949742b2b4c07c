"""Which jobs a list shows, or many are changed at once: pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from chalicelib.domain.jobs import Job, JobId, JobStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RANDOM_BITS = 80
_LAST_MS = 2**48 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """Ids from ``first`` to ``last``, both included; none if the last is before the first."""

    first: JobId
    last: JobId

    @property
    def is_empty(self) -> bool:
        """Whether no id can be in it."""
        return self.last < self.first

    def __contains__(self, job_id: JobId) -> bool:
        """Tell whether an id is in it."""
        return self.first <= job_id <= self.last

    def older_than(self, job_id: JobId) -> "IdRange":
        """Return the part of the range before an id."""
        return IdRange(first=self.first, last=min(self.last, _id_before(UUID(job_id).int)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """
    What a job must be to be listed; ``None`` asks nothing.

    ``created_after`` is met by the instant itself, ``created_before`` is not. Both are asked of the job's id, whose
    first 48 bits are the millisecond in which it was made (RFC 9562 section 5.7), so that they bound what is read.
    ``error_code`` and ``is_dead`` are met by FAILED jobs only, ``is_open`` by those that are not final.
    """

    status: JobStatus | None = None
    is_open: bool = False
    error_code: str | None = None
    is_dead: bool = False
    operation: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    tag: str | None = None

    @property
    def is_selective(self) -> bool:
        """Whether jobs within `ids` may have to be passed over, so that a page takes more reading than it has jobs."""
        asked = (self.status, self.operation, self.tag, self.error_code)
        return self.is_open or self.is_dead or any(each is not None for each in asked)

    @property
    def ids(self) -> IdRange:
        """Ids of the jobs made in the time asked for."""
        first_ms = 0 if self.created_after is None else _milliseconds(self.created_after)
        end_ms = _LAST_MS if self.created_before is None else _milliseconds(self.created_before)
        return IdRange(first=_id(first_ms << _RANDOM_BITS), last=_id_before(end_ms << _RANDOM_BITS))

    def in_words(self) -> str:
        """
        Return what is asked, in the words of the API.

        >>> JobFilter(status=JobStatus.FAILED, is_dead=True).in_words()
        'status FAILED, dead true'
        >>> JobFilter().in_words()
        'all'
        """
        asked = {
            "status": self.status or ("PENDING or IN_PROGRESS" if self.is_open else None),
            "operation": self.operation,
            "error_code": self.error_code,
            "dead": "true" if self.is_dead else None,
            "tag": self.tag,
            "created_after": self.created_after and self.created_after.isoformat(),
            "created_before": self.created_before and self.created_before.isoformat(),
        }
        return ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None) or "all"

    def matches(self, job: Job) -> bool:
        """Tell whether a list shows the job."""
        return (
            job.key.job_id in self.ids
            and self.status in {None, job.status}
            and self.operation in {None, job.operation}
            and (self.tag is None or self.tag in job.tags)
            and not (self.is_open and job.is_final)
            and not (self.is_dead and not job.is_dead)
            and (self.error_code is None or (job.error is not None and job.error.code == self.error_code))
        )


def _milliseconds(at: datetime) -> int:
    """Return the first millisecond at or after an instant, as near to it as ids can tell."""
    return min(max(-((_EPOCH - at) // _MILLISECOND), 0), _LAST_MS)


def _id(number: int) -> JobId:
    return JobId(str(UUID(int=number)))


def _id_before(number: int) -> JobId:
    return _id(max(number - 1, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedJobs:
    """
    Which jobs are meant: those of the user of this name, or of everybody, that match.

    Of everybody, only jobs that are not final and FAILED ones are to be had: ``wanted`` asks for the one or the other.
    """

    username: str | None = None
    wanted: JobFilter

    def in_words(self) -> str:
        """Return what is meant, in the words of the API."""
        asked = self.wanted.in_words()
        return asked if self.username is None else f"username {self.username}, {asked}"


class BulkAction(StrEnum):
    """What is done with each of the jobs."""

    RETRY = "retry"
    CANCEL = "cancel"

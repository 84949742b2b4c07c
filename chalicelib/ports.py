"""
What the services need from the outside, as protocols.

Every method that reaches AWS raises `Unavailable` when the other side does not answer; in-memory implementations of the
same protocols live in ``tests/``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, Lease
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import User, UserId


class Clock(Protocol):
    """The current time."""

    def now(self) -> datetime:
        """Return the aware UTC instant, to the millisecond, which is what rows keep."""
        ...


class IdSource(Protocol):
    """Fresh identifiers."""

    def new_user_id(self) -> UserId:
        """Return a random UUID."""
        ...

    def new_job_id(self) -> JobId:
        """Return a UUID version 7, greater than those this process made in earlier milliseconds."""
        ...

    def new_token_id(self) -> str:
        """Return a random UUID for a lease or an access token."""
        ...


class UserRepository(Protocol):
    """Users by name."""

    def add(self, user: User) -> None:
        """
        Store a new user, atomically against others of the same name.

        Raises:
            Conflict: The name is taken, in whatever case.
        """
        ...

    def find(self, username: str) -> User | None:
        """Return the user of this name, in whatever case, or ``None``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Jobs newest first; ``next_after`` is the id to go on after, ``None`` at the end. A page may be short."""

    jobs: Sequence[Job]
    next_after: JobId | None


class JobRepository(Protocol):
    """
    Jobs by owner and id. Each transition is one conditional write.

    A claim or an end whose response was lost still counts when it is tried again. A transition refused by its condition
    raises `ConcurrentUpdate` with the job as it is, ``None`` when it is gone.
    """

    def add(self, job: Job) -> None:
        """Store a new job. Adding the same job again, after a lost response, changes nothing."""
        ...

    def withdraw(self, key: JobKey) -> None:
        """
        Remove a job that no consumer has touched.

        Raises:
            ConcurrentUpdate: An attempt has begun, so the job stands; or, with ``current`` ``None``, there is no such
                job, be it that this very call removed it and lost the response.
        """
        ...

    def get(self, key: JobKey) -> Job | None:
        """Return the job as last written, or ``None``."""
        ...

    def newest(self, owner_id: UserId, *, limit: int, after: JobId | None) -> JobPage:
        """Return at most ``limit`` jobs of one owner, newest first, older than ``after`` when that is given."""
        ...

    def claim(self, key: JobKey, lease: Lease, *, at: datetime) -> Job:
        """
        Begin the next attempt: PENDING, or IN_PROGRESS with a lease expired at ``at``, and attempts left.

        Returns:
            The job under ``lease``.
        """
        ...

    def finish(self, job: Job, result_json: str, *, at: datetime) -> None:
        """End a job with its result: IN_PROGRESS under exactly ``job``'s attempt and lease token."""
        ...

    def fail(self, job: Job, error: JobError, *, at: datetime) -> None:
        """End a job with an error: IN_PROGRESS under exactly ``job``'s attempt and lease token."""
        ...


class RateLimitStore(Protocol):
    """Counters of requests in a window."""

    def take(self, user_id: UserId, limit: Limit, window: Window) -> bool:
        """
        Count one request, unless the window's quota is spent.

        Atomic: of any number of simultaneous calls exactly ``limit.quota`` return true. A lost response may count a
        request twice, never zero times.
        """
        ...


class JobQueue(Protocol):
    """The queue that wakes consumers."""

    def send(self, key: JobKey) -> None:
        """Send the job's key, never its data."""
        ...


class TokenCodec(Protocol):
    """Access tokens."""

    def issue(self, user_id: UserId, *, token_id: str, at: datetime, expires_at: datetime) -> str:
        """Return a signed token for this user."""
        ...

    def verify(self, token: str) -> UserId:
        """
        Return whose token this is.

        Raises:
            NotAuthenticated: Not ours, altered, expired, or not an access token.
        """
        ...


class PasswordHasher(Protocol):
    """Password hashes."""

    def hash(self, password: str) -> str:
        """Return a salted hash that carries its own parameters."""
        ...

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Tell whether the password fits. Without a hash (an unknown user) does the same work and returns false."""
        ...


class Operation(Protocol):
    """What a job computes."""

    @property
    def name(self) -> str:
        """Name under which jobs ask for it."""
        ...

    @property
    def description(self) -> str:
        """One line for people."""
        ...

    @property
    def input_schema(self) -> Mapping[str, object]:
        """JSON Schema of ``data``."""
        ...

    def accepted_input(self, data_json: bytes) -> str:
        """
        Return the data as canonical JSON text.

        Raises:
            InvalidInput: It is not of the operation's input type; the pointer begins at ``#/data``.
        """
        ...

    def run(self, data_json: str) -> str:
        """
        Compute the result of accepted input, as JSON text.

        Raises:
            JobFailed: The operation has no result for this input.
            Exception: Whatever else the operation raises; it fails the job too.
        """
        ...


class OperationCatalogue(Protocol):
    """All operations of this deployment."""

    def find(self, name: str) -> Operation | None:
        """Return the operation of this name, or ``None``."""
        ...

    def all(self) -> Sequence[Operation]:
        """Return every operation, by name."""
        ...

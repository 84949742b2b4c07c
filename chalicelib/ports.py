"""
What the services need from the outside, as protocols.

Every method that reaches AWS raises `Unavailable` when the other side does not answer; in-memory implementations of the
same protocols live in ``tests/``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.jobs import Claim, Job, JobId, JobKey
from chalicelib.domain.operations import OperationPolicy
from chalicelib.domain.rate_limits import Limit, Taking, Tally
from chalicelib.domain.receipts import Receipt
from chalicelib.domain.tokens import AccessClaims
from chalicelib.domain.users import PasswordCheck, UserId

if TYPE_CHECKING:
    from chalicelib.domain.job_filters import JobFilter
    from chalicelib.domain.signing_keys import SigningKey


class Clock(Protocol):
    """The current time."""

    def now(self) -> datetime:
        """Return the aware UTC instant, to the millisecond, which is what rows keep."""
        ...


class Pause(Protocol):
    """The passing of time."""

    def sleep(self, duration: timedelta) -> None:
        """Return after ``duration``."""
        ...


class IdSource(Protocol):
    """Fresh identifiers."""

    def new_user_id(self) -> UserId:
        """Return a random UUID."""
        ...

    def new_job_id(self, at: datetime) -> JobId:
        """Return a UUID version 7 of the millisecond ``at``, greater than those this process made of it or earlier."""
        ...

    def new_token_id(self) -> str:
        """Return a random UUID for a transition, a credential, or an access token."""
        ...


class AccountIdSource(IdSource, Protocol):
    """What accounts need besides."""

    def new_event_id(self, at: datetime) -> str:
        """Return a UUID version 7, as `new_job_id` does."""
        ...

    def new_secret(self, size_bytes: int) -> bytes:
        """Return random bytes that nobody can guess."""
        ...


class Randomness(Protocol):
    """Chance."""

    def fraction(self) -> float:
        """Return a number from 0 to below 1, uniformly."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Jobs newest first; ``next_after`` is the id to go on after, ``None`` at the end. A page may be short."""

    jobs: Sequence[Job]
    next_after: JobId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job of a list, and its ``place`` in it, which is what to go on after: a UUID, or three with dots between."""

    job: Job
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPage:
    """Jobs of a list; ``next_after`` is the place to go on after, ``None`` at the end. A page may be short."""

    found: Sequence[FoundJob]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueJob:
    """An entry of the index of due jobs, which may lag behind the rows."""

    key: JobKey
    due_at: datetime


class JobRepository(Protocol):
    """
    Jobs by owner and id. Each transition is one conditional write.

    A transition whose response was lost still counts when it is tried again, known by its token. One that is refused by
    its condition raises `ConcurrentUpdate` with the job as it is, ``None`` when it is gone.
    """

    def add(self, job: Job) -> None:
        """Store a new job: *submit*. Adding the same job again, after a lost response, changes nothing."""
        ...

    def get(self, key: JobKey) -> Job | None:
        """Return the job as last written, or ``None``."""
        ...

    def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
        """
        Return those of at most 100 jobs that are there, in any order.

        One that cannot be read is left out, and so is one that the store does not get round to.
        """
        ...

    def claim(self, key: JobKey, claim: Claim) -> Job:
        """
        Begin the next attempt, if `Job.is_claimable`, without reading the row first: *claim*.

        Returns:
            The job as the claim has made it.
        """
        ...

    def advance(self, seen: Job, to: Job) -> None:
        """
        Write any other transition, which made ``to`` of ``seen``, if the row `Job.is_unchanged_since` then.

        *finish*, *retry*, *fail*, *cancel* and *retry by hand* differ in what the job has become, not in how it is
        written: only over the very row they began from.
        """
        ...

    def delete(self, seen: Job) -> None:
        """
        Remove the row, if it `Job.is_unchanged_since` then; one that is gone already is removed.

        Raises:
            ConcurrentUpdate: It has changed.
        """
        ...

    def due(self, shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        """
        Return at most ``limit`` jobs of one shard whose ``due_at`` has come by ``at``, the longest due first.

        With ``after``, the last entry of another page, those that follow it. Fewer than ``limit`` are the last.
        """
        ...

    def look_again(self, seen: DueJob, *, at: datetime) -> None:
        """Put the sweep's next look off until ``at``; does nothing if the job is final or was put off by another."""
        ...

    def dead(self, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        """Return jobs that are `Job.is_dead`, as `due` does, the longest dead first; ``due_at`` is when they died."""
        ...


class Submissions(Protocol):
    """
    New jobs together: all of one request's, and the receipt of its idempotency key, in one write or not at all.

    A write whose response was lost still counts when it is tried again. There are at most 100 jobs; where one write
    cannot take all of them with their receipt, what is left is stored before any call returns a receipt that names it.
    """

    def add(self, jobs: Sequence[Job]) -> None:
        """Store new jobs: *submit*."""
        ...

    def find(self, owner_id: UserId, key_digest: str, *, at: datetime) -> Receipt | None:
        """Return the receipt that a key has, all of whose jobs are then stored; an expired one is none."""
        ...

    def add_once(self, jobs: Sequence[Job], receipt: Receipt) -> Receipt:
        """
        Store new jobs and the receipt that names them, unless the receipt's key has one that is not expired.

        Returns:
            The receipt that stands: the given one, or the earlier one, all of whose jobs are then stored.
        """
        ...


class JobLists(Protocol):
    """The jobs of one owner."""

    def page(self, owner_id: UserId, wanted: "JobFilter", *, limit: int, after: JobId | None) -> JobPage:
        """
        Return at most ``limit`` of the owner's jobs that match, older than ``after`` when that is given.

        Takes the same work however many jobs the owner has. What begins at the first page and goes on after each
        page's ``next_after`` meets every job that matches all the while exactly once; one that has just become FAILED
        or CANCELLED may come late to a list of only those.
        """
        ...


class EverybodysJobs(Protocol):
    """The jobs of all owners, where an index has them together: those that are not final, and the FAILED ones."""

    def page(self, wanted: "JobFilter", *, limit: int, after: str | None) -> FoundPage:
        """
        Return at most ``limit`` jobs that match, behind the place ``after`` when that is given.

        ``wanted`` asks for the status FAILED, which are listed newest first, by when they failed; or for jobs that are
        not final, longest due first, by when the sweep looks at them. Jobs of one millisecond come in any order, which
        stays. No list of others is to be had.

        Takes bounded work, however many jobs there are, be they of one millisecond, so a page may be short and have a
        next one. What begins at the first page and goes on after each page's ``next_after`` meets every job that
        matches all the while; one that is not final may be met again, because its next look is put off. An index lags
        behind the rows: what has just changed may come late.
        """
        ...


class CursorSeal(Protocol):
    """Cursors: where a list goes on, in a form that nobody else can make."""

    def sealed(self, after: str, *, owner_id: UserId, wanted: "JobFilter | str") -> str:
        """
        Return the cursor that goes on after something in this owner's list of these jobs or of this name.

        ``after`` is a UUID, or three with dots between.
        """
        ...

    def opened(self, cursor: str, *, owner_id: UserId, wanted: "JobFilter | str") -> str | None:
        """Return what was sealed, ``None`` when this is not a cursor of this owner's list."""
        ...


class RateLimitStore(Protocol):
    """Tallies of what users took of their limits; the ``holder`` of one is a user's id or the digest of a name."""

    def take(self, holder: str, limit: Limit, taking: Taking) -> Tally:
        """
        Take permits, if the condition of ``taking`` holds; return the tally after it, the taking included.

        Atomic: of simultaneous takings each finds the tally as the one before left it. A tally that is not there is
        begun. One that is repeated by its ticket after a lost response counts once, if no other came in between.

        Raises:
            ConcurrentUpdate: The condition does not hold for the tally that is there, and nothing was taken.
        """
        ...

    def get(self, holder: str, limit: Limit) -> Tally | None:
        """Return a tally as it is now, ``None`` where nothing was taken for long; nothing is taken by that."""
        ...


class JobQueue(Protocol):
    """The queue that wakes consumers: at least once, in any order."""

    def send(self, key: JobKey, *, delay: timedelta = timedelta()) -> None:
        """Send the job's key, never its data, to arrive after ``delay``: whole seconds, 15 minutes at most."""
        ...

    def send_all(self, delays: Mapping[JobKey, timedelta]) -> Mapping[JobKey, str]:
        """
        Send many jobs' keys, each to arrive after its delay, as `send` does.

        Returns:
            Of each job whose message the queue refused, why it did.

        Raises:
            Unavailable: The queue does not answer; some may have been sent.
        """
        ...

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete received messages. One that cannot be deleted is delivered again, which is no error."""
        ...


class SigningKeys(Protocol):
    """The keys of the ring, by the clock, as lately read."""

    def signing(self) -> "SigningKey":
        """Return the key that signs now."""
        ...

    def verifying(self, kid: str) -> "SigningKey | None":
        """
        Return the key of this kid, or ``None`` when what it signed does not count, or no key has it.

        Raises:
            Unavailable: Whether there is such a key cannot be found out now.
        """
        ...

    def all_verifying(self) -> "Sequence[SigningKey]":
        """Return every key whose signatures count, the one that signs now first."""
        ...


class TokenCodec(Protocol):
    """Access tokens."""

    def issue(self, claims: AccessClaims) -> str:
        """Return a signed token that says this."""
        ...

    def verify(self, token: str) -> AccessClaims:
        """
        Return what the token says.

        Raises:
            NotAuthenticated: Not ours, altered, expired, or not an access token.
        """
        ...


class Succession(Protocol):
    """Secrets that follow from secrets, computed and never stored: asked again, the answer is the same."""

    def successors(self, secret: bytes) -> Sequence[bytes]:
        """
        Return the 32 bytes that follow a secret under each key that verifies, the signing key's first.

        The first is for a new successor; any of them is one that was given before.
        """
        ...


class PasswordHasher(Protocol):
    """Password hashes. A password is given as `normalised_password` returns it."""

    def hash(self, password: str) -> str:
        """Return a salted hash that carries its own parameters."""
        ...

    def check(self, password: str, password_hash: str | None) -> PasswordCheck:
        """
        Tell whether the password fits, and give a better hash of it when this one's parameters are not today's.

        Without a hash (an unknown user), or with one that cannot be read, which is logged as a fault, does the same
        work and nothing fits.
        """
        ...


class PasswordBlocklist(Protocol):
    """Passwords that nobody may choose."""

    def contains(self, password: str) -> bool:
        """Tell whether it is one of them, whatever its case."""
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

    @property
    def policy(self) -> OperationPolicy:
        """How long an attempt may take, how many there are, and which errors are final."""
        ...

    def accepted_input(self, data_json: bytes) -> str:
        """
        Return the data as canonical JSON text.

        Raises:
            InvalidInput: It is not of the operation's input type; the pointer begins at ``#/data``.
        """
        ...


class OperationRunner(Protocol):
    """Runs operations apart from the consumer, so that none can hold it up or take it down."""

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:
        """
        Run the job's operation on its data, for at most ``job.timeout``; return the result as JSON text.

        Raises:
            AttemptFailed: It raised, ran out of time, lost its process, or refuses its input.
            AttemptCancelled: ``is_cancelled()`` was true while it ran.
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

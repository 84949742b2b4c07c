"""In-memory implementations of the ports. They pass the same contract suite as the real ones."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from chalicelib.account_ports import AuditPage, Erasure
from chalicelib.domain import delivery
from chalicelib.domain.audit import AuditEvent, EventId
from chalicelib.domain.credentials import ApiKey, Credential, CredentialId, Session
from chalicelib.domain.errors import (
    AttemptCancelled,
    AttemptFailed,
    ConcurrentUpdate,
    Conflict,
    JobFailed,
    NotAuthenticated,
    Unavailable,
)
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.job_places import Place
from chalicelib.domain.jobs import Claim, Job, JobErrorCode, JobId, JobKey, JobStatus
from chalicelib.domain.rate_limits import Limit, Taking, Tally
from chalicelib.domain.receipts import Receipt
from chalicelib.domain.signing_keys import KeyRing, SigningKey
from chalicelib.domain.tokens import AccessClaims
from chalicelib.domain.users import PasswordCheck, User, UserId, username_key
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import Clock, DueJob, FoundJob, FoundPage, JobPage

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ERASED_AT_ONCE = 2
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FixedClock:
    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **amount: float) -> None:
        self._now += timedelta(**amount)


class PassingTime:
    """A pause that only moves the clock on; ``meanwhile`` is called in each, with its number from 1 on."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.slept: list[timedelta] = []
        self.meanwhile: Callable[[int], None] = lambda _number: None

    def sleep(self, duration: timedelta) -> None:
        self._clock.advance(seconds=duration.total_seconds())
        self.slept.append(duration)
        self.meanwhile(len(self.slept))


class CountingIds:
    """Ids that sort by creation and are the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new_user_id(self) -> UserId:
        return UserId(f"00000000-0000-4000-8000-{next(self._numbers):012x}")

    def new_job_id(self, at: datetime) -> JobId:
        milliseconds = f"{(at - EPOCH) // timedelta(milliseconds=1):012x}"
        return JobId(f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-{next(self._numbers):012x}")

    def new_token_id(self) -> str:
        return f"00000000-0000-4000-9000-{next(self._numbers):012x}"

    def new_event_id(self, at: datetime) -> str:
        return self.new_job_id(at)

    def new_secret(self, size_bytes: int) -> bytes:
        # No two alike in any part, as real ones.
        return hashlib.shake_256(next(self._numbers).to_bytes(8)).digest(size_bytes)


class InMemoryAuditTrail:
    """Events by whom they concern."""

    def __init__(self, retention: timedelta = timedelta(days=90)) -> None:
        self._events: dict[str, AuditEvent] = {}
        self._retention = retention
        self.away = False

    def record(self, event: AuditEvent) -> None:
        _answer_unless(self.away)
        self._events[event.event_id] = event

    def page(self, subject: str, *, at: datetime, limit: int, after: EventId | None) -> AuditPage:
        _answer_unless(self.away)
        kept = [
            event
            for event in self._events.values()
            if event.subject == subject
            and at < event.at + self._retention
            and (after is None or event.event_id < after)
        ]
        page = sorted(kept, key=lambda event: event.event_id, reverse=True)[:limit]
        return AuditPage(events=page, next_after=page[-1].event_id if len(page) == limit else None)

    def all(self) -> Sequence[AuditEvent]:
        return list(self._events.values())


class InMemoryCredentialRepository:
    """Credentials; what is removed one by one leaves an event in ``audit``."""

    def __init__(self, audit: InMemoryAuditTrail) -> None:
        self.rows: dict[tuple[UserId, CredentialId], Credential] = {}
        self.lock = threading.Lock()
        self._audit = audit
        self.reads = 0
        self.away = False

    def get(self, user_id: UserId, credential_id: CredentialId) -> Credential | None:
        _answer_unless(self.away)
        self.reads += 1
        return self.rows.get((user_id, credential_id))

    def all_of(self, user_id: UserId) -> Sequence[Credential]:
        _answer_unless(self.away)
        with self.lock:
            return [each for (owner, _), each in self.rows.items() if owner == user_id]

    def username_of(self, user_id: UserId) -> str | None:
        return next((each.username for each in self.all_of(user_id)), None)

    def rotate(self, to: Session) -> None:
        _answer_unless(self.away)
        with self.lock:
            current = self.rows.get((to.user_id, to.credential_id))
            if current == to:
                return  # the same rotation again, after a lost response
            if not isinstance(current, Session) or current.current_digest != to.previous_digest:
                raise ConcurrentUpdate(current)
            self.rows[to.user_id, to.credential_id] = to

    def note_use(self, key: ApiKey) -> None:
        _answer_unless(self.away)
        with self.lock:
            current = self.rows.get((key.user_id, key.credential_id))
            if isinstance(current, ApiKey) and key.last_used_at is not None:
                self.rows[key.user_id, key.credential_id] = current.used(key.last_used_at)

    def remove(self, credential: Credential, event: AuditEvent) -> bool:
        _answer_unless(self.away)
        with self.lock:
            if self.rows.pop((credential.user_id, credential.credential_id), None) is None:
                return False
            self._audit.record(event)
            return True

    def remove_all(self, user_id: UserId, credential_ids: Sequence[CredentialId]) -> None:
        _answer_unless(self.away)
        with self.lock:
            for credential_id in credential_ids:
                self.rows.pop((user_id, credential_id), None)


class InMemoryUserRepository:
    """Users, with what is written in one transaction with them."""

    def __init__(self, credentials: InMemoryCredentialRepository, audit: InMemoryAuditTrail) -> None:
        self._users: dict[str, User] = {}
        self._credentials = credentials
        self._audit = audit
        self._lock = threading.Lock()
        self.away = False

    def add(self, user: User, event: AuditEvent) -> None:
        _answer_unless(self.away)
        with self._lock:
            if self._users.setdefault(username_key(user.username), user) != user:
                detail = "this username is taken; choose another"
                raise Conflict(detail)
            self._audit.record(event)

    def find(self, username: str) -> User | None:
        _answer_unless(self.away)
        return self._users.get(username_key(username))

    def change(
        self, seen: User, to: User, *, events: Sequence[AuditEvent], credential: Credential | None = None
    ) -> None:
        _answer_unless(self.away)
        with self._lock, self._credentials.lock:
            current = self._users.get(username_key(seen.username))
            if current is None or not current.is_unchanged_since(seen):
                is_repeated = current is not None and current.is_unchanged_since(to)
                if is_repeated and (credential is None or credential in self._credentials.rows.values()):
                    return  # the same change again, after a lost response
                raise ConcurrentUpdate(current)
            self._users[username_key(seen.username)] = to
            if credential is not None:
                self._credentials.rows[credential.user_id, credential.credential_id] = credential
            for event in events:
                self._audit.record(event)

    def remove(self, username: str, user_id: UserId) -> None:
        _answer_unless(self.away)
        with self._lock:
            current = self._users.get(username_key(username))
            if current is not None and current.user_id == user_id:
                del self._users[username_key(username)]

    def all(self) -> Sequence[User]:
        return list(self._users.values())


class InMemoryErasureQueue:
    """The queue of erasures: what was ordered, and after which delay each is to arrive."""

    def __init__(self) -> None:
        self.orders: list[tuple[Erasure, timedelta]] = []
        self.away = False

    def send(self, erasure: Erasure, *, delay: timedelta = timedelta()) -> None:
        _answer_unless(self.away)
        self.orders.append((erasure, delay))


class InMemoryJobRepository:
    """The jobs table, its lists too: writes take the rule from `Job` and are atomic, as DynamoDB's conditional ones."""

    def __init__(self) -> None:
        self._jobs: dict[JobKey, Job] = {}
        self._lock = threading.Lock()
        self.away = False

    def add(self, job: Job) -> None:
        _answer_unless(self.away)
        with self._lock:
            self._jobs.setdefault(job.key, job)

    def add_all(self, jobs: Sequence[Job], condition: Callable[[], bool]) -> None:
        """Store new jobs if the condition holds, all in one step."""
        _answer_unless(self.away)
        with self._lock:
            if condition():
                for job in jobs:
                    self._jobs.setdefault(job.key, job)

    def get(self, key: JobKey) -> Job | None:
        _answer_unless(self.away)
        return self._jobs.get(key)

    def get_all(self, keys: Sequence[JobKey]) -> Sequence[Job]:
        _answer_unless(self.away)
        return [self._jobs[key] for key in keys if key in self._jobs]

    def page(self, owner_id: UserId, wanted: JobFilter, *, limit: int, after: JobId | None) -> JobPage:
        _answer_unless(self.away)
        with self._lock:
            own = [job for key, job in self._jobs.items() if key.owner_id == owner_id]
        found = [job for job in own if wanted.matches(job) and (after is None or job.key.job_id < after)]
        page = sorted(found, key=lambda job: job.key.job_id, reverse=True)[:limit]
        # As in DynamoDB, a full page has a next one, even if that turns out to be empty.
        return JobPage(jobs=page, next_after=page[-1].key.job_id if len(page) == limit else None)

    def claim(self, key: JobKey, claim: Claim) -> Job:
        _answer_unless(self.away)
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.token == claim.act.token:
                return job  # the same claim again, after a lost response
            if job is None or not job.is_claimable(claim):
                raise ConcurrentUpdate(job)
            claimed = self._jobs[key] = job.claimed(claim)
        return claimed

    def advance(self, seen: Job, to: Job) -> None:
        _answer_unless(self.away)
        with self._lock:
            current = self._jobs.get(to.key)
            if current is not None and current.token == to.token:
                return  # the same transition again, after a lost response
            if current is None or not current.is_unchanged_since(seen):
                raise ConcurrentUpdate(current)
            self._jobs[to.key] = to

    def delete(self, seen: Job) -> None:
        _answer_unless(self.away)
        with self._lock:
            current = self._jobs.get(seen.key)
            if current is not None and not current.is_unchanged_since(seen):
                raise ConcurrentUpdate(current)
            self._jobs.pop(seen.key, None)

    def due(self, shard: int, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        _answer_unless(self.away)
        with self._lock:
            entries = [
                DueJob(key=job.key, due_at=job.due_at)
                for job in self._jobs.values()
                if job.due_at is not None and delivery.shard(job.key.job_id) == shard
            ]
        return _page(entries, at, limit, after)

    def dead(self, *, at: datetime, limit: int, after: DueJob | None = None) -> Sequence[DueJob]:
        _answer_unless(self.away)
        with self._lock:
            entries = [
                DueJob(key=job.key, due_at=job.finished_at)
                for job in self._jobs.values()
                if job.is_dead and job.finished_at is not None
            ]
        return _page(entries, at, limit, after)

    def look_again(self, seen: DueJob, *, at: datetime) -> None:
        _answer_unless(self.away)
        with self._lock:
            job = self._jobs.get(seen.key)
            if job is not None and job.due_at == seen.due_at:
                self._jobs[seen.key] = job.looked_at(again_at=at)

    def erase_some(self, owner_id: UserId) -> bool:
        _answer_unless(self.away)
        with self._lock:
            own = [key for key in self._jobs if key.owner_id == owner_id]
            for key in own[:ERASED_AT_ONCE]:
                del self._jobs[key]
        return len(own) > ERASED_AT_ONCE

    def all(self) -> Sequence[Job]:
        return list(self._jobs.values())


class InMemoryEverybodysJobs:
    """Lists over the rows of a jobs table, as its index has them; a page looks at ``looked_at_max`` of them."""

    def __init__(self, rows: InMemoryJobRepository) -> None:
        self._rows = rows
        self.looked_at_max = 200

    def page(self, wanted: JobFilter, *, limit: int, after: str | None) -> FoundPage:
        _answer_unless(self._rows.away)
        newest_first = wanted.status is JobStatus.FAILED
        listed = [
            FoundJob(job=job, place=Place(at=at, partition=delivery.shard(job.key.job_id), key=job.key).text)
            for job in self._rows.all()
            if (at := _failed_at(job) if newest_first else job.due_at) is not None
        ]
        listed.sort(key=lambda each: each.place, reverse=newest_first)
        if after is not None:
            listed = [each for each in listed if (each.place < after if newest_first else each.place > after)]
        found: list[FoundJob] = []
        for each in listed[: self.looked_at_max]:
            if wanted.matches(each.job):
                found.append(each)
            if len(found) == limit:
                return FoundPage(found=found, next_after=each.place)
        is_last = len(listed) < self.looked_at_max
        return FoundPage(found=found, next_after=None if is_last else listed[self.looked_at_max - 1].place)


def _failed_at(job: Job) -> datetime | None:
    return job.finished_at if job.status is JobStatus.FAILED else None


def _page(entries: list[DueJob], at: datetime, limit: int, after: DueJob | None) -> Sequence[DueJob]:
    def place(entry: DueJob) -> tuple[datetime, str, str]:
        return (entry.due_at, entry.key.owner_id, entry.key.job_id)

    wanted = [entry for entry in entries if entry.due_at <= at and (after is None or place(entry) > place(after))]
    return sorted(wanted, key=place)[:limit]


class InMemorySubmissions:
    """New jobs and receipts, over the rows of a jobs table."""

    def __init__(self, rows: InMemoryJobRepository) -> None:
        self._rows = rows
        self._receipts: dict[tuple[UserId, str], Receipt] = {}

    def add(self, jobs: Sequence[Job]) -> None:
        self._rows.add_all(jobs, lambda: True)

    def add_once(self, jobs: Sequence[Job], receipt: Receipt) -> Receipt:
        key = (receipt.owner_id, receipt.key_digest)

        def is_free() -> bool:
            standing = self._receipts.get(key)
            if standing is not None and not standing.is_expired(receipt.created_at):
                return False
            self._receipts[key] = receipt
            return True

        self._rows.add_all(jobs, is_free)
        return self._receipts[key]

    def find(self, owner_id: UserId, key_digest: str, *, at: datetime) -> Receipt | None:
        _answer_unless(self._rows.away)
        standing = self._receipts.get((owner_id, key_digest))
        return None if standing is None or standing.is_expired(at) else standing

    def receipts(self) -> Sequence[Receipt]:
        return list(self._receipts.values())


class InMemoryRateLimitStore:
    """``tallies`` by holder and name of the limit; ``calls`` counts what it was asked, answered or not."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, str], Tally] = {}
        self._lock = threading.Lock()
        self.calls = 0
        self.away = False

    def take(self, holder: str, limit: Limit, taking: Taking) -> Tally:
        self.calls += 1
        _answer_unless(self.away)
        key = (holder, limit.name)
        with self._lock:
            found = self.tallies.get(key)
            if found is None and taking.born is None:
                found = Tally(born=taking.ticket)
            elif found is None or taking.born != found.born or found.taken > taking.highest:
                raise ConcurrentUpdate(found)
            marks = {taking.interval: found.taken, **found.marks}
            for old in taking.old_marks:
                marks.pop(old, None)
            self.tallies[key] = Tally(born=found.born, taken=found.taken + taking.permits, marks=marks)
            return self.tallies[key]

    def get(self, holder: str, limit: Limit) -> Tally | None:
        self.calls += 1
        _answer_unless(self.away)
        return self.tallies.get((holder, limit.name))


class InMemoryJobQueue:
    """The jobs queue: ``messages`` are the keys sent, ``delays`` how much later each is to arrive."""

    def __init__(self) -> None:
        self.messages: deque[JobKey] = deque()
        self.delays: list[timedelta] = []
        self.deleted: list[str] = []
        self.away = False
        self.fault: Exception | None = None
        self.refuses: set[JobKey] = set()

    def send(self, key: JobKey, *, delay: timedelta = timedelta()) -> None:
        _answer_unless(self.away)
        if self.fault:
            raise self.fault
        self.messages.append(key)
        self.delays.append(delay)

    def send_all(self, delays: Mapping[JobKey, timedelta]) -> Mapping[JobKey, str]:
        for key, delay in delays.items():
            if key not in self.refuses:
                self.send(key, delay=delay)
        return dict.fromkeys(self.refuses & delays.keys(), "the fake refuses it")

    def delete(self, receipt_handles: Sequence[str]) -> None:
        _answer_unless(self.away)
        self.deleted += receipt_handles


class InProcessRunner:
    """Runs operations where it is called, without a timeout; every exception but a refusal is worth another attempt."""

    def __init__(self, catalogue: OperationRegistry) -> None:
        self._catalogue = catalogue

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:
        operation = self._catalogue.find(job.operation)
        if operation is None:
            detail = f"this deployment has no operation {job.operation}"
            raise AttemptFailed(code=JobErrorCode.UNKNOWN_OPERATION, detail=detail, is_final=True)
        try:
            result = operation.run(job.data_json)
        except JobFailed as refusal:
            raise AttemptFailed(code=refusal.code, detail=str(refusal), is_final=True) from refusal
        if is_cancelled():
            raise AttemptCancelled
        return result


class FixedChance:
    """Randomness that always gives the same."""

    def __init__(self, fraction: float = 0.5) -> None:
        self._fraction = fraction

    def fraction(self) -> float:
        return self._fraction


class ReversedPasswords:
    """
    Not a hash at all, but as quick as unit tests want it.

    ``worked_on`` are the passwords that took the work of a hash; ``better_hash`` is what a right one is told to have.
    """

    def __init__(self) -> None:
        self.worked_on: list[str] = []
        self.better_hash: str | None = None

    def hash(self, password: str) -> str:
        self.worked_on.append(password)
        return password[::-1]

    def check(self, password: str, password_hash: str | None) -> PasswordCheck:
        self.worked_on.append(password)
        fits = password_hash is not None and password_hash == password[::-1]
        return PasswordCheck(fits=fits, better_hash=self.better_hash if fits else None)


class InMemoryBlocklist:
    """Refuses a few passwords."""

    def contains(self, password: str) -> bool:
        return password.casefold() in {"iloveyou", "password1"}


class FixedKeys:
    """The keys of a ring, which only a test changes, by a clock."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self.ring = ring
        self._clock = clock

    def signing(self) -> SigningKey:
        return self.ring.signing_at(self._clock.now())

    def verifying(self, kid: str) -> SigningKey | None:
        return self.ring.verifying(kid, self._clock.now())

    def all_verifying(self) -> Sequence[SigningKey]:
        return self.ring.all_verifying(self._clock.now())


class PlainTokens:
    """A token that says what it says in plain text, and expires."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock

    def issue(self, claims: AccessClaims) -> str:
        instants = f"{claims.issued_at.timestamp()}/{claims.expires_at.timestamp()}"
        return f"{claims.user_id}/{claims.session_id}/{claims.token_id}/{instants}"

    def verify(self, token: str) -> AccessClaims:
        try:
            user_id, session_id, token_id, issued_at, expires_at = token.split("/")
        except ValueError as wrong:
            detail = "the token is not one of this service's; log in again"
            raise NotAuthenticated(detail) from wrong
        claims = AccessClaims(
            user_id=UserId(user_id),
            session_id=session_id,
            token_id=token_id,
            issued_at=datetime.fromtimestamp(float(issued_at), UTC),
            expires_at=datetime.fromtimestamp(float(expires_at), UTC),
        )
        if claims.expires_at <= self._clock.now():
            detail = "the token has expired; log in again"
            raise NotAuthenticated(detail)
        return claims


class FixedSuccession:
    """Successors by a digest of the secret and of each of ``keys``, the newest first."""

    def __init__(self, *keys: bytes) -> None:
        self.keys = list(keys) or [b"first"]

    def successors(self, secret: bytes) -> Sequence[bytes]:
        return [hashlib.sha256(key + secret).digest() for key in self.keys]


def _answer_unless(away: bool) -> None:  # noqa: FBT001 - one private guard
    if away:
        detail = "the fake is away"
        raise Unavailable(detail)

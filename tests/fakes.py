"""In-memory implementations of the ports. They pass the same contract suite as the real ones."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from chalicelib.domain import delivery
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
from chalicelib.domain.jobs import Claim, Job, JobErrorCode, JobId, JobKey
from chalicelib.domain.rate_limits import Limit, Taking, Tally
from chalicelib.domain.receipts import Receipt
from chalicelib.domain.users import User, UserId, username_key
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import DueJob, JobPage

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


class InMemoryUserRepository:
    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._lock = threading.Lock()
        self.away = False

    def add(self, user: User) -> None:
        _answer_unless(self.away)
        with self._lock:
            if self._users.setdefault(username_key(user.username), user) != user:
                detail = "this username is taken; choose another"
                raise Conflict(detail)

    def find(self, username: str) -> User | None:
        _answer_unless(self.away)
        return self._users.get(username_key(username))

    def all(self) -> Sequence[User]:
        return list(self._users.values())


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

    def all(self) -> Sequence[Job]:
        return list(self._jobs.values())


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
    """Not a hash at all, but as quick as unit tests want it."""

    def hash(self, password: str) -> str:
        return password[::-1]

    def verify(self, password: str, password_hash: str | None) -> bool:
        return password_hash is not None and password_hash == password[::-1]


class PlainTokens:
    """A token that says what it is; `expires_at` is not checked."""

    def issue(self, user_id: UserId, *, token_id: str, at: datetime, expires_at: datetime) -> str:
        return f"{user_id}/{token_id}/{at:%s}/{expires_at:%s}"

    def verify(self, token: str) -> UserId:
        user_id, separator, _ = token.partition("/")
        if not separator:
            detail = "the token is not one of this service's; log in again"
            raise NotAuthenticated(detail)
        return UserId(user_id)


def _answer_unless(away: bool) -> None:  # noqa: FBT001 - one private guard
    if away:
        detail = "the fake is away"
        raise Unavailable(detail)

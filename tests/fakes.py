"""In-memory implementations of the ports. They pass the same contract suite as the real ones."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
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
from chalicelib.domain.jobs import Claim, Job, JobErrorCode, JobId, JobKey
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import User, UserId, username_key
from chalicelib.operations.registry import OperationRegistry
from chalicelib.ports import DueJob, JobPage

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FixedClock:
    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **amount: float) -> None:
        self._now += timedelta(**amount)


class CountingIds:
    """Ids that sort by creation and are the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new_user_id(self) -> UserId:
        return UserId(f"00000000-0000-4000-8000-{next(self._numbers):012x}")

    def new_job_id(self) -> JobId:
        return JobId(f"00000000-0000-7000-8000-{next(self._numbers):012x}")

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
    """The jobs table: each write takes the rule from `Job` and is atomic, as DynamoDB's conditional ones are."""

    def __init__(self) -> None:
        self._jobs: dict[JobKey, Job] = {}
        self._lock = threading.Lock()
        self.away = False

    def add(self, job: Job) -> None:
        _answer_unless(self.away)
        with self._lock:
            self._jobs.setdefault(job.key, job)

    def get(self, key: JobKey) -> Job | None:
        _answer_unless(self.away)
        return self._jobs.get(key)

    def newest(self, owner_id: UserId, *, limit: int, after: JobId | None) -> JobPage:
        _answer_unless(self.away)
        with self._lock:
            ids = sorted((key.job_id for key in self._jobs if key.owner_id == owner_id), reverse=True)
            wanted = [job_id for job_id in ids if after is None or job_id < after]
            page = [self._jobs[JobKey(owner_id=owner_id, job_id=job_id)] for job_id in wanted[:limit]]
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


class InMemoryRateLimitStore:
    def __init__(self) -> None:
        self._hits: Counter[tuple[UserId, str, int]] = Counter()
        self._lock = threading.Lock()
        self.calls = 0
        self.away = False

    def take(self, user_id: UserId, limit: Limit, window: Window, *, permits: int = 1) -> bool:
        _answer_unless(self.away)
        self.calls += 1
        key = (user_id, limit.name, window.index)
        with self._lock:
            if self._hits[key] + permits > limit.quota:
                return False
            self._hits[key] += permits
        return True


class InMemoryJobQueue:
    """The jobs queue: ``messages`` are the keys sent, ``delays`` how much later each is to arrive."""

    def __init__(self) -> None:
        self.messages: deque[JobKey] = deque()
        self.delays: list[timedelta] = []
        self.deleted: list[str] = []
        self.away = False
        self.fault: Exception | None = None

    def send(self, key: JobKey, *, delay: timedelta = timedelta()) -> None:
        _answer_unless(self.away)
        if self.fault:
            raise self.fault
        self.messages.append(key)
        self.delays.append(delay)

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

"""In-memory implementations of the ports. They pass the same contract suite as the real ones."""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from chalicelib.domain.errors import ConcurrentUpdate, Conflict, NotAuthenticated, Unavailable
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, Lease
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import User, UserId, username_key
from chalicelib.ports import JobPage

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
    def __init__(self) -> None:
        self._jobs: dict[JobKey, Job] = {}
        self._lock = threading.Lock()
        self.away = False
        self.loses_answers_to_adds = False

    def add(self, job: Job) -> None:
        _answer_unless(self.away)
        with self._lock:
            self._jobs.setdefault(job.key, job)
        _answer_unless(self.loses_answers_to_adds)

    def withdraw(self, key: JobKey) -> None:
        _answer_unless(self.away)
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.status is not JobStatus.PENDING or job.attempt:
                raise ConcurrentUpdate(job)
            del self._jobs[key]

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

    def claim(self, key: JobKey, lease: Lease, *, at: datetime) -> Job:
        _answer_unless(self.away)
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.status is JobStatus.IN_PROGRESS and job.lease == lease:
                return job  # the same claim again, after a lost response
            if job is None or not job.is_claimable(at):
                raise ConcurrentUpdate(job)
            claimed = self._jobs[key] = job.claimed(lease, at=at)
        return claimed

    def finish(self, job: Job, result_json: str, *, at: datetime) -> None:
        self._end(job, job.succeeded(result_json, at=at))

    def fail(self, job: Job, error: JobError, *, at: datetime) -> None:
        self._end(job, job.failed(error, at=at))

    def _end(self, job: Job, ended: Job) -> None:
        _answer_unless(self.away)
        with self._lock:
            current = self._jobs.get(job.key)
            if current is None or job.lease is None:
                raise ConcurrentUpdate(current)
            is_ours = current.is_held_by(attempt=job.attempt, token=job.lease.token)
            if is_ours and current.status is ended.status:
                return  # the same end again, after a lost response
            if not is_ours or current.is_final:
                raise ConcurrentUpdate(current)
            self._jobs[job.key] = replace(ended, started_at=current.started_at)

    def all(self) -> Sequence[Job]:
        return list(self._jobs.values())


class InMemoryRateLimitStore:
    def __init__(self) -> None:
        self._hits: Counter[tuple[UserId, str, int]] = Counter()
        self._lock = threading.Lock()
        self.away = False

    def take(self, user_id: UserId, limit: Limit, window: Window) -> bool:
        _answer_unless(self.away)
        key = (user_id, limit.name, window.index)
        with self._lock:
            if self._hits[key] >= limit.quota:
                return False
            self._hits[key] += 1
        return True


class InMemoryJobQueue:
    def __init__(self) -> None:
        self.messages: deque[JobKey] = deque()
        self.away = False
        self.loses_answers = False
        self.fault: Exception | None = None

    def send(self, key: JobKey) -> None:
        _answer_unless(self.away)
        if self.fault:
            raise self.fault
        self.messages.append(key)
        _answer_unless(self.loses_answers)


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

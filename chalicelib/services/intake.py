"""Jobs that messages of AWS ask for: one for each event, however often its messages come."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.account_ports import UserRepository
from chalicelib.domain.errors import IdempotencyKeyReused, InvalidInput
from chalicelib.domain.jobs import Act, Job, JobId, JobKey
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.stable_ids import EPOCH, stable_id
from chalicelib.domain.users import User, UserId, is_username
from chalicelib.domain.webhooks import Webhook
from chalicelib.intake_ports import Order
from chalicelib.ports import Clock, IdSource, JobQueue, JobRepository
from chalicelib.services.acceptance import Acceptance, WantedJob
from chalicelib.services.dispatch import dispatch
from chalicelib.services.rate_limiting import RateLimiter

AHEAD_MAX = timedelta(hours=1)
"""How far an event's time may be ahead of the clock here; a job of a far future would be the newest for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The job of an order; ``is_new`` tells whether it was made for it, or was there already."""

    job: Job
    is_new: bool


class Intake:
    """
    Submits the jobs of orders, each under an id that follows from its owner and its event.

    So the row itself says whether an event has its job, as long as the row is kept. ``callbacks_of`` is as in
    `chalicelib.services.submission`.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        users: UserRepository,
        jobs: JobRepository,
        queue: JobQueue,
        acceptance: Acceptance,
        callbacks_of: Callable[[UserId], Webhook],
        rate_limiter: RateLimiter,
        limit: Limit,
        clock: Clock,
        ids: IdSource,
        worker: str,
    ) -> None:
        self._users = users
        self._jobs = jobs
        self._queue = queue
        self._acceptance = acceptance
        self._callbacks_of = callbacks_of
        self._rate_limiter = rate_limiter
        self._limit = limit
        self._clock = clock
        self._ids = ids
        self._worker = worker

    def submit(self, order: Order, wanted: WantedJob) -> Taken:
        """
        Accept the job of an order: the row first, then the message.

        Whether the event has its job is looked up before it counts: a message that comes again uses nothing of the
        limit and is not held up by it, for the price of one read, a fifth of the write that counts. Of two that come at
        the very same moment both count, and the first row stands.

        Raises:
            InvalidInput: No user of this name may have jobs, the event's time cannot be, or the job is not acceptable.
            InputTooLarge: The data is over the limit.
            IdempotencyKeyReused: The event has a job, and it is another one than this.
            RateLimited: The user has no room for another job now.
            Unavailable: A store is away. Whether the job was accepted is unknown.
        """
        act = Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)
        if not EPOCH <= order.event_at <= act.at + AHEAD_MAX:
            detail = f"the event's time must not be before 1970, or over {AHEAD_MAX // timedelta(minutes=1)} min ahead"
            raise InvalidInput(detail, pointer="#/event_time")
        owner_id = self._user(order.username).user_id
        job_id = JobId(stable_id(order.event_at, owner_id, order.event_id))
        job = self._acceptance.job(JobKey(owner_id=owner_id, job_id=job_id), wanted, act)
        standing = self._jobs.get(job.key)
        if standing is not None:
            return Taken(job=_same(standing, job), is_new=False)
        self._rate_limiter.admit(owner_id, self._limit)
        if job.callback_url is not None:
            self._callbacks_of(owner_id)
        self._jobs.add(job)
        dispatch(self._queue, job, at=act.at)
        return Taken(job=job, is_new=True)

    def _user(self, username: str) -> User:
        user = self._users.find(username) if is_username(username) else None
        if user is None or user.is_disabled:
            detail = "there is no user of this name, or the account is disabled"
            raise InvalidInput(detail, pointer="#/username")
        return user


def _same(standing: Job, wanted: Job) -> Job:
    """Return the job that an event has, if the wanted one is the same work: the first of an event stands."""
    if (standing.operation, standing.data_json) != (wanted.operation, wanted.data_json):
        detail = "this event has a job of another operation or with other data; another event needs another event_id"
        raise IdempotencyKeyReused(detail)
    return standing

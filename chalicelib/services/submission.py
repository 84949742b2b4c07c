"""Accepting jobs: what a caller wants, checked against its operation, becomes a row and then a message."""

from collections.abc import Callable, Sequence

from chalicelib.domain.errors import IdempotencyKeyReused, InputTooLarge, InvalidInput
from chalicelib.domain.jobs import Act, Job, JobKey
from chalicelib.domain.receipts import KeyedRequest, Outcome, Receipt, Refusal, Submitted
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import Webhook
from chalicelib.ports import Clock, IdSource, JobQueue, JobRepository, Submissions
from chalicelib.services.acceptance import Acceptance, WantedJob
from chalicelib.services.dispatch import dispatch, dispatch_all


class SubmissionService:
    """
    Submits jobs; the owner is part of every key, so no call can reach another's.

    ``callbacks_of`` returns the webhook of callbacks of an owner, made if need be. It is there before a job with a
    callback URL is, and nobody makes it later: an event that comes after its owner's end is to find none.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        jobs: JobRepository,
        submissions: Submissions,
        queue: JobQueue,
        acceptance: Acceptance,
        callbacks_of: Callable[[UserId], Webhook],
        clock: Clock,
        ids: IdSource,
        worker: str,
    ) -> None:
        self._jobs = jobs
        self._submissions = submissions
        self._queue = queue
        self._acceptance = acceptance
        self._callbacks_of = callbacks_of
        self._clock = clock
        self._ids = ids
        self._worker = worker

    def submit(self, owner_id: UserId, wanted: WantedJob) -> Job:
        """
        Accept a job: the row first, then the message.

        The row is the promise. A message that cannot be sent is sent by the sweep.

        Returns:
            The job, stored.

        Raises:
            InvalidInput: There is no such operation, the data is not of its input type, or an option is out of bounds.
            InputTooLarge: The data is over the limit.
            Unavailable: The store is away. Whether the job was accepted is unknown.
        """
        act = self._new_act()
        job = self._acceptance.job(self._new_key(owner_id, act), wanted, act)
        self._prepare_callbacks(owner_id, [job])
        self._jobs.add(job)
        dispatch(self._queue, job, at=act.at)
        return job

    def submit_once(self, owner_id: UserId, wanted: WantedJob, request: KeyedRequest) -> Submitted:
        """
        Accept a job, as `submit` does, unless its request repeats one that was accepted: then name that one's job.

        Raises:
            IdempotencyKeyReused: The key was given to another request.
            InvalidInput: As in `submit`; nothing is kept of a refused request.
            InputTooLarge: As in `submit`.
            Unavailable: The store is away. Whether the job was accepted, the same request will tell.
        """
        act = self._new_act()
        job = self._acceptance.job(self._new_key(owner_id, act), wanted, act)
        self._prepare_callbacks(owner_id, [job])
        return self._once(Receipt.of(owner_id, request, act, (job.key.job_id,)), [job])

    def repeated(self, owner_id: UserId, request: KeyedRequest) -> Submitted | None:
        """
        Return what became of the request that this one repeats, ``None`` when it repeats none.

        Raises:
            IdempotencyKeyReused: The key was given to another request.
            Unavailable: The store is away.
        """
        standing = self._submissions.find(owner_id, request.key_digest, at=self._clock.now())
        return None if standing is None else _replay(standing, request.fingerprint)

    def submit_batch(
        self, owner_id: UserId, wanted: Sequence[WantedJob | InvalidInput], request: KeyedRequest | None
    ) -> Submitted:
        """
        Accept or refuse each job of a batch by itself; those accepted are stored all or none.

        What could not be read as a job comes as the error that says so, and is refused with it. With ``request`` the
        whole batch happens once, as in `submit_once`; nothing is kept of one without an accepted job.

        Raises:
            IdempotencyKeyReused: The key was given to another request.
            Unavailable: The store is away. Whether the batch was accepted is unknown.
        """
        act = self._new_act()
        jobs: list[Job] = []
        outcomes: list[Outcome] = []
        for each in wanted:
            try:
                if isinstance(each, InvalidInput):
                    raise each
                job = self._acceptance.job(self._new_key(owner_id, act), each, act)
            except (InvalidInput, InputTooLarge) as refused:
                outcomes.append(Refusal.of(refused))
            else:
                jobs.append(job)
                outcomes.append(job.key.job_id)
        self._prepare_callbacks(owner_id, jobs)
        if jobs and request is not None:
            return self._once(Receipt.of(owner_id, request, act, tuple(outcomes)), jobs)
        if jobs:
            self._submissions.add(jobs)
            dispatch_all(self._queue, jobs, at=act.at)
        return Submitted(outcomes=tuple(outcomes), jobs=tuple(jobs))

    def _prepare_callbacks(self, owner_id: UserId, jobs: Sequence[Job]) -> None:
        if any(job.callback_url is not None for job in jobs):
            self._callbacks_of(owner_id)

    def _once(self, receipt: Receipt, jobs: Sequence[Job]) -> Submitted:
        standing = self._submissions.add_once(jobs, receipt)
        if standing.token != receipt.token:
            return _replay(standing, receipt.fingerprint)
        dispatch_all(self._queue, jobs, at=receipt.created_at)
        return Submitted(outcomes=standing.outcomes, jobs=tuple(jobs))

    def _new_key(self, owner_id: UserId, act: Act) -> JobKey:
        return JobKey(owner_id=owner_id, job_id=self._ids.new_job_id(act.at))

    def _new_act(self) -> Act:
        return Act(token=self._ids.new_token_id(), at=self._clock.now(), worker=self._worker)


def _replay(standing: Receipt, fingerprint: str) -> Submitted:
    if standing.fingerprint != fingerprint:
        detail = "this Idempotency-Key was given to another request; use a new one, or repeat that one as it was"
        raise IdempotencyKeyReused(detail)
    return Submitted(outcomes=standing.outcomes, is_replay=True)

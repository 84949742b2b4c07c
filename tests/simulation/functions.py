"""The actors: each function of the deployment and each call of the API, over the product's own services."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.adapters.sqs import from_body
from chalicelib.batches import Message, MessagesReturned
from chalicelib.consumer import Consumer
from chalicelib.domain.delivery import shard
from chalicelib.domain.errors import Conflict, Expired, NotFound, Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Act, JobId, JobKey, JobStatus, submitted
from chalicelib.domain.receipts import KeyedRequest, Submitted
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import Webhook
from chalicelib.services.acceptance import WantedJob
from chalicelib.services.auditing import Auditing
from chalicelib.services.dead_letters import DeadLetters
from chalicelib.services.execution import Execution
from chalicelib.services.jobs import JobService
from chalicelib.services.known_pauses import KnownPauses
from chalicelib.services.submission import SubmissionService
from chalicelib.services.webhooks import WebhookService
from tests.fakes import InMemoryAuditTrail
from tests.simulation.actor import OWNERS, Actor, Crashed
from tests.simulation.catalogue import acceptance
from tests.simulation.event_plan import callback_url
from tests.simulation.event_ports import SimulatedWebhooks
from tests.simulation.faults import Fault
from tests.simulation.observer import instant, ms, right_result
from tests.simulation.plan import HOUR, MINUTE, SECOND, PlannedCall, PlannedJob
from tests.simulation.ports import SimulatedQueue, SimulatedRunner, SimulatedStore, SimulatedSubmissions

if TYPE_CHECKING:
    from tests.simulation.outside import Outside
    from tests.simulation.world import World

API_MS = 29 * SECOND
CONSUME_MS = 90 * SECOND
"""The function's time, as the configuration has it."""

SWEEP_MS = 60 * SECOND
BURY_MS = 60 * SECOND

PlannedRequest = Sequence[tuple[int, PlannedJob]]
"""Jobs to submit together, each with its place in the plan."""

SENDS_MAX = 4
"""How often a client sends a keyed request that is not answered."""


def _new(world: "World", kind: str, time_ms: int, owner: int | None = None) -> Actor:
    return Actor(world, kind, time_ms=time_ms, owner=None if owner is None else OWNERS[owner])


def _service(actor: Actor) -> JobService:
    world = actor.world
    return JobService(
        jobs=SimulatedStore(actor),
        lists=SimulatedStore(actor),
        queue=SimulatedQueue(actor),
        clock=actor,
        ids=world.ids,
        limits=world.limits,
        worker=actor.name,
    )


def webhook_service(actor: Actor, outside: "Outside") -> WebhookService:
    """Return what an owner's webhooks are made and read with, for one actor."""
    return WebhookService(
        webhooks=SimulatedWebhooks(actor, outside),
        audit=InMemoryAuditTrail(),
        auditing=Auditing(clock=actor, ids=actor.world.ids),
        clock=actor,
        ids=actor.world.ids,
        to_anywhere=False,
    )


def _submissions(actor: Actor) -> SubmissionService:
    world = actor.world

    def callbacks_of(owner_id: UserId) -> Webhook:
        assert world.outside is not None, "without it no job calls back"
        reading = actor.reading
        webhook = webhook_service(actor, world.outside).callbacks_of(owner_id)
        actor.reading = reading  # that of the act, by which the job's times are checked
        return webhook

    return SubmissionService(
        jobs=SimulatedStore(actor),
        submissions=SimulatedSubmissions(actor),
        queue=SimulatedQueue(actor),
        acceptance=acceptance(world),
        callbacks_of=callbacks_of,
        clock=actor,
        ids=world.ids,
        worker=actor.name,
    )


def _dead_letters(actor: Actor) -> DeadLetters:
    world = actor.world
    return DeadLetters(
        jobs=SimulatedStore(actor),
        queue=SimulatedQueue(actor),
        clock=actor,
        ids=world.ids,
        limits=world.limits,
        worker=actor.name,
    )


def _consumer(actor: Actor) -> Consumer:
    world = actor.world
    queue = SimulatedQueue(actor)
    execution = Execution(
        jobs=SimulatedStore(actor),
        queue=queue,
        runner=SimulatedRunner(actor),
        clock=actor,
        ids=world.ids,
        randomness=actor,
        limits=world.limits,
        pauses=KnownPauses(tuple, clock=actor) if actor.container is None else actor.container.known,
        worker=actor.name,
    )
    return Consumer(
        execution=execution,
        dead_letters=_dead_letters(actor),
        queue=queue,
        partial_responses=world.plan.partial_responses,
    )


def consume(world: "World", messages: Sequence[Message]) -> None:
    """Run the consumer on a batch, and do with the messages what the event source mapping does after it."""
    actor = _new(world, "consume", CONSUME_MS)
    actor.lose_time()
    if world.pausing is not None:
        actor.container = world.pausing.container(actor)
    try:
        done = _settled(world, lambda: _consumer(actor).consume(messages, actor.time_left), messages)
    except Crashed:
        return
    if world.pausing is not None and actor.container is not None:
        world.pausing.free(actor.container)
    world.observer.left_off(actor)
    actor.told(f"ends; {len(done)} of {len(messages)} messages deleted")
    if not world.faults.is_away(Fault.QUEUE_AWAY, actor.name, "delete"):
        world.delete(actor, [message.receipt_handle for message in done])


def bury(world: "World", letter: Message) -> None:
    """Run the handler of dead letters on one."""
    actor = _new(world, "bury", BURY_MS)
    actor.letter_sent_ms = ms(letter.sent_at)
    try:
        done = _settled(world, lambda: _consumer(actor).bury([letter]), [letter])
    except Crashed:
        return
    actor.told("ends; letter deleted" if done else "ends; letter comes back")
    if done:
        world.observer.buried(actor, from_body(letter.body), actor.seen)
        world.letters.delete(letter.receipt_handle)
    else:
        world.observer.kept(actor, actor.seen)


def _settled(world: "World", function: Callable[[], object], messages: Sequence[Message]) -> Sequence[Message]:
    """
    Return the messages that the event source mapping deletes after ``function``.

    All if it returns, unless the mapping asks for the failed ones and is told some; none if it raises.
    """
    try:
        answer = function()
    except (MessagesReturned, Unavailable):
        return ()
    if not world.plan.partial_responses or not isinstance(answer, dict):
        return messages
    failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    return [message for message in messages if message.message_id not in failed]


def submit(world: "World", request: PlannedRequest, sent: int = 1) -> None:
    """Submit jobs. A client whose request has a key sends it again when it gets no answer, or one to try later."""
    first = request[0][1]
    actor = _new(world, "submit", API_MS, first.owner)
    actor.planned.extend(job for _, job in request)
    actor.request = None if first.again_ms is None else f"key-{first.batch}"

    def called() -> None:
        world.ids.shard = first.shard
        assert actor.owner is not None
        submitted = _submitted(actor, actor.owner, [_wanted(world, job) for _, job in request])
        keys = [JobKey(owner_id=actor.owner, job_id=JobId(str(outcome))) for outcome in submitted.outcomes]
        world.observer.acknowledged(actor, keys, world.rows.items(), is_replay=submitted.is_replay)
        world.keys.update({place: key for (place, _), key in zip(request, keys, strict=True)})

    is_answered = api_call(actor, called)
    if actor.request is not None and not is_answered and sent < SENDS_MAX:
        wait_ms = int(2 * MINUTE * world.chance() ** 3)
        world.start(world.scheduler.now + wait_ms, partial(submit, world, request, sent + 1))


def _wanted(world: "World", job: PlannedJob) -> WantedJob:
    telling = world.plan.telling
    is_called_back = telling is not None and job.batch in telling.callbacks
    return WantedJob(
        operation="square",
        data_json=b"[%d]" % job.number,
        delay_s=job.delay_s,
        max_attempts=job.max_attempts,
        timeout_s=job.timeout_s,
        callback_url=callback_url(job.owner, job.batch) if is_called_back else None,
    )


def _submitted(actor: Actor, owner_id: UserId, wanted: Sequence[WantedJob]) -> Submitted:
    service = _submissions(actor)
    keyed = None if actor.request is None else KeyedRequest(key_digest=actor.request, fingerprint="the same")
    if len(wanted) > 1:
        return service.submit_batch(owner_id, wanted, keyed)
    if keyed is not None:
        return service.submit_once(owner_id, wanted[0], keyed)
    return Submitted(outcomes=(service.submit(owner_id, wanted[0]).key.job_id,))


def cancel(world: "World", planned: PlannedCall) -> None:
    """Cancel a job."""
    _on_own_job(world, planned, lambda service, key: service.cancel(key.owner_id, key.job_id))


def retry(world: "World", planned: PlannedCall) -> None:
    """Retry a job by hand."""
    _on_own_job(world, planned, lambda service, key: service.retry_by_hand(key.owner_id, key.job_id))


def delete(world: "World", planned: PlannedCall) -> None:
    """Delete a job."""
    _on_own_job(world, planned, lambda service, key: service.delete(key.owner_id, key.job_id))


def read(world: "World", planned: PlannedCall) -> None:
    """Read a job and its owner's list."""

    def called(service: JobService, key: JobKey) -> None:
        job = service.get(key.owner_id, key.job_id)
        record = world.observer.records[key]
        if job.status is JobStatus.SUCCESS and job.result_json != right_result(record.number):
            world.observer.broken("5 right result", f"{job.result_json} of {record.number}")
        for each in service.page(key.owner_id, JobFilter(), limit=10, after=None).jobs:
            if each.key.owner_id != key.owner_id:
                world.observer.broken("11 nobody reaches another's job", "a list shows another's job")

    _on_own_job(world, planned, called)


def intrude(world: "World", planned: PlannedCall) -> None:
    """Try to read, cancel, retry and delete another's job."""
    key = world.keys.get(planned.job)
    if key is None:
        return
    stranger = 1 - OWNERS.index(key.owner_id)
    actor = _new(world, "intrude", API_MS, stranger)
    service = _service(actor)
    for tried in (service.get, service.cancel, service.retry_by_hand, service.delete):

        def called(tried: Callable[..., object] = tried) -> None:
            tried(OWNERS[stranger], key.job_id)
            world.observer.broken("11 nobody reaches another's job", f"{tried.__name__} of another's job")

        api_call(actor, called)
        if actor.is_gone:
            return


def redrive(world: "World", planned: PlannedCall) -> None:  # noqa: ARG001 - all of these take it
    """Retry every dead job."""
    actor = _new(world, "redrive", SWEEP_MS)
    api_call(actor, lambda: _dead_letters(actor).redrive(actor.time_left))


CALLS: Mapping[str, Callable[["World", PlannedCall], None]] = {
    "cancel": cancel,
    "retry": retry,
    "read": read,
    "intrude": intrude,
    "redrive": redrive,
    "delete": delete,
}


def _on_own_job(world: "World", planned: PlannedCall, called: Callable[[JobService, JobKey], object]) -> None:
    key = world.keys.get(planned.job)
    if key is None:
        return
    actor = _new(world, planned.verb, API_MS, OWNERS.index(key.owner_id))
    api_call(actor, lambda: called(_service(actor), key), own=key)


def api_call(actor: Actor, called: Callable[[], object], own: JobKey | None = None) -> bool:
    """Make a call of the API, check its answer against what it wrote, and return whether it succeeded."""
    world = actor.world
    observer = world.observer
    try:
        called()
    except Crashed:
        return False
    except (Unavailable, NotFound, Conflict, Expired) as refused:
        actor.told(f"answers {refused.code}")
        if actor.changed and actor.kind != "redrive":
            observer.broken("C what is done is acknowledged", f"{actor.name} was told {refused.code}")
        kept_until_ms = observer.records[own].expires_at_ms if own is not None else 0
        # The table deletes by the true time, perhaps after the actor last read its clock; "expired" is by that clock.
        at_ms = world.scheduler.now if isinstance(refused, NotFound) else actor.reading
        if isinstance(refused, NotFound | Expired) and kept_until_ms > at_ms:
            observer.broken("1 acknowledged exists", f"{actor.name} was told {refused.code}")
        is_answered = False
    else:
        is_answered = True
        actor.told("answers OK")
        if actor.kind in {"cancel", "retry"} and not actor.writes:
            observer.broken("C what is acknowledged is done", f"{actor.name} was told OK and changed nothing")
    observer.left_off(actor)
    return is_answered


def plant(world: "World", in_shard: int) -> None:
    """Add a row that nobody can read, the longest due of its shard."""
    world.ids.shard = in_shard
    key = JobKey(owner_id=OWNERS[0], job_id=world.ids.new_job_id(world.now()))
    assert shard(key.job_id) == in_shard
    long_ago = instant(-HOUR)
    world.rows.add(
        submitted(
            key,
            Act(token="unreadable", at=long_ago, worker="unknown"),
            operation="unknown",
            data_json="",
            max_attempts=1,
            timeout=timedelta(seconds=1),
            retention=timedelta(days=365),
            run_at=long_ago,
            due_at=long_ago,
        )
    )
    world.unreadable.add(key)

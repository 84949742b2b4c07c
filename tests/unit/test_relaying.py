"""Telling of changes: to whom, in which order, and what comes again when something is away."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.account_ports import Erasure
from chalicelib.domain.cloud_events import JOB_EVENTS, CloudEvent, EventType
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_events import Change, Unreadable, job_event
from chalicelib.domain.jobs import Job, JobError, JobEvent, JobId, JobKey
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import FIRST_LOOK, Delivery
from chalicelib.domain.webhooks import CALLBACKS, DisabledBecause, WebhookId
from chalicelib.event_ports import DeliveryMessage
from chalicelib.services.acceptance import WantedJob
from chalicelib.services.relaying import KEPT, NEEDED, Relay, RelayBroke
from tests.delivery_fakes import InMemoryDeliveryRepository
from tests.event_fakes import InMemoryRelayFailures
from tests.factories import OWNER, WEBHOOK, World, make_act, make_claim, make_job, make_webhook
from tests.fakes import NOON

OTHER = UserId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a99")
SECOND = WebhookId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a56")
ERROR = JobError(code="OPERATION_FAILED", detail="no such planet")
URL = "https://example.com/my/job"
UNREADABLE = Unreadable(position="unreadable", reason="the row of job 7 cannot be read: ValueError")
SOURCE = "/job-backend/jobs"


def plenty() -> timedelta:
    return timedelta(minutes=1)


def job_of(number: int, *, owner_id: UserId = OWNER, **overrides: Any) -> Job:
    return make_job(
        key=JobKey(owner_id=owner_id, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}")),
        token=f"submit {number}",
        **overrides,
    )


def story(job: Job) -> list[Job]:
    """A job after each of five transitions, the second attempt's success the last."""
    running = job.claimed(make_claim(f"{job.token}, claim"))
    waiting = running.retried(ERROR, make_act(f"{job.token}, retry"), run_at=NOON, due_at=NOON)
    again = waiting.claimed(make_claim(f"{job.token}, claim again"))
    return [job, running, waiting, again, again.finished("14", make_act(f"{job.token}, finish"))]


def changes_of(*rows: Job) -> list[Change]:
    """The changes that have made the rows, in this order; the position of each is its number, from 1 on."""
    seen: dict[JobKey, Job] = {}
    changes = []
    for number, row in enumerate(rows, start=1):
        changes.append(Change(position=str(number), before=seen.get(row.key), after=row))
        seen[row.key] = row
    return changes


def submissions(count: int, *, owner_id: UserId = OWNER) -> list[Change]:
    return changes_of(*(job_of(number, owner_id=owner_id) for number in range(1, count + 1)))


def relayed(world: World, changes: Sequence[Change | Unreadable]) -> str | None:
    return world.relay().relay(changes, plenty)


def told(events: Sequence[CloudEvent]) -> list[tuple[int, str]]:
    """Which job each event is about, and its type."""
    return [(int(event.subject[-12:], 16), event.type.removeprefix("job.")) for event in events]


def deliveries(world: World) -> list[tuple[WebhookId, EventType]]:
    return [(each.key.webhook_id, each.event_type) for each in world.deliveries.all()]


def ended(job: Job, how: str) -> list[Job]:
    running = job.claimed(make_claim(f"{job.token}, claim"))
    if how == "cancelled":
        return [job, job.cancelled(make_act("cancel"))]
    end = running.finished("14", make_act("end")) if how == "succeeded" else running.failed(ERROR, make_act("end"))
    return [job, running, end]


def test_each_transition_is_told_in_order() -> None:
    world = World()
    assert relayed(world, changes_of(*story(job_of(1)))) is None
    assert told(world.bus.events) == [
        (1, "submitted"),
        (1, "started"),
        (1, "retrying"),
        (1, "started"),
        (1, "succeeded"),
    ]
    assert {event.source for event in world.bus.events} == {SOURCE}


def test_what_is_no_transition_is_told_to_nobody() -> None:
    world = World()
    job = job_of(1)
    looked_at = Change(position="1", before=job, after=job.looked_at(again_at=NOON + timedelta(minutes=1)))
    gone = Change(position="2", before=job, after=None)
    assert relayed(world, [looked_at, gone]) is None
    assert world.bus.calls == []


def test_nothing_is_nothing() -> None:
    assert relayed(World(), []) is None


def test_ten_jobs_are_told_in_one_call() -> None:
    world = World()
    assert relayed(world, submissions(23)) is None
    assert [len(call) for call in world.bus.calls] == [10, 10, 3]
    assert told(world.bus.events) == [(number, "submitted") for number in range(1, 24)]


def test_no_call_has_two_events_of_one_job() -> None:
    world = World()
    first, second = story(job_of(1)), story(job_of(2))
    rows = [first[0], second[0], first[1], first[2], second[1], second[2]]
    assert relayed(world, changes_of(*rows)) is None
    assert [told(call) for call in world.bus.calls] == [
        [(1, "submitted"), (2, "submitted")],
        [(1, "started")],
        [(1, "retrying"), (2, "started")],
        [(2, "retrying")],
    ]


def test_without_the_bus_all_from_that_call_on_come_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.bus.takes.extend([None, 4])
    changes = submissions(25)
    assert relayed(world, changes) == "11"
    assert len(world.bus.events) == 14, "the bus took some of them all the same"
    assert [record.message for record in caplog.records] == ["the event bus is away; events come again"]
    assert relayed(world, changes[10:]) is None
    assert len({event.id for event in world.bus.events}) == 25


def test_what_comes_again_is_told_again_with_the_same_id() -> None:
    world = World()
    changes = submissions(3)
    relayed(world, changes)
    relayed(world, changes)
    first, again = world.bus.calls
    assert first == again


def test_a_webhook_gets_a_delivery_of_each_event_that_it_wants() -> None:
    world = World()
    world.webhooks.add(make_webhook(event_types=frozenset({EventType.STARTED, EventType.SUCCEEDED})))
    world.webhooks.add(make_webhook(webhook_id=SECOND, event_types=JOB_EVENTS))
    assert relayed(world, changes_of(*ended(job_of(1), "succeeded"))) is None
    assert deliveries(world) == [
        (SECOND, EventType.SUBMITTED),
        (WEBHOOK, EventType.STARTED),
        (SECOND, EventType.STARTED),
        (WEBHOOK, EventType.SUCCEEDED),
        (SECOND, EventType.SUCCEEDED),
    ]


def test_a_delivery_has_the_event_that_the_bus_gets_and_its_id() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    relayed(world, submissions(1))
    (delivery,), (event,) = world.deliveries.all(), world.bus.events
    assert (delivery.body, delivery.key.delivery_id) == (event.to_json(), event.id)
    assert (delivery.key.owner_id, delivery.url) == (OWNER, None)
    assert (delivery.created_at, delivery.run_at, delivery.due_at) == (NOON, NOON, NOON + FIRST_LOOK)
    assert delivery.expires_at == NOON + timedelta(days=14)


def test_the_message_of_each_new_delivery_is_sent() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    world.webhooks.add(make_webhook(webhook_id=SECOND))
    relayed(world, submissions(12))
    assert world.delivery_queue.messages == [
        (DeliveryMessage(key=delivery.key), timedelta()) for delivery in world.deliveries.all()
    ]


def test_a_delivery_that_was_made_before_is_neither_made_nor_sent_again() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    changes = submissions(2)
    relayed(world, changes)
    before = world.deliveries.all()
    world.delivery_queue.taken()
    assert relayed(world, changes) is None
    assert world.deliveries.all() == before
    assert world.delivery_queue.messages == []


def test_a_disabled_webhook_and_those_of_others_get_nothing() -> None:
    world = World()
    world.webhooks.add(make_webhook(disabled_because=DisabledBecause.GONE))
    world.webhooks.add(make_webhook(owner_id=OTHER))
    relayed(world, submissions(1))
    assert deliveries(world) == []
    assert len(world.bus.events) == 1


@pytest.mark.parametrize("how", ["succeeded", "failed", "cancelled"])
def test_a_callback_url_is_told_of_the_end_alone(how: str) -> None:
    world = World()
    world.webhooks.add(make_webhook(webhook_id=CALLBACKS))
    relayed(world, changes_of(*ended(job_of(1, callback_url=URL), how)))
    (delivery,) = world.deliveries.all()
    assert (delivery.key.webhook_id, delivery.event_type, delivery.url) == (CALLBACKS, f"job.{how}", URL)


def test_without_the_webhook_of_callbacks_nobody_is_called_back_and_none_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.webhooks.add(make_webhook(owner_id=OTHER, webhook_id=CALLBACKS))
    with caplog.at_level(logging.INFO):
        assert relayed(world, changes_of(*ended(job_of(1, callback_url=URL), "cancelled"))) is None
    assert deliveries(world) == []
    assert world.webhooks.all_of(OWNER) == []
    assert told(world.bus.events) == [(1, "submitted"), (1, "cancelled")]
    (record,) = caplog.records
    assert (record.levelno, record.message, record.__dict__["job_id"]) == (
        logging.INFO,
        "the owner has no webhook of callbacks; the job does not call back",
        job_of(1).key.job_id,
    )


def test_an_event_that_comes_after_its_owners_account_has_gone_leaves_no_row() -> None:
    world = World()
    wanted = WantedJob(operation="square_sum", data_json=b"[1]", callback_url=URL)
    job = world.services().submissions.submit(OWNER, wanted)
    late = changes_of(*ended(job, "cancelled"))
    world.erasure().erase(Erasure(user_id=OWNER, username="ada"), plenty)
    assert relayed(world, late) is None
    assert told(world.bus.events)
    assert (world.webhooks.all(), world.deliveries.all(), world.jobs.all()) == ([], [], [])
    assert world.delivery_queue.messages == []


def test_the_webhook_of_callbacks_gets_nothing_of_jobs_without_a_callback_url() -> None:
    world = World()
    world.webhooks.add(make_webhook(webhook_id=CALLBACKS))
    relayed(world, changes_of(*ended(job_of(1), "cancelled")))
    assert deliveries(world) == []


def test_an_owner_can_stop_callbacks() -> None:
    world = World()
    world.webhooks.add(make_webhook(webhook_id=CALLBACKS, disabled_because=DisabledBecause.OWNER))
    relayed(world, changes_of(*ended(job_of(1, callback_url=URL), "cancelled")))
    assert deliveries(world) == []


@pytest.mark.parametrize("takes", [0, 4])
def test_webhooks_do_not_wait_for_a_bus_that_is_away(takes: int) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    world.bus.takes.append(takes)
    changes = changes_of(*story(job_of(1)), *(job_of(number) for number in range(2, 20)))
    assert relayed(world, changes) == "1"
    assert len(world.deliveries.all()) == len(world.delivery_queue.messages) == 23
    world.delivery_queue.taken()
    assert relayed(world, changes) is None
    assert len(world.deliveries.all()) == 23
    assert world.delivery_queue.messages == [], "each was sent when its delivery was made"
    assert len({event.id for event in world.bus.events}) == 23


def test_the_messages_of_a_batch_are_sent_together() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    changes = changes_of(*story(job_of(1)), *(job_of(number) for number in range(2, 20)))
    assert relay_over(world, queue=AwayFrom(world.delivery_queue, 1)).relay(changes, plenty) is None
    assert len(world.bus.calls) > 1
    assert len(world.delivery_queue.messages) == 23


def test_without_the_queue_of_deliveries_the_sweep_sends_them_and_the_bus_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    world.delivery_queue.away = True
    assert relayed(world, submissions(2)) is None
    assert len(world.deliveries.all()) == len(world.bus.events) == 2
    (record,) = caplog.records
    assert record.message == "messages not sent; the sweep will send them"
    assert record.__dict__["delivery_ids"] == [event.id for event in world.bus.events]


def test_a_message_that_the_queue_refuses_is_left_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    relayed(world, submissions(2))
    first, second = (delivery.key for delivery in world.deliveries.all())
    world = World()
    world.webhooks.add(make_webhook())
    world.delivery_queue.refuses.add(first)
    assert relayed(world, submissions(2)) is None
    assert [message.key for message, _ in world.delivery_queue.messages] == [second]
    (record,) = caplog.records
    assert (record.message, record.__dict__["delivery_id"]) == (
        "message refused; the sweep will send it",
        first.delivery_id,
    )


@pytest.mark.parametrize("away", ["webhooks", "deliveries"])
def test_without_the_store_the_first_change_comes_again(away: str, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    getattr(world, away).away = True
    assert relayed(world, submissions(2)) == "1"
    assert world.bus.calls == []
    assert [record.message for record in caplog.records] == ["deliveries cannot be made now; events come again"]
    getattr(world, away).away = False
    assert relayed(world, submissions(2)) is None
    assert len(world.bus.events) == len(world.deliveries.all()) == len(world.delivery_queue.messages) == 2


class AwayFrom:
    """Answers so many calls, and none after them."""

    def __init__(self, inner: Any, calls: int) -> None:
        self._inner = inner
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            if not self._left:
                raise Unavailable(name)
            self._left -= 1
            return getattr(self._inner, name)(*arguments, **named)

        return call


def relay_over(world: World, **parts: Any) -> Relay:
    """The relay of a world, with something else in the place of some of its parts."""
    altered = {
        "bus": world.bus,
        "failures": world.relay_failures,
        "webhooks": world.webhooks,
        "deliveries": world.deliveries,
        "queue": world.delivery_queue,
        **parts,
    }
    return Relay(
        source=SOURCE,
        clock=world.clock,
        ids=world.ids,
        retention=timedelta(days=14),
        **altered,
    )


def test_what_has_its_deliveries_is_told_though_the_store_goes_away_after_it() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    world.webhooks.add(make_webhook(webhook_id=SECOND))
    assert relay_over(world, deliveries=AwayFrom(world.deliveries, 5)).relay(submissions(4), plenty) == "3"
    assert told(world.bus.events) == [(1, "submitted"), (2, "submitted")]
    assert len(world.delivery_queue.messages) == 5, "one of them for what comes again"


def test_what_cannot_be_read_is_kept_with_the_reason_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    first, second = submissions(2)
    assert relayed(world, [UNREADABLE, first, UNREADABLE, UNREADABLE, second]) is None
    assert world.relay_failures.kept == [(UNREADABLE.position, UNREADABLE.reason)] * 3
    assert [told(call) for call in world.bus.calls] == [[(1, "submitted")], [(2, "submitted")]]
    assert {record.message for record in caplog.records} == {"a change cannot be told"}
    assert {record.__dict__["reason"] for record in caplog.records} == {UNREADABLE.reason}


def test_what_cannot_be_kept_comes_again_and_what_was_before_it_is_told() -> None:
    world = World()
    world.relay_failures.away = True
    first, second = submissions(2)
    assert relayed(world, [first, UNREADABLE, second]) == UNREADABLE.position
    assert told(world.bus.events) == [(1, "submitted")]


def test_what_the_bus_refuses_for_good_is_kept_with_the_reason_and_its_webhooks_are_told() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    changes = submissions(3)
    refused = str(job_of(2).key.job_id)
    world.bus.refuses.add(refused)
    assert relayed(world, changes) is None
    assert told(world.bus.events) == [(1, "submitted"), (3, "submitted")]
    assert world.relay_failures.kept == [("2", f"job.submitted of job {refused}: Refused: the fake refuses it")]
    assert len(world.deliveries.all()) == 3


def test_what_was_refused_and_cannot_be_kept_comes_again() -> None:
    world = World()
    world.bus.refuses.add(str(job_of(2).key.job_id))
    world.relay_failures.away = True
    changes = submissions(12)
    assert relayed(world, changes) == "2"
    assert len(world.bus.events) == 9, "no further call was made"
    world.relay_failures.away = False
    assert relayed(world, changes[1:]) is None
    assert [position for position, _ in world.relay_failures.kept] == ["2"]


def running_out(*left: timedelta) -> Callable[[], timedelta]:
    clock: Iterator[timedelta] = iter(left)
    return lambda: next(clock)


def test_without_time_the_rest_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    time_left = running_out(*[KEPT] * 13, KEPT - timedelta(milliseconds=1), NEEDED, NEEDED)
    assert world.relay().relay(submissions(30), time_left) == "14"
    assert len(world.bus.events) == 13, "those that were begun are told"
    assert [record.message for record in caplog.records] == ["no time is left; changes come again"]


def test_without_time_for_the_bus_what_it_was_not_told_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    time_left = running_out(*[KEPT] * 12, NEEDED, NEEDED - timedelta(milliseconds=1))
    assert world.relay().relay(submissions(12), time_left) == "11"
    assert (len(world.deliveries.all()), len(world.bus.events)) == (12, 10)
    (record,) = caplog.records
    assert (record.message, record.__dict__["position"]) == ("no time is left; changes come again", "11")


def test_without_any_time_nothing_is_begun() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    assert world.relay().relay(submissions(2), timedelta) == "1"
    assert world.relay().relay([UNREADABLE, *submissions(2)], timedelta) == UNREADABLE.position
    assert (world.deliveries.all(), world.bus.calls, world.relay_failures.kept) == ([], [], [])


def test_a_fault_of_ours_names_the_first_change_that_is_not_told() -> None:
    world = World()

    class Broken(InMemoryDeliveryRepository):
        def add(self, delivery: Delivery) -> bool:
            if delivery.event_type is EventType.RETRYING:
                raise ZeroDivisionError
            return super().add(delivery)

    world.deliveries = Broken()
    world.webhooks.add(make_webhook())
    with pytest.raises(RelayBroke) as broke:
        relayed(world, changes_of(*story(job_of(1))))
    assert (broke.value.position, type(broke.value.__cause__)) == ("3", ZeroDivisionError)
    assert told(world.bus.events) == [(1, "submitted"), (1, "started")]


def test_a_fault_of_ours_behind_what_comes_again_is_logged_and_met_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    class Broken(InMemoryDeliveryRepository):
        def add(self, delivery: Delivery) -> bool:
            if delivery.event_type is EventType.RETRYING:
                raise ZeroDivisionError
            return super().add(delivery)

    world.deliveries = Broken()
    world.webhooks.add(make_webhook())
    world.bus.takes.extend([None, 0])
    changes = changes_of(*story(job_of(1)))
    assert relayed(world, changes) == "2"
    assert [(record.message, record.__dict__["position"]) for record in caplog.records] == [
        ("the event bus is away; events come again", "2"),
        ("relay broke, behind what comes again", "2"),
    ]
    assert "ZeroDivisionError" in caplog.text
    with pytest.raises(RelayBroke) as broke:
        relayed(world, changes[1:])
    assert broke.value.position == "3"


def test_a_fault_at_the_bus_names_the_first_change_of_its_call_and_webhooks_are_told() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    world.bus.fault = PermissionError("the policy lacks events:PutEvents")
    with pytest.raises(RelayBroke) as broke:
        relayed(world, submissions(12))
    assert (broke.value.position, broke.value.__cause__) == ("1", world.bus.fault)
    assert len(world.delivery_queue.messages) == 12


def poison(number: int) -> Job:
    """A row that can be read, and of which no event can be made."""
    unheard_of: Any = "private"
    return job_of(number, events=(JobEvent(at=NOON, transition=unheard_of, attempt=0, worker="api"),))


def test_a_change_of_which_no_event_can_be_made_is_kept_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    assert relayed(world, changes_of(job_of(1), poison(2), job_of(3))) is None
    assert told(world.bus.events) == [(1, "submitted"), (3, "submitted")]
    assert len(world.deliveries.all()) == 2
    reason = f"the event of job {job_of(2).key.job_id} cannot be made: KeyError"
    assert world.relay_failures.kept == [("2", reason)]
    assert [(record.message, record.__dict__["position"]) for record in caplog.records] == [
        ("the event of a change cannot be made", "2"),
        ("a change cannot be told", "2"),
    ]
    assert caplog.records[0].exc_info


def test_a_fault_at_what_cannot_be_read_names_that() -> None:
    world = World()

    class Broken(InMemoryRelayFailures):
        def send(self, position: str, reason: str) -> None:
            raise ZeroDivisionError(position, reason)

    world.relay_failures = Broken()
    with pytest.raises(RelayBroke) as broke:
        relayed(world, [*submissions(1), UNREADABLE])
    assert broke.value.position == UNREADABLE.position


def test_the_webhooks_of_an_owner_are_read_once() -> None:
    world = World()
    world.webhooks.add(make_webhook())
    owners: list[UserId] = []

    class Counting:
        def all_of(self, owner_id: UserId) -> Any:
            owners.append(owner_id)
            return world.webhooks.all_of(owner_id)

    relay = relay_over(world, webhooks=Counting())
    rows = [row for number in range(1, 12) for row in ended(job_of(number), "succeeded")]
    others = [row for number in range(20, 25) for row in ended(job_of(number, owner_id=OTHER), "succeeded")]
    assert relay.relay(changes_of(*rows, *others), plenty) is None
    assert owners == [OWNER, OTHER]
    relay.relay(submissions(1), plenty)
    assert owners == [OWNER, OTHER, OWNER], "but again the next time, as they may have changed"


def test_no_secret_and_no_payload_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.webhooks.add(make_webhook())
    world.bus.refuses.add(str(job_of(1).key.job_id))
    world.delivery_queue.away = True
    with caplog.at_level(logging.DEBUG):
        relayed(world, changes_of(*ended(job_of(1, callback_url=URL, metadata_json='{"a":"private"}'), "failed")))
    assert caplog.records
    logged = [str(record.__dict__) for record in caplog.records]
    assert not [line for line in logged if "private" in line or "whsec" in line or URL in line or ERROR.detail in line]


@dataclass
class Striking:
    """Whatever it stands before is away when ``strikes`` say so: before a call has done anything, or after it."""

    inner: Any
    strikes: deque[str]

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            strike = self.strikes.popleft() if self.strikes else ""
            if strike == "before":
                raise Unavailable(name)
            answer = getattr(self.inner, name)(*arguments, **named)
            if strike == "after":
                raise Unavailable(name)
            return answer

        return call


@st.composite
def histories(draw: st.DrawFn) -> list[Change | Unreadable]:
    """What happens to a few jobs, one beside the other, and now and then what cannot be read."""
    numbers = count(1)
    jobs = [
        job_of(
            next(numbers),
            owner_id=draw(st.sampled_from([OWNER, OTHER])),
            callback_url=draw(st.none() | st.just(URL)),
        )
        for _ in range(draw(st.integers(1, 13)))
    ]
    left = [deque(story(job)[: draw(st.integers(1, 5))]) for job in jobs]
    rows: list[Job] = []
    while left:
        rows.append(draw(st.sampled_from(left)).popleft())
        left = [rest for rest in left if rest]
    changes: list[Change | Unreadable] = [*changes_of(*rows)]
    for number in draw(st.lists(st.integers(0, len(rows)), max_size=2)):
        changes.insert(number, replace(UNREADABLE, position=f"unreadable {number} of {len(changes)}"))
    return changes


STRIKES = st.lists(st.sampled_from(["", "", "", "before", "after"]), max_size=60)


@given(changes=histories(), strikes=STRIKES, takes=st.lists(st.none() | st.integers(0, 10), max_size=5))
def test_whatever_is_away_meanwhile_all_is_told_and_of_each_job_in_order(
    changes: list[Change | Unreadable], strikes: list[str], takes: list[int | None]
) -> None:
    world = World()
    for webhook_id, owner_id in ((WEBHOOK, OWNER), (CALLBACKS, OWNER), (CALLBACKS, OTHER)):
        world.webhooks.add(make_webhook(webhook_id=webhook_id, owner_id=owner_id))
    world.bus.takes.extend(takes)
    shared = deque(strikes)
    relay = relay_over(
        world,
        bus=Striking(world.bus, shared),
        failures=Striking(world.relay_failures, shared),
        webhooks=Striking(world.webhooks, shared),
        deliveries=Striking(world.deliveries, shared),
        queue=Striking(world.delivery_queue, shared),
    )
    positions = [change.position for change in changes]
    begin = 0
    for _ in range(len(strikes) + len(takes) + 1):
        again = relay.relay(changes[begin:], plenty)
        if again is None:
            break
        assert positions.index(again) >= begin, "what is done with does not come again"
        begin = positions.index(again)
    else:
        pytest.fail("it is never done")
    expected = [
        event
        for change in changes
        if isinstance(change, Change) and (event := job_event(change.before, change.after, source=SOURCE))
    ]
    for call in world.bus.calls:
        assert len({event.subject for event in call}) == len(call)
    for subject in {event.subject for event in expected}:
        first_told = dict.fromkeys(event for event in world.bus.events if event.subject == subject)
        assert [*first_told] == [event for event in expected if event.subject == subject]
    own = {each.key.delivery_id for each in world.deliveries.all() if each.key.webhook_id == WEBHOOK}
    assert own == {event.id for event in expected if event.owner_id == OWNER}
    calling_back = {
        change.after.key.job_id
        for change in changes
        if isinstance(change, Change) and change.after and change.after.callback_url
    }
    called_back = {each.key.delivery_id for each in world.deliveries.all() if each.key.webhook_id == CALLBACKS}
    assert called_back == {
        event.id for event in expected if event.type is EventType.SUCCEEDED and event.subject in calling_back
    }
    kept = [position for position, _ in world.relay_failures.kept]
    assert {*kept} == {change.position for change in changes if isinstance(change, Unreadable)}

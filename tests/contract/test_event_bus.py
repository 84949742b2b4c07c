"""
The event bus, and what a rule's target gets of it: here a queue.

On moto no target gets anything without a package that nothing else needs, so there only the answers count.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.adapters.event_bus import EventBridgeBus
from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_events import job_event
from chalicelib.event_ports import EventBus
from tests.aws import LosesFirstResponses, by_sdk, nowhere, product_client
from tests.contract.conftest import StandIn, standing_in
from tests.event_fakes import InMemoryEventBus
from tests.factories import make_act, make_claim, make_job

STAGE = "job-backend-dev"


def make_events(count: int = 1, *, result: str = "14") -> list[CloudEvent]:
    """Of as many jobs, which have ended."""
    events = []
    for number in range(count):
        job = make_job().claimed(make_claim("claim")).finished(result, make_act(f"finish {number}"))
        event = job_event(None, job, source=f"/{STAGE}/jobs")
        assert event is not None
        events.append(event)
    return events


@dataclass(frozen=True, kw_only=True)
class Eventing:
    """A bus, and the CloudEvents that came through it."""

    bus: EventBus
    told: Callable[[], list[Any]]


@dataclass(frozen=True, kw_only=True)
class AwsBus:
    """A bus with a rule that sends all events of the stage to a queue."""

    events: Any
    own: Any
    sqs: Any
    bus_name: str
    queue_url: str

    @classmethod
    def of(cls, stand_in: StandIn) -> "AwsBus":
        events, sqs, name = stand_in.client("events"), stand_in.sqs, stand_in.new_name("bus")
        events.create_event_bus(Name=name)
        queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
        pattern = json.dumps({"source": [STAGE], "detail": {"data": {"status": ["SUCCESS"]}}})
        events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": queue["QueueArn"]}])
        return cls(events=events, own=stand_in.own("events"), sqs=sqs, bus_name=name, queue_url=queue_url)

    def bus(self, *, events: Any = None, source: str = STAGE) -> EventBridgeBus:
        return EventBridgeBus(lambda: by_sdk(events) if events else self.own, bus_name=self.bus_name, source=source)

    def received(self) -> list[Any]:
        """What the target has got since it was asked last."""
        received: list[Any] = []
        while batch := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            received += [json.loads(message["Body"]) for message in batch]
        return received


@pytest.fixture
def aws_bus(request: pytest.FixtureRequest) -> Iterator[AwsBus]:
    with standing_in("ministack", request) as stand_in:
        yield AwsBus.of(stand_in)


@pytest.fixture(params=["memory", "ministack"])
def eventing(request: pytest.FixtureRequest) -> Iterator[Eventing]:
    if request.param == "memory":
        memory = InMemoryEventBus()
        yield Eventing(bus=memory, told=lambda: [json.loads(event.to_json()) for event in memory.events])
        return
    with standing_in(request.param, request) as stand_in:
        aws = AwsBus.of(stand_in)
        yield Eventing(bus=aws.bus(), told=lambda: [each["detail"] for each in aws.received()])


def by_id(told: list[Any]) -> list[Any]:
    return sorted(told, key=lambda each: str(each["id"]))


def test_a_target_gets_the_whole_cloud_event(eventing: Eventing) -> None:
    (event,) = make_events()
    assert eventing.bus.put([event]) == {}
    (told,) = eventing.told()
    assert told == json.loads(event.to_json())
    assert (told["type"], told["subject"], told["data"]["result"]) == ("job.succeeded", event.subject, 14)


def test_ten_events_are_put_at_once(eventing: Eventing) -> None:
    events = make_events(10)
    assert eventing.bus.put(events) == {}
    assert by_id(eventing.told()) == by_id([json.loads(event.to_json()) for event in events])


@pytest.mark.parametrize("result", [str(2**63 - 1), str(-(2**63)), "0.1"])
def test_numbers_come_through_to_the_last_digit(eventing: Eventing, result: str) -> None:
    eventing.bus.put(make_events(result=result))
    assert [told["data"]["result"] for told in eventing.told()] == [json.loads(result)]


def test_rules_know_an_event_by_its_stage_and_its_type(aws_bus: AwsBus) -> None:
    (event,) = make_events()
    aws_bus.bus().put([event])
    aws_bus.bus(source="another-stage").put([event])
    (envelope,) = aws_bus.received()
    assert (envelope["source"], envelope["detail-type"], envelope["resources"]) == (STAGE, "job.succeeded", [])
    assert datetime.fromisoformat(envelope["time"]).tzinfo is not None


def test_a_put_whose_response_was_lost_may_tell_twice(aws_bus: AwsBus) -> None:
    (event,) = make_events()
    aws_bus.bus(events=LosesFirstResponses(aws_bus.events)).put([event])
    assert [each["detail"]["id"] for each in aws_bus.received()] == [event.id, event.id]


def test_events_of_a_source_that_is_not_ours_to_use_come_again(aws_bus: AwsBus) -> None:
    """That is the deployment's fault, and not theirs."""
    with pytest.raises(Unavailable, match="did not take 2 of 2 events: NotAuthorizedForSourceException"):
        aws_bus.bus(source="aws.jobs").put(make_events(2))


def test_one_that_is_refused_for_good_is_told_by_its_place(request: pytest.FixtureRequest) -> None:
    first, second, third = make_events(3)
    broken = replace(second, data_json="nonsense")
    with standing_in("moto", request) as moto:
        moto.client("events").create_event_bus(Name="bus")
        bus = EventBridgeBus(lambda: moto.own("events"), bus_name="bus", source=STAGE)
        assert bus.put([first, broken, third]) == {1: "MalformedDetail: Detail is malformed."}
        assert bus.put([first, third]) == {}


def test_without_the_bus_it_says_so() -> None:
    bus = EventBridgeBus(lambda: product_client("events", nowhere()), bus_name="bus", source=STAGE)
    with pytest.raises(Unavailable, match="the event bus does not answer"):
        bus.put(make_events())

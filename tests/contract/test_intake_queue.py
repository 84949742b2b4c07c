"""The intake queue and the queue of what was refused of it; and one event's messages at once, over each store."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from chalicelib import operations
from chalicelib.adapters.intake_queue import ATTRIBUTE_MAX_CHARACTERS, SqsIntakeQueue, SqsRefusedMessages
from chalicelib.adapters.system import SystemIds
from chalicelib.batches import Message
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.rate_limits import Limit
from chalicelib.domain.receipts import Refusal
from chalicelib.intake import IntakeConsumer
from chalicelib.intake_ports import RefusedMessages
from chalicelib.operations.registry import OperationRegistry
from chalicelib.services.acceptance import Acceptance
from chalicelib.services.intake import Intake
from chalicelib.services.rate_limiting import RateLimiter
from tests.aws import LosesFirstResponses, by_sdk, nowhere, product_client
from tests.contract.conftest import Ports, StandIn, standing_in
from tests.factories import OWNER, World, make_event, make_limits, make_user
from tests.fakes import NOON, FixedClock
from tests.intake_fakes import InMemoryIntakeQueue, InMemoryRefusedMessages, Refused
from tests.unit.test_intake_messages import RECORDED

REFUSAL = Refusal(code="INVALID_INPUT", detail="expected a number, got text", pointer="#/data/0")
WITHOUT_POINTER = Refusal(code="MALFORMED_BODY", detail="the body is not JSON")


class Keeping(Protocol):
    """A queue of refused messages, empty at first."""

    @property
    def port(self) -> RefusedMessages: ...
    def kept(self) -> list[Refused]: ...


@dataclass(frozen=True)
class KeepingInMemory:
    port: InMemoryRefusedMessages

    def kept(self) -> list[Refused]:
        return self.port.messages


@dataclass(frozen=True)
class KeepingInSqs:
    sqs: Any
    url: str

    @property
    def port(self) -> SqsRefusedMessages:
        return SqsRefusedMessages(lambda: by_sdk(self.sqs), queue_url=self.url)

    def kept(self) -> list[Refused]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        )
        return [_refused(message) for message in answer.get("Messages", [])]


def _refused(message: dict[str, Any]) -> Refused:
    assert {each["DataType"] for each in message["MessageAttributes"].values()} == {"String"}
    said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    refusal = Refusal(code=said.pop("Code"), detail=said.pop("Detail"), pointer=said.pop("Pointer", None))
    event_id = said.pop("EventId")
    assert said == {}
    return Refused(body=message["Body"], refusal=refusal, event_id=event_id)


QUEUES = ("moto", "ministack")


@pytest.fixture(params=QUEUES)
def stand_in(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    with standing_in(request.param, request) as found:
        yield found


@pytest.fixture(params=["memory", *QUEUES])
def keeping(request: pytest.FixtureRequest) -> Iterator[Keeping]:
    if request.param == "memory":
        yield KeepingInMemory(InMemoryRefusedMessages())
        return
    with standing_in(request.param, request) as found:
        yield KeepingInSqs(found.sqs, new_queue(found, "refused"))


def new_queue(stand_in: StandIn, name: str) -> str:
    return str(stand_in.sqs.create_queue(QueueName=stand_in.new_name(name))["QueueUrl"])


@pytest.mark.parametrize("refusal", [REFUSAL, WITHOUT_POINTER])
def test_what_is_refused_is_kept_with_the_reason(keeping: Keeping, refusal: Refusal) -> None:
    body = json.dumps(RECORDED["sns"], indent=2) + "\n\u00fc \U0001f600"
    keeping.port.send(body, refusal, event_id="63a3f6b6")
    assert keeping.kept() == [Refused(body=body, refusal=refusal, event_id="63a3f6b6")]


def test_a_reason_that_sqs_would_not_take_is_made_fit(stand_in: StandIn) -> None:
    """An event's id and the name of a field may be any text that JSON has."""
    keeping = KeepingInSqs(stand_in.sqs, new_queue(stand_in, "refused"))
    refusal = Refusal(
        code="INVALID_INPUT", detail="no field \x00a\x1f\ufffe\uffff\t\n\r\u00fc\ue000\U0001f600", pointer="#/\x7f"
    )
    keeping.port.send("body", refusal, event_id="\x01" * 2 + "x" * 2000)
    (kept,) = keeping.kept()
    assert kept.refusal.detail == "no field \ufffda\ufffd\ufffd\ufffd\t\n\r\u00fc\ue000\U0001f600"
    assert kept.refusal.pointer == "#/\x7f"
    assert kept.event_id == "\ufffd\ufffd" + "x" * (ATTRIBUTE_MAX_CHARACTERS - 3) + "…"


def test_a_reason_of_the_longest_length_is_whole(stand_in: StandIn) -> None:
    keeping = KeepingInSqs(stand_in.sqs, new_queue(stand_in, "refused"))
    keeping.port.send("body", REFUSAL, event_id="x" * ATTRIBUTE_MAX_CHARACTERS)
    assert keeping.kept()[0].event_id == "x" * ATTRIBUTE_MAX_CHARACTERS


def test_a_lone_surrogate_is_made_fit_too(stand_in: StandIn) -> None:
    keeping = KeepingInSqs(stand_in.sqs, new_queue(stand_in, "refused"))
    keeping.port.send("body", REFUSAL, event_id="a\ud800b")
    assert keeping.kept()[0].event_id == "a\ufffdb"


def test_a_refusal_whose_response_was_lost_may_be_kept_twice(stand_in: StandIn) -> None:
    keeping = KeepingInSqs(stand_in.sqs, new_queue(stand_in, "refused"))
    twice = KeepingInSqs(LosesFirstResponses(stand_in.sqs), keeping.url)
    twice.port.send("body", REFUSAL, event_id="one")
    assert set(map(str, keeping.kept())) == {str(Refused(body="body", refusal=REFUSAL, event_id="one"))}


def test_a_message_comes_again_when_it_is_told_to(stand_in: StandIn) -> None:
    url = new_queue(stand_in, "intake")
    queue = SqsIntakeQueue(lambda: stand_in.own("sqs"), queue_url=url)
    stand_in.sqs.send_message(QueueUrl=url, MessageBody="body")

    def taken(wait_s: int) -> list[str]:
        answer = stand_in.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait_s)
        return [message["ReceiptHandle"] for message in answer.get("Messages", [])]

    (handle,) = taken(5)
    queue.return_after(handle, timedelta(hours=1))
    assert taken(0) == []
    queue.return_after(handle, timedelta())
    assert len(taken(5)) == 1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda sqs, url: SqsIntakeQueue(lambda: sqs, queue_url=url).return_after("x", timedelta(1)), "intake queue"),
        (
            lambda sqs, url: SqsRefusedMessages(lambda: sqs, queue_url=url).send("body", REFUSAL, event_id="one"),
            "queue of refused messages",
        ),
    ],
)
def test_without_the_queue_it_says_so(call: Callable[[Any, str], None], name: str) -> None:
    url = nowhere()
    with pytest.raises(Unavailable, match=f"the {name} does not answer"):
        call(product_client("sqs", url), f"{url}/123456789012/intake")


def consumer_over(ports: Ports, refused: InMemoryRefusedMessages) -> IntakeConsumer:
    clock, ids = FixedClock(), SystemIds()
    catalogue = OperationRegistry(operations)
    return IntakeConsumer(
        intake=Intake(
            users=ports.users,
            jobs=ports.jobs,
            queue=ports.queue,
            acceptance=Acceptance(operations=catalogue, limits=make_limits(), webhooks_to_anywhere=False),
            callbacks_of=World().webhook_service().callbacks_of,
            rate_limiter=RateLimiter(ports.limits, clock, ids),
            limit=Limit(name="intake", quota=100, window=timedelta(minutes=1)),
            clock=clock,
            ids=ids,
            worker="intake",
        ),
        operations=catalogue,
        queue=InMemoryIntakeQueue(),
        refused=refused,
        clock=clock,
        partial_responses=True,
    )


def message(name: str, sent_at: datetime = NOON) -> Message:
    return Message(body=json.dumps(RECORDED[name]), message_id="one", receipt_handle="handle", sent_at=sent_at)


@pytest.mark.parametrize("name", ["sns", "eventbridge", "form"])
def test_messages_of_one_event_make_one_job_one_after_the_other_and_at_once(ports: Ports, name: str) -> None:
    ports.users.add(make_user(), make_event())
    refused = InMemoryRefusedMessages()
    assert consumer_over(ports, refused).consume([message(name)] * 2) == {"batchItemFailures": []}

    def again(_: int) -> Any:  # each in a container of its own, which knows nothing of the others
        return consumer_over(ports, refused).consume([message(name)])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(again, range(8))) == [{"batchItemFailures": []}] * 8
    page = ports.lists.page(OWNER, JobFilter(), limit=10, after=None)
    (job,) = page.jobs
    assert (job.operation, job.data_json) == ("square_sum", "[1,2,3]")
    assert len(ports.received()) == 1
    assert refused.messages == []


@pytest.mark.parametrize("name", ["sns", "eventbridge"])
def test_messages_of_a_new_event_at_once_make_one_job(ports: Ports, name: str) -> None:
    ports.users.add(make_user(), make_event())
    refused = InMemoryRefusedMessages()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: consumer_over(ports, refused).consume([message(name)]), range(8)))
    assert {"batchItemFailures": []} in answers
    page = ports.lists.page(OWNER, JobFilter(), limit=10, after=None)
    assert len(page.jobs) == 1
    assert set(ports.received()) == {page.jobs[0].key}
    assert refused.messages == []

"""The queue of what could not be told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from chalicelib.adapters.relay_failures import SqsRelayFailures
from chalicelib.domain.errors import Unavailable
from chalicelib.event_ports import RelayFailures
from tests.aws import LosesFirstResponses, by_sdk, nowhere, product_client
from tests.contract.conftest import standing_in
from tests.event_fakes import InMemoryRelayFailures

FAILURE = ("111", "job.failed of job 1: MalformedDetail: Detail is malformed.")


@dataclass(frozen=True, kw_only=True)
class Kept:
    failures: RelayFailures
    lossy: RelayFailures
    kept: Callable[[], list[tuple[str, str]]]


@pytest.fixture(params=["memory", "moto", "ministack"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "memory":
        memory = InMemoryRelayFailures()
        yield Kept(failures=memory, lossy=memory, kept=lambda: memory.kept)
        return
    with standing_in(request.param, request) as stand_in:
        sqs = stand_in.sqs
        own, losing = stand_in.own("sqs"), by_sdk(LosesFirstResponses(sqs))
        queue_url = sqs.create_queue(QueueName=stand_in.new_name("relay-failures"))["QueueUrl"]

        def bodies() -> list[tuple[str, str]]:
            received = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
            messages = [json.loads(each["Body"]) for each in received]
            assert {each["version"] for each in messages} == {1}
            return [(each["position"], each["reason"]) for each in messages]

        yield Kept(
            failures=SqsRelayFailures(lambda: own, queue_url=queue_url),
            lossy=SqsRelayFailures(lambda: losing, queue_url=queue_url),
            kept=bodies,
        )


def test_a_failure_is_kept_with_its_position_and_its_reason(kept: Kept) -> None:
    kept.failures.send(*FAILURE)
    assert kept.kept() == [FAILURE]


def test_a_send_whose_response_was_lost_may_send_twice(kept: Kept) -> None:
    kept.lossy.send(*FAILURE)
    assert kept.kept().count(FAILURE) >= 1


def test_without_the_queue_it_says_so() -> None:
    with pytest.raises(Unavailable, match="the queue of relay failures does not answer"):
        SqsRelayFailures(lambda: product_client("sqs", nowhere()), queue_url="http://127.0.0.1/1/queue").send(*FAILURE)

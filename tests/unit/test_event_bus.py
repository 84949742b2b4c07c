"""What EventBridge's answers mean, given by a client that is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.adapters.event_bus import CALL_MAX_BYTES, EventBridgeBus
from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.errors import Unavailable
from tests.contract.test_event_bus import make_events


@dataclass
class AnsweringClient:
    """Takes each event but those of ``codes``, by their ids; ``taken`` are the details by call."""

    codes: Mapping[str, str] = field(default_factory=dict)
    taken: list[list[str]] = field(default_factory=list)
    error: str | None = None

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's own spelling
        if self.error is not None:
            raise AwsRefusal(operation="events PutEvents", code=self.error, status=400, message="no", members={})
        details = [str(entry["Detail"]) for entry in Entries]
        self.taken.append([detail for detail in details if self._code(detail) is None])
        results = [
            {"EventId": "1"} if (code := self._code(detail)) is None else {"ErrorCode": code, "ErrorMessage": "no"}
            for detail in details
        ]
        return {"Entries": results, "FailedEntryCount": len(details) - len(self.taken[-1])}

    def _code(self, detail: str) -> str | None:
        return next((code for event_id, code in self.codes.items() if event_id in detail), None)


def bus(client: AnsweringClient) -> EventBridgeBus:
    ours: Any = client
    return EventBridgeBus(lambda: ours, bus_name="bus", source="job-backend")


def answered(events: Sequence[CloudEvent], codes: Mapping[int, str]) -> Mapping[int, str]:
    return bus(AnsweringClient({events[place].id: code for place, code in codes.items()})).put(events)


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "InternalException",
        "InternalFailure",
        "InvalidAccountIdException",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "RedactionFailure",
        "ServiceUnavailable",
        "ThrottlingException",
        "UnheardOf",
    ],
)
def test_an_event_that_was_not_taken_for_now_is_to_come_again(code: str) -> None:
    with pytest.raises(Unavailable, match=f"the event bus did not take 1 of 3 events: {code}"):
        answered(make_events(3), {0: "MalformedDetail", 1: code})


@pytest.mark.parametrize("code", ["InvalidArgument", "MalformedDetail", "ValidationException"])
def test_an_event_that_is_never_taken_is_told_by_its_place(code: str) -> None:
    assert answered(make_events(3), {1: code}) == {1: f"{code}: no"}


def test_a_reason_may_have_no_words() -> None:
    (event,) = make_events()

    class WithoutWords(AnsweringClient):
        def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
            return {"Entries": [{"ErrorCode": "MalformedDetail"} for _ in Entries]}

    assert bus(WithoutWords()).put([event]) == {0: "MalformedDetail: "}


def test_a_fault_of_the_deployment_passes() -> None:
    with pytest.raises(AwsRefusal):
        bus(AnsweringClient(error="AccessDeniedException")).put(make_events())


def test_a_call_that_is_throttled_as_a_whole_is_to_come_again() -> None:
    with pytest.raises(Unavailable, match="the event bus does not answer"):
        bus(AnsweringClient(error="ThrottlingException")).put(make_events())


def test_very_large_events_go_in_as_many_calls_as_they_need() -> None:
    events = [replace(event, data_json=f'"{"é" * 30_000}"') for event in make_events(10)]
    client = AnsweringClient({events[7].id: "MalformedDetail"})
    assert bus(client).put(events) == {7: "MalformedDetail: no"}
    assert [len(call) for call in client.taken] == [4, 3, 2], "of 60 kB each, without the one that was refused"
    assert all(sum(len(detail.encode()) for detail in call) <= CALL_MAX_BYTES for call in client.taken)
    assert [detail for call in client.taken for detail in call] == [
        event.to_json() for event in events if event is not events[7]
    ]


def test_no_events_are_no_call() -> None:
    client = AnsweringClient()
    assert bus(client).put([]) == {}
    assert client.taken == []

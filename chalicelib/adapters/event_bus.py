"""The event bus of the stage on EventBridge."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.domain.cloud_events import CloudEvent
from chalicelib.domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

CALL_MAX_BYTES = 256 * 1024
"""
Of all entries of one call. EventBridge has begun to take more, but not in every region.

Source: docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html.
"""

REFUSED_FOR_GOOD = frozenset({"InvalidArgument", "MalformedDetail", "ValidationException"})
"""
Error codes about an entry itself, which is the same whenever it comes again.

After any other, one that nobody knows included, the entry may be taken once the bus is well again, or the deployment
is: EventBridge calls a missing permission, too, an error that is not worth another try.

Source: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html.
"""

TIME_BYTES = 14
"""What EventBridge counts for the time of an entry."""


class EventBridgeBus:
    """
    The event bus: at least once, to whatever rules there are.

    ``source`` is what rules know the stage by. The ``detail`` of an event is the whole CloudEvent.
    """

    def __init__(self, client: "Callable[[], EventBridgeClient]", *, bus_name: str, source: str) -> None:
        self._client = client
        self._bus_name = bus_name
        self._source = source

    def put(self, events: Sequence[CloudEvent]) -> Mapping[int, str]:
        """
        Put at most 10 events on the bus, in more than one call if they are very large.

        Returns:
            Why events were refused for good, by their places.

        Raises:
            Unavailable: EventBridge does not answer, or has not taken some of them for now; others it may have taken.
        """
        client = self._client()
        refused: dict[int, str] = {}
        away: list[str] = []
        place = 0
        for entries in _calls([self._entry(event) for event in events]):
            with unavailable_when_away("the event bus"):
                answer = client.put_events(Entries=entries)
            for result in answer["Entries"]:
                code = result.get("ErrorCode")
                if code in REFUSED_FOR_GOOD:
                    refused[place] = f"{code}: {result.get('ErrorMessage', '')}"
                elif code is not None:
                    away.append(code)
                place += 1
        if away:
            detail = f"the event bus did not take {len(away)} of {len(events)} events: {away[0]}"
            raise Unavailable(detail)
        return refused

    def _entry(self, event: CloudEvent) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._bus_name,
            "Source": self._source,
            "DetailType": event.type,
            "Detail": event.to_json(),
            "Resources": [],
            # As the protocol has it; the types know only what boto3 makes that of.
            "Time": cast("datetime", event.time.timestamp()),
        }


def _calls(entries: "list[PutEventsRequestEntryTypeDef]") -> "Iterator[list[PutEventsRequestEntryTypeDef]]":
    """Yield the entries of each call, in order."""
    call: list[PutEventsRequestEntryTypeDef] = []
    size_bytes = 0
    for entry in entries:
        its_bytes = TIME_BYTES + sum(len(str(entry[name]).encode()) for name in ("Source", "DetailType", "Detail"))
        if call and size_bytes + its_bytes > CALL_MAX_BYTES:
            yield call
            call, size_bytes = [], 0
        call.append(entry)
        size_bytes += its_bytes
    if call:
        yield call

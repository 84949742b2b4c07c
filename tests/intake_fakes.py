"""The ports of intake, in memory."""

from dataclasses import dataclass, field
from datetime import timedelta

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.receipts import Refusal


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A message among the refused."""

    body: str
    refusal: Refusal
    event_id: str


@dataclass(kw_only=True)
class InMemoryRefusedMessages:
    """What was refused, in order."""

    messages: list[Refused] = field(default_factory=list)
    away: bool = False

    def send(self, body: str, refusal: Refusal, *, event_id: str) -> None:
        if self.away:
            detail = "the fake is away"
            raise Unavailable(detail)
        self.messages.append(Refused(body=body, refusal=refusal, event_id=event_id))


@dataclass(kw_only=True)
class InMemoryIntakeQueue:
    """After which waits received messages come again, by receipt handle."""

    waits: dict[str, timedelta] = field(default_factory=dict)
    away: bool = False

    def return_after(self, receipt_handle: str, wait: timedelta) -> None:
        if self.away:
            detail = "the fake is away"
            raise Unavailable(detail)
        self.waits[receipt_handle] = wait

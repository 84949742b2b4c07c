"""What webhooks need from the outside, as protocols: who calls their URLs, and who signs what is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came of one POST that was answered, in whatever way.

    ``retry_after`` is the text of that header, which anybody may have written, or ``None``. ``duration`` is from before
    the name was resolved to when the answer had been read.
    """

    status_code: int
    retry_after: str | None
    duration: timedelta


class NotSent(Exception):
    """
    One POST got no answer; whether the other side took it is unknown, but for refusals before the connection.

    ``reason`` is a few words for the webhook's owner; ``duration`` is as that of an `Answer`.
    """

    def __init__(self, reason: str, *, duration: timedelta) -> None:
        super().__init__(reason)
        self.reason = reason
        self.duration = duration


class WebhookSender(Protocol):
    """The way out, which guards what can be reached."""

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """
        Post ``body`` with ``headers`` to ``url`` once, and return how that was answered; a redirect is an answer, too.

        Headers that HTTP itself needs are added.

        Raises:
            NotSent: Nothing could be sent there, or no answer came in time.
        """
        ...


class WebhookSigner(Protocol):
    """Signatures that tell a receiver who sent an event, and when."""

    def signed_headers(self, *, secrets: Sequence[str], event_id: str, at: datetime, body: str) -> Mapping[str, str]:
        """
        Return the headers of an attempt at the aware instant ``at``, with one signature for each of the secrets.

        Any one of the signatures suffices the receiver. ``body`` is what is sent, in UTF-8.

        Raises:
            ValueError: There is no secret, or one is none. The message says nothing of it.
        """
        ...

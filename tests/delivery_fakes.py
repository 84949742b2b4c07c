"""In-memory implementations of the ports of deliveries. They pass the same contract suite as the real ones."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain import webhook_deliveries
from chalicelib.domain.errors import ConcurrentUpdate, Unavailable
from chalicelib.domain.users import UserId
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryId, DeliveryKey, DeliveryStatus
from chalicelib.domain.webhooks import WebhookId
from chalicelib.event_ports import DeliveryMessage, DeliveryPage, DueDelivery
from chalicelib.webhook_ports import Answer, NotSent
from tests.fakes import FixedClock

ERASED_AT_ONCE = 2


class InMemoryDeliveryRepository:
    """The deliveries table: writes take the rule from `Delivery` and are atomic, as DynamoDB's conditional ones."""

    def __init__(self) -> None:
        self._deliveries: dict[DeliveryKey, Delivery] = {}
        self._lock = threading.Lock()
        self.away = False

    def add(self, delivery: Delivery) -> bool:
        _answer_unless(self.away)
        with self._lock:
            return self._deliveries.setdefault(delivery.key, delivery).token == delivery.token

    def get(self, key: DeliveryKey) -> Delivery | None:
        _answer_unless(self.away)
        return self._deliveries.get(key)

    def advance(self, seen: Delivery, to: Delivery) -> None:
        _answer_unless(self.away)
        with self._lock:
            current = self._deliveries.get(to.key)
            if current is not None and current.token == to.token:
                return  # the same transition again, after a lost response
            if current is None or not current.is_unchanged_since(seen):
                raise ConcurrentUpdate(current)
            self._deliveries[to.key] = to

    def due(self, shard: int, *, at: datetime, limit: int, after: DueDelivery | None = None) -> Sequence[DueDelivery]:
        _answer_unless(self.away)

        def place(entry: DueDelivery) -> tuple[datetime, str, str, str]:
            return (entry.due_at, entry.key.owner_id, entry.key.webhook_id, entry.key.delivery_id)

        with self._lock:
            entries = [
                DueDelivery(key=delivery.key, due_at=delivery.due_at)
                for delivery in self._deliveries.values()
                if delivery.due_at is not None and webhook_deliveries.shard(delivery.key.delivery_id) == shard
            ]
        wanted = [entry for entry in entries if entry.due_at <= at and (after is None or place(entry) > place(after))]
        return sorted(wanted, key=place)[:limit]

    def look_again(self, seen: DueDelivery, *, at: datetime) -> None:
        _answer_unless(self.away)
        with self._lock:
            delivery = self._deliveries.get(seen.key)
            if delivery is not None and delivery.due_at == seen.due_at:
                self._deliveries[seen.key] = delivery.looked_at(again_at=at)

    def page(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        status: DeliveryStatus | None,
        limit: int,
        after: DeliveryId | None,
    ) -> DeliveryPage:
        found = [
            each
            for each in reversed(self._of(owner_id, webhook_id, status))
            if after is None or each.key.delivery_id < after
        ]
        return _page(found, limit)

    def since(
        self,
        owner_id: UserId,
        webhook_id: WebhookId,
        *,
        first: DeliveryId,
        status: DeliveryStatus | None,
        limit: int,
    ) -> DeliveryPage:
        found = [each for each in self._of(owner_id, webhook_id, status) if each.key.delivery_id >= first]
        return _page(found, limit)

    def erase_some(self, owner_id: UserId) -> bool:
        _answer_unless(self.away)
        with self._lock:
            own = [key for key in self._deliveries if key.owner_id == owner_id]
            for key in own[:ERASED_AT_ONCE]:
                del self._deliveries[key]
        return len(own) > ERASED_AT_ONCE

    def all(self) -> Sequence[Delivery]:
        return list(self._deliveries.values())

    def _of(self, owner_id: UserId, webhook_id: WebhookId, status: DeliveryStatus | None) -> list[Delivery]:
        """Return a webhook's deliveries, oldest first."""
        _answer_unless(self.away)
        with self._lock:
            own = [
                each
                for key, each in self._deliveries.items()
                if (key.owner_id, key.webhook_id) == (owner_id, webhook_id) and status in {None, each.status}
            ]
        return sorted(own, key=lambda each: each.key.delivery_id)


class InMemoryDeliveryQueue:
    """The queue of deliveries: the messages sent, and after which delay each is to arrive."""

    def __init__(self) -> None:
        self.messages: list[tuple[DeliveryMessage, timedelta]] = []
        self.away = False
        self.refuses: set[DeliveryKey] = set()

    def send(self, message: DeliveryMessage, *, delay: timedelta = timedelta()) -> None:
        _answer_unless(self.away)
        self.messages.append((message, delay))

    def send_all(self, keys: Sequence[DeliveryKey]) -> Mapping[DeliveryKey, str]:
        _answer_unless(self.away)
        for key in keys:
            if key not in self.refuses:
                self.send(DeliveryMessage(key=key))
        return dict.fromkeys(self.refuses.intersection(keys), "the fake refuses it")

    def taken(self) -> list[tuple[DeliveryMessage, timedelta]]:
        """Return the messages, which are then gone."""
        taken, self.messages = self.messages, []
        return taken


@dataclass(frozen=True, kw_only=True)
class Post:
    """What one POST had."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime


class Receivers:
    """
    Everybody who is told of events: takes its time to answer, and gives the next of its ``answers``.

    An answer is a status, a status with a ``Retry-After``, or why there is none; the last of them stays. ``meanwhile``
    is called while a POST is under way.
    """

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.posts: list[Post] = []
        self.answers: list[int | tuple[int, str] | str] = [200]
        self.takes = timedelta(milliseconds=125)
        self.meanwhile: Callable[[], None] = lambda: None

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        self.posts.append(Post(url=url, headers=headers, body=body, at=self._clock.now()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self._clock.advance(seconds=self.takes.total_seconds())
        if isinstance(answer, str):
            raise NotSent(answer, duration=self.takes)
        status_code, retry_after = answer if isinstance(answer, tuple) else (answer, None)
        return Answer(status_code=status_code, retry_after=retry_after, duration=self.takes)


class PlainSigner:
    """Signatures that say in plain text by which secret they are, of what, and when."""

    def signed_headers(self, *, secrets: Sequence[str], event_id: str, at: datetime, body: str) -> Mapping[str, str]:
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(f"{secret}:{len(body)}" for secret in secrets),
        }


def _page(found: Sequence[Delivery], limit: int) -> DeliveryPage:
    page = found[:limit]
    # As in DynamoDB, a full page has a next one, even if that turns out to be empty.
    return DeliveryPage(deliveries=page, next_after=page[-1].key.delivery_id if len(page) == limit else None)


def _answer_unless(away: bool) -> None:  # noqa: FBT001 - one private guard
    if away:
        detail = "the fake is away"
        raise Unavailable(detail)

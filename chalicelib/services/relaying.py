"""Telling the outside of jobs: each change of the jobs table, in order, to webhooks and to the event bus."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.cloud_events import FINAL_EVENTS, CloudEvent
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_events import Change, Unreadable, job_event
from chalicelib.domain.webhook_deliveries import FIRST_LOOK, DeliveryKey, new_delivery
from chalicelib.domain.webhooks import CALLBACKS, Webhook, WebhookId
from chalicelib.event_ports import DeliveryQueue, DeliveryRepository, EventBus, RelayFailures, WebhookRepository
from chalicelib.ports import Clock, IdSource
from chalicelib.services.delivery_dispatch import dispatch_all

if TYPE_CHECKING:
    from chalicelib.domain.users import UserId

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 10
"""Events that the bus takes in one call."""

NEEDED = timedelta(seconds=10)
"""With less time left no further step is begun; one call that times out in each try takes about as long."""

KEPT = timedelta(seconds=25)
"""With less time left no further deliveries are stored: the rest is for the messages and events of those that are."""


class RelayBroke(Exception):
    """A fault of ours, which is the cause, at the change at ``position``; all before it are told."""

    def __init__(self, position: str) -> None:
        super().__init__(position)
        self.position = position


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """An event to be told, the place of its change, and the callback URL of its job."""

    position: str
    event: CloudEvent
    callback_url: str | None


class Relay:
    """
    Tells of changes at least once, and of those of one job in order.

    Webhooks first: their deliveries are rows, and need not wait for a bus that is away. ``source`` is what the events
    are from. Deliveries are kept for ``retention``.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each of them
        self,
        *,
        source: str,
        bus: EventBus,
        failures: RelayFailures,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        queue: DeliveryQueue,
        clock: Clock,
        ids: IdSource,
        retention: timedelta,
    ) -> None:
        self._source = source
        self._bus = bus
        self._failures = failures
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._retention = retention

    def relay(self, changes: Sequence[Change | Unreadable], time_left: Callable[[], timedelta]) -> str | None:
        """
        Tell of changes, in the order in which they are given, while there is time.

        What cannot be told ever goes to the failures, with the reason, and keeps no other waiting. What may be told
        later ends the relay: its change and all from there on are to come again, also those that webhooks, or all,
        were told.

        Returns:
            The position of the first change that is not wholly told and is to come again, ``None`` when all are done
            with.

        Raises:
            RelayBroke: A fault of ours; the changes from its position on are to come again.
        """
        tellings = [*_tellings(changes, self._source)]
        ready, fault = self._prepared(tellings, time_left)
        again = self._told(ready, time_left)
        if again is None and len(ready) < len(tellings):
            again = tellings[len(ready)].position
            if fault is not None:
                raise RelayBroke(again) from fault
        if fault is not None:
            logger.error("relay broke, behind what comes again", exc_info=fault, extra={"position": again})
        return again

    def _prepared(
        self, tellings: Sequence["_Telling | Unreadable"], time_left: Callable[[], timedelta]
    ) -> tuple[Sequence["_Telling | Unreadable"], Exception | None]:
        """Store and send deliveries; return what is before the first event that has not all, and a fault at that."""
        audience = _Audience(self._webhooks)
        new: list[DeliveryKey] = []
        ready: list[_Telling | Unreadable] = []
        fault: Exception | None = None
        for telling in tellings:
            try:
                if not isinstance(telling, Unreadable) and not self._has_deliveries(telling, audience, time_left, new):
                    break
            except Exception as broke:  # noqa: BLE001 - raised once those before it are told
                fault = broke
                break
            ready.append(telling)
        if new:
            dispatch_all(self._queue, new)
        return ready, fault

    def _told(self, ready: Sequence["_Telling | Unreadable"], time_left: Callable[[], timedelta]) -> str | None:
        """Tell the bus of events, and the failures of the others; return the position that is to come again."""
        for step in _steps(ready):
            position = step.position if isinstance(step, Unreadable) else step[0].position
            if not _is_time_left(time_left, NEEDED, position):
                return position
            try:
                again = self._given_up(position, step.reason) if isinstance(step, Unreadable) else self._put(step)
            except Exception as fault:
                raise RelayBroke(position) from fault
            if again is not None:
                return again
        return None

    def _put(self, ready: Sequence[_Telling]) -> str | None:
        """Put events, of a job each, on the bus; return the position of the first that is to come again."""
        try:
            refused = self._bus.put([telling.event for telling in ready])
        except Unavailable:
            first = ready[0].position
            logger.exception("the event bus is away; events come again", extra={"position": first})
            return first
        for place, reason in sorted(refused.items()):
            event = ready[place].event
            came_back = self._given_up(ready[place].position, f"{event.type} of job {event.subject}: {reason}")
            if came_back is not None:
                return came_back
        return None

    def _has_deliveries(
        self, telling: _Telling, audience: "_Audience", time_left: Callable[[], timedelta], new: list[DeliveryKey]
    ) -> bool:
        """Store the deliveries of an event, if there is time; tell whether it has them all."""
        if not _is_time_left(time_left, KEPT, telling.position):
            return False
        try:
            self._add_deliveries(telling, audience, new)
        except Unavailable:
            log_fields = {"position": telling.position}
            logger.exception("deliveries cannot be made now; events come again", extra=log_fields)
            return False
        return True

    def _add_deliveries(self, telling: _Telling, audience: "_Audience", new: list[DeliveryKey]) -> None:
        """Store a delivery for each webhook that is to be told; what was not stored before is added to ``new``."""
        for webhook_id, url in audience.of(telling):
            at = self._clock.now()
            delivery = new_delivery(
                telling.event,
                webhook_id,
                token=self._ids.new_token_id(),
                at=at,
                due_at=at + FIRST_LOOK,
                retention=self._retention,
                url=url,
            )
            if self._deliveries.add(delivery):
                new.append(delivery.key)

    def _given_up(self, position: str, reason: str) -> str | None:
        """Keep that a change could not be told; return its position if not even that is possible now."""
        log_fields = {"position": position, "reason": reason}
        try:
            self._failures.send(position, reason)
        except Unavailable:
            logger.exception("what cannot be told cannot be kept now; it comes again", extra=log_fields)
            return position
        logger.error("a change cannot be told", extra=log_fields)
        return None


class _Audience:
    """The webhooks of the owners that one batch is about; those of each are read once."""

    def __init__(self, webhooks: WebhookRepository) -> None:
        self._webhooks = webhooks
        self._known: dict[UserId, dict[WebhookId, Webhook]] = {}

    def of(self, telling: _Telling) -> Sequence[tuple[WebhookId, str | None]]:
        """Return the webhooks that are to be told of an event, each with a URL of the delivery's own if it has one."""
        event = telling.event
        if event.owner_id not in self._known:
            webhooks = self._webhooks.all_of(event.owner_id)
            self._known[event.owner_id] = {each.webhook_id: each for each in webhooks}
        known = self._known[event.owner_id]
        told: list[tuple[WebhookId, str | None]] = [
            (each.webhook_id, None)
            for each in known.values()
            if each.webhook_id != CALLBACKS and each.wants(event.type)
        ]
        if telling.callback_url is not None and event.type in FINAL_EVENTS:
            callbacks = known.get(CALLBACKS)
            if callbacks is None:
                # Made when the job was submitted, so its account has been erased since: nothing may be made anew.
                log_fields = {"owner_id": event.owner_id, "job_id": event.subject}
                logger.info("the owner has no webhook of callbacks; the job does not call back", extra=log_fields)
            elif not callbacks.is_disabled:
                told.append((CALLBACKS, telling.callback_url))
        return told


def _is_time_left(time_left: Callable[[], timedelta], needed: timedelta, position: str) -> bool:
    if time_left() >= needed:
        return True
    logger.warning("no time is left; changes come again", extra={"position": position})
    return False


def _tellings(changes: Sequence[Change | Unreadable], source: str) -> Iterator[_Telling | Unreadable]:
    """Yield the events of changes, and the changes that cannot be read or told, in order."""
    for change in changes:
        if isinstance(change, Unreadable):
            yield change
        elif change.after is not None:
            event = _event(change, source)
            if isinstance(event, CloudEvent):
                yield _Telling(position=change.position, event=event, callback_url=change.after.callback_url)
            elif event is not None:
                yield event


def _event(change: Change, source: str) -> CloudEvent | Unreadable | None:
    """
    Return the event of a change.

    It follows from the row alone, so a row of which it cannot be made never has one, however often it comes.
    """
    try:
        return job_event(change.before, change.after, source=source)
    except Exception as fault:
        logger.exception("the event of a change cannot be made", extra={"position": change.position})
        job_id = "?" if change.after is None else change.after.key.job_id
        reason = f"the event of job {job_id} cannot be made: {type(fault).__name__}"
        return Unreadable(position=change.position, reason=reason)


def _steps(tellings: Sequence[_Telling | Unreadable]) -> Iterator[Unreadable | list[_Telling]]:
    """
    Yield the events that are told in one call, and by themselves the changes that cannot be told, in order.

    No call has two events of one job, as a bus may take the later one of a call and not the earlier.
    """
    together: list[_Telling] = []
    for telling in tellings:
        if isinstance(telling, Unreadable):
            if together:
                yield together
            yield telling
            together = []
            continue
        event = telling.event
        if len(together) == EVENTS_AT_ONCE or any(event.subject == each.event.subject for each in together):
            yield together
            together = []
        together.append(telling)
    if together:
        yield together

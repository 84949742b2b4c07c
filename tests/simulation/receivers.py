"""The receivers of webhooks: what each does with a request, and the actor that waits for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.webhook_ports import Answer, NotSent
from tests.simulation.actor import Actor
from tests.simulation.delivery_observer import DeliveryObserver
from tests.simulation.event_plan import PlannedWebhook
from tests.simulation.faults import Fault
from tests.simulation.plan import SECOND

if TYPE_CHECKING:
    from tests.simulation.world import World

TIMEOUT_MS = 15 * SECOND
"""As long as an attempt waits for its answer."""

RETRY_AFTER: tuple[tuple[str | None, int], ...] = (
    ("30", 30 * SECOND),
    ("1800", 1800 * SECOND),
    ("7200", 7200 * SECOND),
    ("soon", 0),
    (None, 0),
)
"""What a busy receiver asks for, and what that means."""


class Receivers:
    """Everybody who is called, by URL."""

    def __init__(self, world: "World", observer: DeliveryObserver, planned: Mapping[str, PlannedWebhook]) -> None:
        self._world = world
        self._observer = observer
        self._planned = planned

    def post(self, actor: Actor, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Have an actor post to a URL, and be answered or not."""
        world = self._world
        world.pass_time(actor)
        fault = world.faults.at_call(actor.name, "post")
        if fault is Fault.CRASH_BEFORE:
            actor.crash()
        if fault is Fault.PAUSE_BEFORE:
            actor.pause("post")
        self._observer.posts(actor, url, headers, body)
        answer = self._answered(actor, url)
        if fault is Fault.CRASH_AFTER:
            actor.crash()
        if fault is Fault.PAUSE_AFTER:
            actor.pause("post")
        if isinstance(answer, NotSent):
            raise answer
        return answer

    def _answered(self, actor: Actor, url: str) -> Answer | NotSent:
        world = self._world
        observer = self._observer
        planned = self._planned[url]
        away = planned.is_dead or planned.away_ms[0] <= world.scheduler.now < planned.away_ms[1]
        if away:
            world.faults.note(Fault.RECEIVER_AWAY, actor.name, "post")
            observer.answered(actor, 0, is_taken=False)
            return NotSent("connection refused", duration=timedelta())
        fault = world.faults.receiving(actor.name)
        is_silent = fault in {Fault.RECEIVER_SILENT, Fault.RECEIVER_UNHEARD}
        took_ms = TIMEOUT_MS if is_silent else int(planned.answers_within_ms * world.chance() ** 2)
        world.scheduler.sleep(took_ms)
        duration = timedelta(milliseconds=took_ms)
        if is_silent:
            observer.answered(actor, 0, is_taken=fault is Fault.RECEIVER_UNHEARD)
            return NotSent("no answer in time", duration=duration)
        code, text, retry_after_ms = 204, None, 0
        if fault is Fault.RECEIVER_GONE:
            code = 410
        elif fault is Fault.RECEIVER_BROKEN:
            code = 500
        elif fault is Fault.RECEIVER_BUSY:
            code = 429
            text, retry_after_ms = RETRY_AFTER[int(world.chance() * len(RETRY_AFTER))]
        actor.told(f"post: answered {code}")
        observer.answered(actor, code, is_taken=fault is None, retry_after_ms=retry_after_ms)
        return Answer(status_code=code, retry_after=text, duration=duration)

"""When the operator pauses what, and until when."""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.plan import Configuration, Plan

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPause:
    """One pause: of an owner's jobs, or of the operation if ``owner`` is ``None``."""

    at_ms: int
    until_ms: int
    owner: int | None


def draw_pauses(plan: "Plan", rng: Random, configuration: "Configuration") -> None:
    """Draw the pauses, if this seed has any; the rest of its plan stays as it is."""
    draw = rng.random
    if draw() >= configuration.paused_part:
        return
    for _ in range(rng.choice((1, 1, 2, 3))):
        job = rng.choice(plan.jobs)
        about_ms = job.at_ms + 1000 * job.delay_s if draw() < 0.6 else int(plan.heal_at_ms * draw())
        at_ms = max(0, about_ms + int(MINUTE_MS * (draw() - 0.7)))
        until_ms = at_ms + int(1000 * 1800 ** draw())
        plan.pauses.append(PlannedPause(at_ms=at_ms, until_ms=until_ms, owner=None if draw() < 0.5 else job.owner))

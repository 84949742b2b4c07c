"""What a seed does besides jobs: who is told of them, and the schedules that make more."""

from dataclasses import dataclass, field, replace
from random import Random

from tests.simulation.faults import AT_RECEIVERS, OF_EVENTS, Fault
from tests.simulation.plan import HOUR, MINUTE, SECOND, Configuration, Plan

WEBHOOKS_PART = 0.75
"""Of the seeds whose jobs are told of, those that have webhooks besides the bus."""

DUE_TIMES = 5
"""A schedule's rate is such that it is due about so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWebhook:
    """
    One webhook and its receiver, which does not answer from ``away_ms[0]`` to ``away_ms[1]``.

    One that ``is_dead`` never does. ``answers_within_ms`` bounds how long it takes for an answer.
    """

    owner: int
    is_final_only: bool
    is_dead: bool = False
    away_ms: tuple[int, int] = (0, 0)
    answers_within_ms: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReplay:
    """A replay of one delivery of the webhook of that place, drawn from those that are there."""

    at_ms: int
    webhook: int


@dataclass(slots=True, kw_only=True)
class Telling:
    """The stream of the jobs table in ``shards`` shards, and who is told; ``callbacks`` are jobs by their place."""

    shards: int = 1
    batch_max: int = 100
    webhooks: list[PlannedWebhook] = field(default_factory=list)
    callbacks: frozenset[int] = frozenset()
    callbacks_away_ms: tuple[int, int] = (0, 0)
    replays: list[PlannedReplay] = field(default_factory=list)

    @property
    def has_webhooks(self) -> bool:
        """Whether anything is to be delivered."""
        return bool(self.webhooks or self.callbacks)

    @property
    def latest_away_ms(self) -> int:
        """When the last receiver is back."""
        return max([self.callbacks_away_ms[1], *(each.away_ms[1] for each in self.webhooks)])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSchedule:
    """
    One schedule, due every ``every_ms`` after it was made, or at such minutes of the hour when it ``is_cron``.

    The operation of one that ``is_refused`` is not there.
    """

    at_ms: int
    owner: int
    number: int
    every_ms: int
    is_cron: bool
    missed_within_ms: int
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What its owner does with the schedule of that place: *pause*, *resume* or *remove*."""

    at_ms: int
    verb: str
    schedule: int


@dataclass(slots=True, kw_only=True)
class Firing:
    """The schedules, and what is done with them; each is removed in the end."""

    schedules: list[PlannedSchedule] = field(default_factory=list)
    changes: list[PlannedChange] = field(default_factory=list)


def callback_url(owner: int, place: int) -> str:
    """Return the callback URL of the jobs that are submitted with the one at a place of the plan."""
    return f"https://callbacks.example/{owner}/{place}"


def draw_events(plan: Plan, rng: Random, configuration: Configuration) -> None:
    """Draw who is told and which schedules there are, if this seed has any; the rest of its plan stays as it is."""
    draw = rng.random
    is_told = draw() < configuration.told_part
    has_webhooks = draw() < WEBHOOKS_PART
    has_schedules = draw() < configuration.scheduled_part
    if not (is_told or has_schedules):
        return
    _draw_faults(plan, rng, configuration)
    if is_told:
        plan.telling = Telling(shards=rng.choice((1, 1, 2)), batch_max=rng.choice((1, 2, 5, 100)))
        if has_webhooks:
            _draw_webhooks(plan, plan.telling, rng)
    if has_schedules:
        plan.firing = _drawn_firing(plan, rng)


def _draw_webhooks(plan: Plan, telling: Telling, rng: Random) -> None:
    draw = rng.random
    for owner in sorted({job.owner for job in plan.jobs}):
        for _ in range(rng.choice((0, 1, 1, 2))):
            telling.webhooks.append(
                PlannedWebhook(
                    owner=owner,
                    is_final_only=draw() < 0.3,
                    is_dead=draw() < 0.05,
                    away_ms=_drawn_absence(plan, rng),
                    answers_within_ms=rng.choice((300, 300, 15 * SECOND)),
                )
            )
    if draw() < 0.3:
        telling.callbacks = frozenset(job.batch for job in plan.jobs if draw() < 0.6)
        telling.callbacks_away_ms = _drawn_absence(plan, rng)
    if telling.webhooks and draw() < 0.3:
        telling.replays = [
            PlannedReplay(at_ms=int(24 * HOUR * draw() ** 4), webhook=rng.randrange(len(telling.webhooks)))
            for _ in range(rng.choice((1, 2, 3)))
        ]


def _drawn_absence(plan: Plan, rng: Random) -> tuple[int, int]:
    """Draw from when to when a receiver is away: mostly never, else for minutes or hours."""
    if Fault.RECEIVER_AWAY not in plan.rates or rng.random() < 0.5:
        return (0, 0)
    begin_ms = int(plan.heal_at_ms * rng.random())
    return (begin_ms, begin_ms + int(MINUTE * 360 ** (rng.random() ** 1.5)))


def _drawn_firing(plan: Plan, rng: Random) -> Firing:
    draw = rng.random
    firing = Firing()
    for place in range(1 if plan.telling is not None else rng.choice((1, 1, 2))):
        at_ms = int(plan.heal_at_ms * 0.5 * draw() ** 2)
        least_ms = (plan.heal_at_ms - at_ms + 5 * MINUTE) // DUE_TIMES
        every_minutes = next(each for each in (1, 2, 3, 5, 10, 15, 30, 60) if each * MINUTE >= least_ms or each == 60)
        is_cron = draw() < 0.4
        firing.schedules.append(
            PlannedSchedule(
                at_ms=at_ms,
                owner=rng.randrange(2),
                number=rng.randrange(1000),
                every_ms=every_minutes * MINUTE + (0 if is_cron else rng.randrange(MINUTE)),
                is_cron=is_cron,
                missed_within_ms=rng.choice((0, 60 * SECOND, 5 * MINUTE, HOUR, HOUR)),
                is_refused=draw() < 0.05,
            )
        )
        for _ in range(0 if firing.schedules[place].is_refused else rng.choice((0, 0, 1, 2, 3))):
            verb = rng.choice(("pause", "pause", "resume", "resume", "remove"))
            changed_ms = at_ms + int((plan.heal_at_ms - at_ms) * draw())
            firing.changes.append(PlannedChange(at_ms=changed_ms, verb=verb, schedule=place))
        end_ms = plan.heal_at_ms + int(MINUTE * (6 + 10 * draw()))
        firing.changes.append(PlannedChange(at_ms=end_ms, verb="remove", schedule=place))
    return firing


def _draw_faults(plan: Plan, rng: Random, configuration: Configuration) -> None:
    for fault in OF_EVENTS:
        is_on = rng.random() < 0.4
        rate = rng.choice((0.02, 0.1, 0.3))
        if not is_on or (configuration.faults is not None and fault not in configuration.faults):
            continue
        if fault is Fault.BUS_AWAY:
            if rng.random() < 0.3:
                begin_ms = int(plan.heal_at_ms * rng.random())
                plan.outages[fault] = (begin_ms, begin_ms + int(MINUTE * 60 ** rng.random()))
                plan.heal_at_ms = max(plan.heal_at_ms, plan.outages[fault][1])
        elif fault in {Fault.RECEIVER_GONE, Fault.CHANGE_UNREADABLE}:
            plan.rates[fault] = 0.02  # nothing comes of a webhook or a change after that
        elif fault in AT_RECEIVERS:
            plan.rates[fault] = 0.9 if rng.random() < 0.2 else rate
        else:
            plan.rates[fault] = rate


def without(plan: Plan, *, webhooks: frozenset[int], schedules: frozenset[int]) -> None:
    """Leave out webhooks and schedules by their place."""
    if plan.telling is not None and webhooks:
        kept = [each for place, each in enumerate(plan.telling.webhooks) if place not in webhooks]
        plan.telling = replace(plan.telling, webhooks=kept, replays=[])
    if plan.firing is not None and schedules:
        plan.firing = Firing(
            schedules=plan.firing.schedules,
            changes=[each for each in plan.firing.changes if each.schedule not in schedules],
        )

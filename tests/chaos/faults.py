"""What is done to the processes, chosen by a seed before the run; when exactly it happens is up to the machine."""

import random
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

CONSUMER_POINTS = (
    "before_claim",
    "after_claim",
    "during_operation",
    "before_finish",
    "after_finish",
    "before_delete",
    "before_retry",
    "before_send",
    "after_send",
)
SWEEPER_POINTS = ("before_send", "after_send")
SUBMITTER_POINTS = ("before_add", "before_send", "after_send")

RANDOM_WITHIN_S = (0.2, 2.5)
"""How long after it is ready a consumer lives that is killed at an instant of no meaning."""

POINT_WITHIN_S = 10.0
"""A process that has not come to its point by then is killed where it is, and counted as one that missed it."""

STOP_S = 7.0
"""At least, and until the next claim; longer than a lease, which is 2 s for the operation and 1 s to write its end."""

LATE_WITHIN_S = 5.0
"""A zombie that wrote nothing late by then has had no job's end to write, and is stopped again with its next job."""


MISSED = "missed"
"""Before the point in the name of a kill that was to be at a point, and was not."""


class Kind(StrEnum):
    """What befalls a process."""

    KILLED_AT_RANDOM = "random"
    KILLED_AT_POINT = "point"
    STOPPED = "stopped"
    SPARED = "spared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What befalls one process: ``after_s`` it is ready, or at the ``nth`` time that it comes to its ``point``."""

    kind: Kind
    after_s: float = 0
    point: str = ""
    nth: int = 1

    @property
    def failpoint(self) -> str:
        """The point as the process is told it."""
        return f"{self.point}:{self.nth}" if self.point else ""


SPARED = Fate(kind=Kind.SPARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    One run; `consumers` and `jobs_per_s` are what two cores carry, which are busy with starting processes.

    After the faults, open jobs have `settle_s` to end. If no job takes a step for `quiet_s`, they are lost.
    """

    kills: int
    seed: int
    consumers: int = 4
    jobs_per_s: float = 5
    backlog_max: int = 40
    lost_requests: float = 0.01
    lost_answers: float = 0.03
    restarts: int = 1
    stops: int = 1
    quiet_s: float = 60
    settle_s: float = 180
    sabotage: str = ""
    points: tuple[str, ...] = CONSUMER_POINTS
    kills_others: bool = True

    @classmethod
    def usual(cls, *, kills: int, seed: int) -> "Plan":
        """Return the plan of ``make chaos``: a stop for each ten kills, a restart of the store for each 25."""
        return cls(kills=kills, seed=seed, restarts=max(1, kills // 25), stops=max(1, kills // 10))

    @property
    def sweeper_kills(self) -> int:
        """Kills of the sweep, all at its points."""
        return self.kills // 20 if self.kills_others else 0

    @property
    def submitter_kills(self) -> int:
        """Kills of the submitter, all at its points; with the sweep's a tenth of all."""
        return self.kills // 10 - self.sweeper_kills if self.kills_others else 0

    @property
    def consumer_kills(self) -> int:
        """The other kills."""
        return self.kills - self.sweeper_kills - self.submitter_kills

    @property
    def point_kills(self) -> int:
        """Those kills of consumers that are to be at their points."""
        return self.consumer_kills // 2

    @property
    def least(self) -> dict[str, int]:
        """
        How many faults of each kind a run must have seen, or it has shown nothing; named as `report.Figures` does.

        Points may be missed: a consumer's when no job fails or is handed on in time, the sweep's when no job waits.
        """
        return {
            "kills": self.kills,
            "consumer_point_kills": (self.point_kills + 1) // 2,
            "sweeper_point_kills": self.sweeper_kills // 3,
            "submitter_point_kills": min(self.submitter_kills, 1),
            "stops": self.stops,
            "takeovers": self.stops,
            "fenced_writes": min(self.stops, 1),
            "lost_requests": int(self.lost_requests > 0),
            "lost_answers": int(self.lost_answers > 0),
            "recognised_writes": int(self.lost_answers > 0),
            "emulator_restarts": self.restarts,
        }


@dataclass(slots=True)
class Fates:
    """The fates of a plan, handed out to each new process of a role; when they are used up, processes are spared."""

    consumer: deque[Fate] = field(default_factory=deque)
    sweeper: deque[Fate] = field(default_factory=deque)
    submitter: deque[Fate] = field(default_factory=deque)

    @classmethod
    def of(cls, plan: Plan) -> "Fates":
        """Draw them: a tenth of the kills for sweeper and submitter, half of the rest at random instants."""
        chance = random.Random(plan.seed)
        at_points = [_at_point(plan.points, number, chance) for number in range(plan.point_kills)]
        at_random = [
            Fate(kind=Kind.KILLED_AT_RANDOM, after_s=chance.uniform(*RANDOM_WITHIN_S))
            for _ in range(plan.consumer_kills - len(at_points))
        ]
        stops = [Fate(kind=Kind.STOPPED, after_s=chance.uniform(*RANDOM_WITHIN_S)) for _ in range(plan.stops)]
        drawn = [*at_points, *at_random, *stops]
        chance.shuffle(drawn)
        return cls(
            consumer=deque(drawn),
            sweeper=deque(_at_point(SWEEPER_POINTS, number, chance) for number in range(plan.sweeper_kills)),
            submitter=deque(_at_point(SUBMITTER_POINTS, number, chance) for number in range(plan.submitter_kills)),
        )

    def next(self, role: str) -> Fate:
        """Return the next process's fate."""
        left: deque[Fate] = getattr(self, role, deque())
        return left.popleft() if left else SPARED

    def next_at_random(self) -> Fate:
        """Return the next fate of a consumer that is alive already, and so can be told of no point any more."""
        fate = next((fate for fate in self.consumer if fate.kind is Kind.KILLED_AT_RANDOM), SPARED)
        if fate is not SPARED:
            self.consumer.remove(fate)
        return fate


def _at_point(points: tuple[str, ...], number: int, chance: random.Random) -> Fate:
    return Fate(kind=Kind.KILLED_AT_POINT, point=points[number % len(points)], nth=chance.randint(1, 2))

"""What the figures of ``make bench`` are to be, and whether they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.contestants import BARE, FASTAPI, POWERTOOLS, PRODUCT
from benchmarks.cpu_per_job import OURS, PEER
from benchmarks.memory import FLAT_MAX_KIB

Parts = Mapping[str, Any]
"""By the names of `benchmarks.parts.PARTS`."""

PART_OF_PEER = 1 / 3
PART_OF_PEER_REACHED_FOR = 1 / 5
OUR_CODE_MAX_MS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One goal: what is measured, in words, and against what; a goal to reach for is none to be held to."""

    goal: str
    measured: str
    is_met: bool
    is_reached_for: bool = False

    @property
    def verdict(self) -> str:
        """What the page says of it."""
        if self.is_met:
            return "met"
        return "not reached" if self.is_reached_for else "**missed**"


def goals(parts: Parts) -> list[Goal]:
    """Return the goals of those parts that were measured."""
    found: list[Goal] = []
    if "processor_time" in parts:
        found += _processor_time(parts["processor_time"])
    if "first_answers" in parts:
        found += _first_answers(parts["first_answers"])
    if "growing_tables" in parts:
        found += _growing_tables(parts["growing_tables"])
    if "resident_memory" in parts:
        grown = parts["resident_memory"]["growth_kib"]
        most = max(grown.values())
        found.append(
            Goal(
                goal=f"the consumer's memory is flat: at most {FLAT_MAX_KIB:g} KiB more after 1,000 jobs",
                measured=f"{most:+.2f} KiB for each 1,000 of {parts['resident_memory']['looks'][-1]['jobs']:,} jobs",
                is_met=most <= FLAT_MAX_KIB,
            )
        )
    return found


def _processor_time(part: Parts) -> Iterator[Goal]:
    ours, theirs = part[OURS], part[PEER]
    spread = ours["share_of_peer"]
    share = spread["median"]
    with_server = ours["share_of_peer_with_server"]["median"]
    measured = (
        f"{share:.0%} ({spread['low']:.0%} to {spread['high']:.0%}), {ours['total_cpu_ms']['median']:.2f} ms of"
        f" {theirs['total_cpu_ms']['median']:.2f}; {with_server:.0%} where the peer's HTTP server counts"
    )
    yield Goal(
        goal=f"processor time of a job: at most a third of {PEER}", measured=measured, is_met=share <= PART_OF_PEER
    )
    yield Goal(
        goal="… and reaching for a fifth",
        measured=measured,
        is_met=share <= PART_OF_PEER_REACHED_FOR,
        is_reached_for=True,
    )
    own = ours["process_ours_cpu_ms"]["median"]
    yield Goal(
        goal=f"the consumer's own code: at most {OUR_CODE_MAX_MS:g} ms a job",
        measured=f"{own:.2f} ms",
        is_met=own <= OUR_CODE_MAX_MS,
    )


def _first_answers(part: Parts) -> Iterator[Goal]:
    figures = part["figures"]
    ours = figures[f"{PRODUCT}, {part['shipped']}"]
    for what in ("health", "submit", "consume"):
        figure = f"{what}_wall_ms"
        took = ours[figure]["median"]
        for peer, is_reached_for in ((FASTAPI, False), (POWERTOOLS, True), (BARE, True)):
            # The kinder of the two ways of packing it.
            best = min(figures[f"{peer}, {mode}"][figure]["median"] for mode in ("compiled", "source"))
            yield Goal(
                goal=f"cold start to the first {what}: {'reaching for' if is_reached_for else 'no slower than'} {peer}",
                measured=f"{took:.0f} ms against {best:.0f} ms",
                is_met=took <= best,
                is_reached_for=is_reached_for,
            )


def _growing_tables(part: Parts) -> Iterator[Goal]:
    for owners, costs in part["costs"].items():
        sizes = list(next(iter(costs.values())))
        units = {
            what: {(cost["read_units"], cost["write_units"]) for cost in by_size.values()}
            for what, by_size in costs.items()
        }
        differing = [what for what, found in units.items() if len(found) > 1]
        yield Goal(
            goal=f"list page, claim and limit cost the same units at every size, of {owners}",
            measured=f"{', '.join(differing) or 'all the same'} from {int(sizes[0]):,} to {int(sizes[-1]):,} jobs",
            is_met=not differing,
        )

"""The judgement of a run: what became of each promise, whether the faults happened, and the figures."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.faults import MISSED, Kind
from tests.chaos.orders import Order
from tests.chaos.witness import Witness

COMMITS = frozenset({"FINISH", "FAIL", "CANCEL"})
"""Transitions into a final state, as a row's event log names them. No run retries by hand, so a job has one."""


FINAL = frozenset({"SUCCESS", "FAILED"})
"""The states in which an acknowledged job may be found at the end; no run cancels any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    What one run has measured; `is_sound` is its verdict.

    ``kills`` has a key for each role and point, such as ``consumer after_claim``, ``consumer random``, and
    ``consumer missed before_retry``. ``least`` is how many faults of each kind there must have been.
    """

    seed: int
    duration_s: float
    jobs_submitted: int
    jobs_acknowledged: int
    jobs_lost: int
    jobs_unfinished: int
    duplicate_commits: int
    claims: int
    retries: int
    wasted_executions: int
    kills: Mapping[str, int]
    stops: int
    takeovers: int
    fenced_writes: int
    lost_requests: int
    lost_answers: int
    recognised_writes: int
    emulator_restarts: int
    recovered: int
    recovery_median_s: float
    recovery_p99_s: float
    least: Mapping[str, int]

    @property
    def is_sound(self) -> bool:
        """Whether the faults happened, every acknowledged job came to its one right end, and no job to two."""
        return not self.broken_promises and not self.missing_faults

    @property
    def broken_promises(self) -> list[str]:
        """What is wrong with the jobs, a sentence for each kind."""
        sentences = {
            "jobs were lost": self.jobs_lost,
            "jobs were still being worked on when the time was up": self.jobs_unfinished,
            "jobs were committed twice": self.duplicate_commits,
        }
        return [f"{number} {what}" for what, number in sentences.items() if number]

    @property
    def missing_faults(self) -> list[str]:
        """What the run did not try the product with, a sentence for each kind: without it, it has shown nothing."""
        happened = asdict(self) | {
            "kills": sum(self.kills.values()),
            **{f"{role}_point_kills": at_points(self.kills, role) for role in ("consumer", "sweeper", "submitter")},
        }
        return [
            f"too few faults of this kind happened: {kind}, {happened[kind]} of at least {least}"
            if happened[kind]
            else f"no fault of this kind happened: {kind}"
            for kind, least in self.least.items()
            if happened[kind] < least
        ]

    def as_json(self) -> str:
        """Return them as one line."""
        return json.dumps(asdict(self))

    def as_table(self) -> str:
        """Return them for people, a figure a line."""
        figures = asdict(self)
        del figures["least"]
        kills = figures.pop("kills")
        figures["kills"] = sum(kills.values())
        figures |= {f"  {name}": number for name, number in sorted(kills.items())}
        return "\n".join(f"{name:<36}{value:>10}" for name, value in figures.items())


def lost_because(order: Order, row: Mapping[str, Any] | None) -> str | None:
    """Say what is wrong with an acknowledged job's row; ``None`` when it has come to its right end."""
    if row is None:
        return "it has no row"
    status = row["status"]["S"]
    if status not in FINAL:
        return f"it is {status}"
    result = row["result"]["S"] if status == "SUCCESS" else row["error"]["M"]["code"]["S"]
    if (status, result) != order.ends:
        return f"it ended as {status} with {result}, and should have as {order.ends[0]} with {order.ends[1]}"
    return None


def is_open(row: Mapping[str, Any] | None) -> bool:
    """Tell whether a job is there and has come to no end, right or wrong."""
    return row is not None and row["status"]["S"] not in FINAL


def transitions(row: Mapping[str, Any]) -> Sequence[str]:
    """Return the transitions in a row's event log."""
    return [event["M"]["transition"]["S"] for event in row["events"]["L"]]


def history(row: Mapping[str, Any]) -> str:
    """Return the event log on one line, each transition with its seconds since the job was made."""
    made_ms = int(row["created_at_epoch_ms"]["N"])
    seconds = [(int(event["M"]["at_epoch_ms"]["N"]) - made_ms) / 1000 for event in row["events"]["L"]]
    return ", ".join(f"{name} {at_s:.1f}" for name, at_s in zip(transitions(row), seconds, strict=True))


def duplicates(witness: Witness, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the jobs that were committed more than once, by the wire or by their own log."""
    by_wire = {job_id for job_id, commits in witness.commits.items() if commits > 1}
    by_log = {job_id for job_id, row in rows.items() if sum(each in COMMITS for each in transitions(row)) > 1}
    return sorted(by_wire | by_log)


def wasted(witness: Witness) -> int:
    """Count the claims that came to nothing: neither an end nor a retry of their own was written."""
    return sum(
        max(claims - witness.retries[job_id] - witness.commits[job_id], 0) for job_id, claims in witness.claims.items()
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that is not below ``share`` of them; 0 of none."""
    ranked = sorted(values)
    return round(ranked[min(int(share * len(ranked)), len(ranked) - 1)], 2) if ranked else 0


def median(values: Sequence[float]) -> float:
    """Return the median; 0 of none."""
    return round(statistics.median(values), 2) if values else 0


def at_points(kills: Mapping[str, int], role: str) -> int:
    """Count the kills of a role that happened at a point."""
    ways = {name: name.split()[1:] for name in kills if name.split()[0] == role}
    return sum(kills[name] for name, way in ways.items() if way[0] not in {MISSED, Kind.KILLED_AT_RANDOM})


def counted(kills: Counter[str]) -> dict[str, int]:
    """Return kills by role and point, sorted."""
    return dict(sorted(kills.items()))

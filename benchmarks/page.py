"""``docs/benchmarks.md``, made of ``docs/benchmarks.json``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from benchmarks import PROJECT
from benchmarks.contestants import PRODUCT
from benchmarks.cost.page import table
from benchmarks.cpu_per_job import OURS, PEER
from benchmarks.goals import goals
from benchmarks.parts import PARTS

RESULTS = PROJECT / "docs" / "benchmarks.json"
PAGE = PROJECT / "docs" / "benchmarks.md"
TEMPLATE = Path(__file__).with_name("benchmarks.md.template")

Results = Mapping[str, Any]
"""What ``docs/benchmarks.json`` holds: by part, what was measured and when; the machine, and the versions."""

FIGURES = {
    "submit_cpu_ms": "submit",
    "submit_in_process_cpu_ms": "submit, the API entered without its server",
    "submit_aws_calls_cpu_ms": "… of it the calls of AWS",
    "process_cpu_ms": "process",
    "process_aws_calls_cpu_ms": "… of it the calls of AWS",
    "process_operation_cpu_ms": "… the process that runs the operation",
    "process_ours_cpu_ms": "… our own code",
    "process_batch_of_5_cpu_ms": "process, five a batch",
    "total_cpu_ms": "**both**",
    "total_with_uvicorn_cpu_ms": "both, with the API's server",
    "servers_cpu_ms": "Redis and PostgreSQL besides",
}
LOCAL = {
    "submit_p50_ms": "submit, median",
    "submit_p99_ms": "submit, 99th percentile",
    "submit_4_clients_p50_ms": "submit by four clients, median",
    "submit_4_clients_p99_ms": "submit by four clients, 99th percentile",
    "end_to_end_p50_ms": "from submit to result, median",
    "end_to_end_p99_ms": "from submit to result, 99th percentile",
    "jobs_per_s": "jobs a second",
}


def results() -> dict[str, Any]:
    """Return what was measured last, or nothing."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return found


def write(measured: Results) -> None:
    """Write the results, and, once every part is there, the page made of them."""
    RESULTS.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if measured["parts"].keys() == PARTS.keys():
        PAGE.write_text(page(measured), encoding="utf-8")


def page(measured: Results) -> str:
    """Return the page, of results that have every part."""
    whole = [measured["parts"][name] for name in PARTS]
    parts = {name: measured["parts"][name]["measured"] for name in PARTS}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        DATE=_all_of(part["date"] for part in whole),
        MACHINE=_all_of(_machine(part["machine"]) for part in whole),
        VERSIONS=_all_of(
            ", ".join(f"{name} {version}" for name, version in part["versions"].items()) for part in whole
        ),
        GOALS=goals_table(parts),
        PROCESSOR_TIME=spreads_table(parts["processor_time"], FIGURES, (OURS, PEER)),
        FIRST_ANSWERS=_first_answers(parts["first_answers"]),
        SHIPPED=parts["first_answers"]["shipped"],
        IMPORTS=_imports(parts["imports"]),
        MODULES=", ".join(f"{number} at {what}" for what, number in parts["imports"]["counts"].items()),
        LOCAL=spreads_table(parts["end_to_end"], LOCAL, (OURS, PEER)),
        UNITS=_units(parts["units"]),
        MEMORY=_memory(parts["resident_memory"]),
        ENGINE=parts["growing_tables"]["engine"],
        SCALE=_scale(parts["growing_tables"]["costs"]),
    )


def goals_table(parts: Results) -> str:
    """Return the goals, what was measured, and whether they are met."""
    rows = [[each.goal, each.measured, each.verdict] for each in goals(parts)]
    return table(["Goal", "Measured", ""], rows, numbers=False)


def spreads_table(part: Results, names: Mapping[str, str], contestants: Sequence[str]) -> str:
    """Return figures by contestant: the median, and between which values the middle half of the rounds is."""
    rows = []
    for figure, name in names.items():
        cells = [_spread(part[contestant].get(figure)) for contestant in contestants]
        if any(cells):
            rows.append([name, *cells])
    return table(["", *contestants], rows)


def _spread(spread: Mapping[str, float] | None) -> str:
    if spread is None:
        return ""
    digits = 2 if spread["median"] < 10 else 0  # noqa: PLR2004 - what can be told apart
    return f"{spread['median']:.{digits}f} ({spread['low']:.{digits}f} to {spread['high']:.{digits}f})"


def _first_answers(part: Results) -> str:
    columns = ["health_wall_ms", "submit_wall_ms", "submit_cpu_ms", "consume_wall_ms", "consume_cpu_ms"]
    shipped = f"{PRODUCT}, {part['shipped']}"
    rows = [
        [f"**{name}**" if name == shipped else name, *(_spread(figures[column]) for column in columns)]
        for name, figures in part["figures"].items()
    ]
    head = ["ms", *(column.removesuffix("_ms").replace("_wall", "").replace("_cpu", ", CPU") for column in columns)]
    return table(head, rows)


def _imports(part: Results) -> str:
    rows = [
        [f"`{package}`", f"{package_ms:.1f}", f"`{module}`", f"{module_ms:.1f}"]
        for (package, package_ms), (module, module_ms) in zip(part["packages"], part["modules"], strict=True)
    ]
    return table(["Package, with all of it", "ms", "Module, alone", "ms"], rows)


def _units(part: Results) -> str:
    rows = [
        [
            shape,
            *(f"{used[name]:g}" for name in ("aws_calls", "write_units", "read_units")),
            f"{used['usd_per_million']:.2f}",
        ]
        for shape, used in part.items()
    ]
    return table(["One job", "Calls of AWS", "Write units", "Read units", "USD a million"], rows)


def _memory(part: Results) -> str:
    looks = part["looks"]
    shown = [looks[0], looks[len(looks) // 4], looks[len(looks) // 2], looks[-1]]
    names = list(looks[0]["resident_kib"])
    rows = [[f"{look['jobs']:,}", *(f"{look['resident_kib'][name] / 1024:.1f}" for name in names)] for look in shown]
    return table(["Jobs", *(f"{name}, MiB" for name in names)], rows)


def _scale(costs: Results) -> str:
    sizes = list(next(iter(next(iter(costs.values())).values())))
    rows = []
    for owners, by_what in costs.items():
        for what, at in by_what.items():
            first = at[sizes[0]]
            rows.append(
                [
                    f"{what}, of {owners}",
                    f"{first['read_units']:g}",
                    f"{first['write_units']:g}",
                    *(f"{at[size]['milliseconds']:.1f}" for size in sizes),
                ]
            )
    return table(["", "Read units", "Write units", *(f"ms at {int(size):,}" for size in sizes)], rows)


def _machine(machine: Results) -> str:
    return (
        f"{machine['processors']} processors ({machine['processor']}), {machine['system']}, Python {machine['python']}"
    )


def _all_of(told: Iterable[str]) -> str:
    """Return what the parts say of where and when they were measured: one, if that is the same of all."""
    return " and ".join(dict.fromkeys(told))

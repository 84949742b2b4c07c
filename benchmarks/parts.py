"""
The parts of ``make bench``, each with what it measures as JSON.

A part takes from one to ten minutes and needs nothing of another. Nothing here decides whether a figure is good: that
is `benchmarks.goals`.
"""

import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import PEERS_PYTHON, cold_start, cpu_per_job, import_times, local, memory, scale
from benchmarks.cost.__main__ import costs_at
from benchmarks.cost.page import Costs
from benchmarks.cost.prices import price_list
from benchmarks.cost.shapes import SHAPES
from benchmarks.measure import Spread
from benchmarks.peers.servers import installed_programs
from localstack.emulator import running_emulator

JSON = dict[str, Any]


def processor_time() -> JSON:
    """Return the processor time of a job, beside the peer's."""
    return as_json(cpu_per_job.measured(rounds=cpu_per_job.ROUNDS))


def first_answers() -> JSON:
    """Return what first answers take, beside those of the peers, and how this product is packaged."""
    found = cold_start.cold_starts(rounds=cold_start.ROUNDS)
    return {"shipped": found.shipped.value, "figures": as_json(found.figures)}


def imports() -> JSON:
    """Return what a first ``POST /jobs`` imports."""
    return asdict(import_times.import_times())


def end_to_end() -> JSON:
    """Return what a laptop sees, beside the peer."""
    return as_json(local.measured(rounds=local.ROUNDS))


def units() -> JSON:
    """Return what a job of each shape uses of AWS, and what a million of it cost."""
    with running_emulator(enforce_iam=False) as endpoint_url:
        return units_of(costs_at(endpoint_url, price_list()))


def units_of(costs: Costs) -> JSON:
    """Return that of these costs."""
    return {
        shape.name: {
            "aws_calls": round(sum(costs.jobs[shape.name].calls.values()) / shape.jobs, 4),
            "write_units": round(costs.jobs[shape.name].units["dynamodb_write_units"] / shape.jobs, 4),
            "read_units": round(costs.jobs[shape.name].units["dynamodb_read_units"] / shape.jobs, 4),
            "usd_per_million": round(sum(costs.million(shape).values()), 2),
        }
        for shape in SHAPES
    }


def resident_memory() -> JSON:
    """Return what the consumer's processes hold, over many jobs."""
    found = memory.measured()
    return {"looks": [asdict(look) for look in found.looks], "growth_kib": dict(found.growth_kib)}


def growing_tables() -> JSON:
    """Return what pages, claims and checks of a limit cost, from few jobs to very many."""
    found = scale.measured(sizes=scale.sizes_to(scale.LARGEST))
    return {
        "engine": found.engine,
        "costs": {
            owners: {
                what: {str(size): asdict(cost) for size, cost in by_size.items()} for what, by_size in costs.items()
            }
            for owners, costs in found.costs.items()
        },
    }


PARTS: Mapping[str, Callable[[], JSON]] = {
    "processor_time": processor_time,
    "first_answers": first_answers,
    "imports": imports,
    "end_to_end": end_to_end,
    "units": units,
    "resident_memory": resident_memory,
    "growing_tables": growing_tables,
}
"""In the order in which they are measured: what a warm machine would disturb first."""


def as_json(figures: Mapping[str, Mapping[str, Spread]]) -> JSON:
    """Return figures with four digits after the point, which is more than any of them is good for."""
    return {
        name: {figure: {key: round(value, 4) for key, value in asdict(spread).items()} for figure, spread in of.items()}
        for name, of in figures.items()
    }


def machine() -> JSON:
    """Return what it is measured on."""
    processors = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = {line.partition(": ")[2] for line in processors.splitlines() if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(models)) or platform.processor(),
        "processors": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> JSON:
    """Return the versions of what is compared with."""
    redis, postgresql = installed_programs()
    code = "from importlib.metadata import version; import sys; print(*map(version, sys.argv[1:]))"
    names = [
        "fastapi",
        "uvicorn",
        "sqlalchemy",
        "psycopg",
        "celery",
        "redis",
        "mangum",
        "aws-lambda-powertools",
        "boto3",
    ]
    found = subprocess.run(  # noqa: S603 - the peers' own interpreter
        [PEERS_PYTHON, "-c", code, *names], check=True, capture_output=True, text=True
    ).stdout.split()
    servers = {
        "Redis": _said([redis, "--version"]).split("v=")[1].split()[0],
        "PostgreSQL": _said([postgresql / "postgres", "--version"]).split()[2],
    }
    return dict(zip(names, found, strict=True)) | servers


def _said(command: list[Path | str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - the servers' own

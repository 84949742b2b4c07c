"""
What the product's own code, settings and counted costs say: every number here is read from where it is used.

Of what a job writes, only how it divides between tables is written down; a test compares the sum with what
``make cost`` counts.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from chalice.app import DynamoDBEventConfig, SQSEventConfig

import app
from benchmarks import PROJECT
from benchmarks.cost.meter import IN_TRANSACTION
from benchmarks.cost.prices import PriceList
from chalicelib.adapters.sqs import BATCH_MAX
from chalicelib.domain.delivery import SHARDS
from chalicelib.domain.rate_limits import Limit
from chalicelib.services.due_rows import TIME_FOR_ONE
from chalicelib.services.relaying import EVENTS_AT_ONCE
from deployment.template import VISIBILITY_IN_TIMEOUTS

Source = TypeVar("Source", SQSEventConfig, DynamoDBEventConfig)

CALLS_TO_STORE = 2
"""Limit and rows, in one transaction if there are several; the messages come on top, ten a call."""

CALLS_TO_RUN = 2
"""Claim and end."""

CALLS_TO_LOOK = 3
"""Of the sweep at a row that is due: the row, the message, the next look."""

CHANGES = 3
"""Of a job's row, each of which is an event: submitted, begun, ended."""

LIMIT_UNITS = 1
"""Write units of one submission in the limits table."""

SUBMIT_ROW_UNITS = 1
RUN_ROW_UNITS = 2
"""Write units of a job in the jobs table: put, twice that in the transaction of a batch; claimed and ended."""

SUBMIT_INDEX_UNITS = 1
RUN_INDEX_UNITS = 1
"""Write units of a job in the index ``due``: in when it is submitted, out when it has ended."""

LOOK_UNITS = 3
"""Write units of the sweep's next look: the row, and its place in the index, out and in."""

CLAIM_UNITS = 1
"""Of a claim, also of one that comes to nothing."""

WEBHOOKS_READ_UNITS = 0.5
"""Of the relay's Query for each owner of a batch."""

SWEEPS = 3
"""Of jobs, deliveries and schedules: each run's time is divided between them."""

COST_PAGE = PROJECT / "docs" / "cost.md"
ONE_BY_ONE = "Waiting"
IN_BATCHES = "Batch"
"""The shapes of ``docs/cost.md`` whose log and answers are those of jobs that are submitted so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """
    The product's numbers, with times in seconds.

    ``request_s`` is an API invocation but for its calls of AWS, ``call_s`` each of those, ``run_s`` one job within an
    invocation of consume, ``invocation_s`` the rest of that invocation. ``relay_parallel`` batches of one shard are
    relayed at once. ``looks_a_minute`` is how many rows that are due one sweep gets to.
    """

    batch: int
    due_shards: int
    request_s: float
    run_s: float
    invocation_s: float
    call_s: float
    relay_batch: int
    relay_parallel: int
    relay_s: float
    events_at_once: int
    visibility_s: float
    resend_after_s: float
    looks_a_minute: float

    @property
    def full_batch_s(self) -> float:
        """How long an invocation of consume takes that has a full batch."""
        return self.invocation_s + self.batch * self.run_s

    def submit_calls(self, jobs: int) -> int:
        """Return the calls of AWS of a request that submits so many jobs."""
        return CALLS_TO_STORE + self.message_calls(jobs)

    def message_calls(self, jobs: int) -> int:
        """Return how many of them send its messages."""
        return math.ceil(jobs / BATCH_MAX)

    def submit_s(self, jobs: int) -> float:
        """Return how long that request takes."""
        return self.request_s + self.submit_calls(jobs) * self.call_s

    def submit_row_units(self, jobs: int) -> int:
        """Return the write units of each of its jobs in the jobs table."""
        return SUBMIT_ROW_UNITS * (IN_TRANSACTION if jobs > 1 else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a stage sets of what can be raised."""

    stage_requests_per_s: float
    stage_requests_burst: float
    submit_limit: Limit
    consumers_max: int


@cache
def counted(shape: str) -> Mapping[str, float]:
    """Return what one job of a shape uses, by the heads of the table in ``docs/cost.md``, which a test keeps true."""
    lines = COST_PAGE.read_text(encoding="utf-8").splitlines()
    (head,) = (line for line in lines if "| Write units |" in line)
    (row,) = (line for line in lines if line.startswith(f"| {shape} |") and line.count("|") == head.count("|"))
    names, values = ([cell.strip() for cell in line.strip("|").split("|")][1:] for line in (head, row))
    return {name: float(value.replace(",", "")) for name, value in zip(names, values, strict=True)}


def project_product(prices: PriceList) -> Product:
    """Return the project's own, with the run times that the price list assumes."""
    ms = prices.assumed
    call_s = ms("aws_call_ms") / 1000
    consume, relay = _source(SQSEventConfig, "consume"), _source(DynamoDBEventConfig, "relay")
    config = _file("config.json")
    timeout_s = {name: settings["lambda_timeout"] for name, settings in config["lambda_functions"].items()}
    sweep_s = timeout_s["sweep"] / SWEEPS - TIME_FOR_ONE.total_seconds()
    resources = _file("resources.json")["Resources"]
    stream = resources["Relay"]["Properties"]["Events"]["RelayDynamodbEventSource"]["Properties"]
    return Product(
        batch=consume.batch_size,
        due_shards=SHARDS,
        request_s=ms("api_invocation_ms") / 1000,
        run_s=ms("job_ms") / 1000 + CALLS_TO_RUN * call_s,
        invocation_s=ms("consume_invocation_ms") / 1000,
        call_s=call_s,
        relay_batch=relay.batch_size,
        relay_parallel=stream["ParallelizationFactor"],
        relay_s=ms("relay_invocation_ms") / 1000,
        events_at_once=EVENTS_AT_ONCE,
        visibility_s=VISIBILITY_IN_TIMEOUTS * timeout_s["consume"],
        resend_after_s=float(config["environment_variables"]["JOB_RESEND_S"]),
        looks_a_minute=sweep_s / (CALLS_TO_LOOK * call_s),
    )


def project_settings(stage: str) -> Settings:
    """Return those of a stage of the project."""
    config = _file("config.json")
    own = config["stages"][stage]
    parameters = {**config["template_parameters"], **own.get("template_parameters", {})}
    variables = {**config["environment_variables"], **own.get("environment_variables", {})}
    return Settings(
        stage_requests_per_s=parameters["RequestsPerSecond"],
        stage_requests_burst=parameters["RequestsBurst"],
        submit_limit=Limit(name="submit", quota=int(variables["SUBMITS_PER_MINUTE"]), window=timedelta(minutes=1)),
        consumers_max=_source(SQSEventConfig, "consume").maximum_concurrency or 0,
    )


def _file(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((PROJECT / ".chalice" / name).read_text(encoding="utf-8"))


def _source(kind: type[Source], function: str) -> Source:
    """Return what a function gets its events from."""
    (found,) = (each for each in app.app.event_sources if isinstance(each, kind) and each.name == function)
    return found

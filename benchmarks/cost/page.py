"""The tables, for a terminal, the README and ``docs/cost.md``."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from benchmarks import PROJECT
from benchmarks.cost.meter import Counts
from benchmarks.cost.months import Stage, always_on_month, billed_ms, idle_month, million_jobs
from benchmarks.cost.prices import PriceList
from benchmarks.cost.shapes import SHAPES, Shape

README = PROJECT / "README.md"
PAGE = PROJECT / "docs" / "cost.md"
TEMPLATE = Path(__file__).with_name("cost.md.template")
BEGIN = "<!-- cost: make cost writes this -->"
END = "<!-- /cost -->"
IN_README = ("Polling", "Waiting", "Batch")
SUM = "**Sum**"


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """All that the tables are made of. The jobs are those of ``busy``; a month is shown idle of each of ``stages``."""

    prices: PriceList
    busy: Stage
    stages: Sequence[Stage]
    jobs: Mapping[str, Counts]
    sweeps: Counts

    def million(self, shape: Shape, *, architecture: str = "") -> dict[str, float]:
        """Return the bill of a million jobs of a shape, in USD by service."""
        stage = replace(self.busy, architecture=architecture or self.busy.architecture)
        return self.prices.bill(million_jobs(self.jobs[shape.name], shape.jobs, self.prices, stage))

    def idle(self, stage: Stage, *, with_free_tier: bool = False) -> dict[str, float]:
        """Return the bill of an idle month, in USD by service."""
        return self.prices.bill(idle_month(self.sweeps, self.prices, stage), with_free_tier=with_free_tier)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a table in Markdown: all but the first column are ``numbers``, and stand to the right, or none is."""
    rules = ["---", *["--:" if numbers else "---"] * (len(head) - 1)]
    return "\n".join([_row(head), f"|{'|'.join(rules)}|", *map(_row, rows)])


def bills(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table of some bills; the rows leave out the services that cost less than half a cent in each."""
    services = dict.fromkeys(service for bill in columns.values() for service in bill)
    rows = [
        [service, *(_usd(bill.get(service, 0)) for bill in columns.values())]
        for service in services
        if any(_usd(bill.get(service, 0)) != _usd(0) for bill in columns.values())
    ]
    sums = [SUM, *(f"**{_usd(sum(bill.values()))}**" for bill in columns.values())]
    return table(["USD", *columns], [*rows, sums])


def in_readme(costs: Costs) -> str:
    """Return the README's block, its markers included."""
    shapes = {shape.name: shape for shape in SHAPES}
    columns = {name: costs.million(shapes[name]) for name in IN_README}
    columns |= {f"Idle month, {stage.name}": costs.idle(stage) for stage in costs.stages}
    where = f"{costs.prices.region}, list prices of {costs.prices.as_of}"
    return f"""{BEGIN}
A million small jobs, and a month in which nobody calls: {where}, without the free tier.

{bills(columns)}

{_sentences(shapes[name] for name in IN_README)}

Units are counted, not guessed, but for the run time of the functions: [docs/cost.md](docs/cost.md).
{END}"""


def page(costs: Costs) -> str:
    """Return ``docs/cost.md``."""
    prices, busy = costs.prices, costs.busy
    arm64 = (costs.million(shape, architecture="arm64") for shape in SHAPES)
    free = ((stage.name, costs.idle(stage, with_free_tier=True)) for stage in costs.stages)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        REGION=prices.region,
        AS_OF=prices.as_of,
        NOTE=prices.note,
        BUSY=busy.name,
        ARCHITECTURE=busy.architecture,
        JOB_DAYS=busy.job_retention_days,
        MILLION=bills({shape.name: costs.million(shape) for shape in SHAPES}),
        SHAPES=_sentences(SHAPES),
        ON_ARM64=_list(_usd(sum(bill.values())) for bill in arm64),
        UNITS=_units(costs),
        IDLE=bills({stage.name: costs.idle(stage) for stage in costs.stages}),
        IDLE_FREE=_list(f"{_usd(sum(bill.values()))} for {name}" for name, bill in free),
        METRICS=_metrics(costs),
        ALWAYS_ON=_usd(always_on_month(prices)),
        PRICES=_prices(prices),
        ASSUMPTIONS=_assumptions(prices),
        SOURCES=_sources(prices),
    )


def shown(costs: Costs) -> str:
    """Return what a person sees at the terminal: the tables of money."""
    million = bills({shape.name: costs.million(shape) for shape in SHAPES})
    idle = bills({f"Idle month, {stage.name}": costs.idle(stage) for stage in costs.stages})
    return f"""A million small jobs, {costs.prices.region}, list prices of {costs.prices.as_of}:

{aligned(million)}

A month in which nobody calls:

{aligned(idle)}
"""


def aligned(markdown: str) -> str:
    """Return a table with its columns one below the other."""
    rows = [[cell.strip().strip("*") for cell in line.strip("|").split("|")] for line in markdown.splitlines()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows[1] = ["-" * width for width in widths]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def with_block(text: str, block: str) -> str:
    """
    Return a text with what is between the markers replaced.

    Raises:
        ValueError: It does not have each of the markers once.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        message = f"the README must have {BEGIN} and {END} once each"
        raise ValueError(message)
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)


def write(costs: Costs, *, readme: Path = README, cost_page: Path = PAGE) -> None:
    """Write the README's block and the page."""
    readme.write_text(with_block(readme.read_text(encoding="utf-8"), in_readme(costs)), encoding="utf-8")
    cost_page.write_text(page(costs), encoding="utf-8")


def _units(costs: Costs) -> str:
    columns: dict[str, Callable[[Counts], float]] = {
        "API requests": lambda counts: counts.units["api_requests"],
        "Invocations": lambda counts: sum(counts.invocations.values()),
        "Write units": lambda counts: counts.units["dynamodb_write_units"],
        "Read units": lambda counts: counts.units["dynamodb_read_units"],
        "SQS requests": lambda counts: counts.units["sqs_requests"],
        "Events": lambda counts: counts.units["events_put"],
        "Lines of log": lambda counts: counts.log_lines,
        "Their bytes": lambda counts: counts.log_bytes,
        "Bytes out": lambda counts: counts.out_bytes,
        "Billed ms": lambda counts: sum(billed_ms(counts, costs.prices, each) for each in counts.invocations),
    }
    rows = [
        [shape.name, *(f"{column(costs.jobs[shape.name]) / shape.jobs:,.4g}" for column in columns.values())]
        for shape in SHAPES
    ]
    sweeps = costs.sweeps.invocations["sweep"]
    rows.append(["an idle sweep", *(f"{column(costs.sweeps) / sweeps:,.4g}" for column in columns.values())])
    return table(["", *columns], rows)


def _metrics(costs: Costs) -> str:
    metrics = set(costs.sweeps.metrics).union(*(counts.metrics for counts in costs.jobs.values()))
    if not metrics:
        return ""
    cost = costs.prices.bill({"custom_metric_months": len(metrics)})
    return (
        f"The functions write {len(metrics)} custom metrics. Each costs in the months in which it is written;"
        f"\nall together they are {_usd(sum(cost.values()))} a month.\n\n"
    )


def _prices(prices: PriceList) -> str:
    head = ["Service", "What", "USD", "For", "Page", "Read at"]
    rows = [
        [each.service, each.what, f"{each.usd:.10f}".rstrip("0").rstrip("."), f"{each.per:,}", each.page, each.read_at]
        for each in prices.prices.values()
    ]
    return table(head, rows, numbers=False)


def _assumptions(prices: PriceList) -> str:
    rows = [[f"`{name}`", f"{each.value:g}", each.why] for name, each in prices.assumptions.items()]
    return table(["What", "Value", "Why"], rows, numbers=False)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sources(prices: PriceList) -> str:
    return "\n".join(f"* {of}: <{where}>" for of, where in prices.sources.items())


def _sentences(shapes: Iterable[Shape]) -> str:
    return "\n".join(f"* {shape.name}: {shape.what}." for shape in shapes)


def _list(parts: Iterable[str]) -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def _usd(amount: float) -> str:
    return f"{amount:,.2f}"

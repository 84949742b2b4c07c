"""``docs/model.md``, from its template."""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from benchmarks import PROJECT
from benchmarks.cost.page import table
from benchmarks.model import values
from benchmarks.model.aws import Facts
from benchmarks.model.deployment import Limit
from benchmarks.model.loads import Load
from benchmarks.model.outcome import Outcome
from benchmarks.model.plots import mark
from benchmarks.model.product import LIMIT_UNITS, RUN_INDEX_UNITS, RUN_ROW_UNITS, SUBMIT_INDEX_UNITS, SUBMIT_ROW_UNITS
from benchmarks.model.runs import STAGE, Model
from benchmarks.model.scenarios import BURST, NOISY, NOISY_TENANT, QUIET, SUSTAINED, Rung
from benchmarks.model.values import refused_meanwhile, span
from chalicelib.domain.rate_limits import INTERVALS

PAGE = PROJECT / "docs" / "model.md"
PLOTS = PROJECT / "docs" / "model"
TEMPLATE = Path(__file__).with_name("model.md.template")


def page(model: Model) -> str:
    """Return ``docs/model.md``."""
    sentences = [part(model) for part in (values.of_answers, values.of_loads, values.of_findings, values.of_rules)]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        {name: value for each in sentences for name, value in each.items()},
        ANSWER=_answer(model),
        BURST_LADDER=_ladder(BURST, model.burst, model),
        SUSTAINED_LADDER=_ladder(SUSTAINED, model.sustained, model),
        NOISY_TABLE=_noisy_table(model),
        FACTS=_facts(model.facts),
        PRODUCT=_product(model),
        MARK=f"<!-- {mark(model.plots())} -->",
    )


def _answer(model: Model) -> str:
    rows = []
    for load, rungs in ((BURST, model.burst), (SUSTAINED, model.sustained)):
        for rung, called in ((rungs[0], f"`{STAGE}` as deployed"), (rungs[-1], f"{len(rungs) - 1} limits raised")):
            outcome = rung.outcome
            first = outcome.book.held.first()
            rows.append(
                [
                    load.name,
                    called,
                    _called(first),
                    _called(rung.holds_up),
                    _came_of(outcome),
                    span(outcome.latency(0.99)),
                    span(outcome.last_latency(0.99)),
                    f"{model.usd(outcome, load):,.0f}",
                ]
            )
    head = ["", "Stage", "Felt first", "Holds up most", "What came of it", "p99", "at last", "USD"]
    return table(head, rows, numbers=False)


def _came_of(outcome: Outcome) -> str:
    if outcome.done_at_s is not None and outcome.refused < 1:
        return f"all done, the last after {span(outcome.done_at_s)}"
    done = f"{outcome.ended / outcome.wanted:.1%} done"
    parts = [
        f"{jobs / outcome.wanted:.1%} {what}"
        for jobs, what in ((outcome.refused, "refused"), (outcome.in_queue, "waiting"))
        if jobs > 1
    ]
    return ", ".join([done, *parts])


def _ladder(load: Load, rungs: Sequence[Rung], model: Model) -> str:
    head = [
        "",
        "Raised",
        "By",
        "Felt first",
        "Holds up most",
        "What came of it",
        "p50",
        "p99",
        "at last",
        "Jobs/s",
        "USD",
    ]
    rows = []
    for place, rung in enumerate(rungs):
        outcome = rung.outcome
        raised = ("as deployed", "") if rung.raised is None else (rung.raised.how, rung.raised.by.value)
        rows.append(
            [
                str(place),
                *raised,
                _called(outcome.book.held.first()),
                _called(rung.holds_up),
                _came_of(outcome),
                span(outcome.latency(0.5)),
                span(outcome.latency(0.99)),
                span(outcome.last_latency(0.99)),
                f"{outcome.ended / outcome.samples[-1].at_s:,.0f}",
                f"{model.usd(outcome, load):,.0f}",
            ]
        )
    return table(head, rows, numbers=False)


def _noisy_table(model: Model) -> str:
    head = ["", "Felt first", "Quiet: refused meanwhile", "p50", "p99", "Noisy: refused", "accepted/s", "p99", "USD"]
    rows = []
    for each in model.noisy:
        outcome = each.outcome
        noisy = NOISY_TENANT.groups[1]
        accepted = (1 - _refused(outcome, NOISY)) * noisy.per_s
        rows.append(
            [
                each.called,
                _called(outcome.book.held.first()),
                f"{refused_meanwhile(outcome):.1%}",
                span(outcome.latency(0.5, QUIET)),
                span(outcome.latency(0.99, QUIET)),
                f"{_refused(outcome, NOISY):.1%}",
                f"{accepted:,.1f}",
                span(outcome.latency(0.99, NOISY)),
                f"{model.usd(outcome, NOISY_TENANT):,.2f}",
            ]
        )
    return table(head, rows, numbers=False)


def _facts(facts: Facts) -> str:
    rows = [[f"`{name}`", f"{each.value:,g}", each.what, each.page, each.unsure] for name, each in facts.facts.items()]
    return table(["What", "Value", "Meaning", "Page", "Not confirmed"], rows, numbers=False)


def _product(model: Model) -> str:
    product, settings = model.product, model.settings
    config, resources, code = "`.chalice/config.json`", "`.chalice/resources.json`", "`app.py`"
    times = "`benchmarks/prices.json`, with its calls of AWS"
    units = SUBMIT_ROW_UNITS + RUN_ROW_UNITS, SUBMIT_INDEX_UNITS + RUN_INDEX_UNITS, LIMIT_UNITS
    requests = f"{settings.stage_requests_per_s:,} and {settings.stage_requests_burst:,}"
    submissions = f"{product.submit_s(1) * 1000:.0f} ms; {product.submit_s(100) * 1000:.0f} ms"
    rows = [
        ["Requests a second, and at once", requests, f"{config}, `{STAGE}`"],
        ["Submissions a minute of a user", f"{settings.submit_limit.quota}", f"{config}, `SUBMITS_PER_MINUTE`"],
        ["Windows of that", f"{INTERVALS} intervals and the one that runs", "`chalicelib/domain/rate_limits.py`"],
        ["Consumers at once; messages in a batch", f"{settings.consumers_max}; {product.batch}", code],
        ["Relays at once for a shard", f"{product.relay_parallel}", resources],
        ["Changes in a batch of the relay", f"{product.relay_batch}", code],
        ["Shards of the index `due`", f"{product.due_shards}", "`chalicelib/domain/delivery.py`"],
        ["Write units of a job: row, index, limit", ", ".join(map(str, units)), "[the costs](cost.md), by a test"],
        ["A submission of one job; of a hundred", submissions, times],
        ["A full batch of jobs", f"{product.full_batch_s * 1000:,.0f} ms", times],
        ["Events in one call", f"{product.events_at_once}", "`chalicelib/services/relaying.py`"],
        ["A message comes back after", f"{product.visibility_s:.0f} s", "`deployment/template.py`"],
    ]
    return table(["What", "Value", "Read from"], rows, numbers=False)


def _refused(outcome: Outcome, group: str) -> float:
    return outcome.refused_by[group] / outcome.wanted_by[group]


def _called(limit: Limit | None) -> str:
    return "nothing" if limit is None else limit

"""What stands in the sentences of ``docs/model.md``, by the names in its template."""

from benchmarks.model.deployment import Limit
from benchmarks.model.loads import CLOSELY_S, STRIDE_S, Load
from benchmarks.model.outcome import Outcome
from benchmarks.model.product import (
    CHANGES,
    RUN_INDEX_UNITS,
    RUN_ROW_UNITS,
    SUBMIT_INDEX_UNITS,
    SUBMIT_ROW_UNITS,
)
from benchmarks.model.runs import STAGE, Model
from benchmarks.model.scenarios import BURST, HOUR_S, NOISY_TENANT, QUIET, SUSTAINED, By

NEAR = 0.6
"""A share of a limit from which on it is worth a mention."""


def span(seconds: float | None) -> str:
    """Return a time as one reads it."""
    if seconds is None:
        return "not in that time"
    if seconds < 10:  # noqa: PLR2004 - below it, tenths matter
        return f"{seconds:.1f} s"
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004


def refused_meanwhile(outcome: Outcome) -> float:
    """Return which share of the quiet tenants' jobs is refused while the noisy one is there."""
    quiet, noisy = NOISY_TENANT.groups
    return outcome.refused_by[QUIET] / (quiet.per_s * noisy.lasts_s)


def of_answers(model: Model) -> dict[str, object]:
    """Return the values of the answers at the top of the page."""
    rungs = model.sustained
    last = rungs[-1].outcome
    raised = [rung.raised for rung in rungs if rung.raised is not None]
    by = {who: sum(each.by is who for each in raised) for who in By}
    shares = last.book.shares
    fullest = sorted(shares, key=lambda limit: -shares[limit])
    deployed, opened = model.noisy[0].outcome, model.noisy[1].outcome
    dev_burst, dev_sustained = model.dev[BURST.name], model.dev[SUSTAINED.name]
    return {
        "DEPLOYED_RATE": f"{rungs[0].outcome.last_rate:.0f}",
        "RAISED_RATE": f"{last.last_rate:,.0f}",
        "RAISES": len(raised),
        "RAISED_BY": ", ".join(f"{number} by {who.value}" for who, number in by.items() if number),
        "ORDER": "\n".join(f"{place}. {each.how}: {each.by.value}." for place, each in enumerate(raised, start=1)),
        "HOUR_USD": f"{model.usd(last, SUSTAINED) / last.samples[-1].at_s * HOUR_S:,.0f}",
        "NEAR": "; ".join(f"{limit}, {shares[limit]:.0%}" for limit in fullest if NEAR <= shares[limit] <= 1),
        "QUIET_REFUSED": f"{refused_meanwhile(deployed):.0%}",
        "QUIET_REFUSED_THEN": f"{refused_meanwhile(opened):.0%}",
        "QUIET_LATENCY": span(opened.latency(0.99, QUIET)),
        "JOB_MS": f"{model.product.run_s * 1000:.0f}",
        "STAGE": STAGE,
        "STAGE_REQUESTS": f"{model.settings.stage_requests_per_s:,}",
        "DEV_REQUESTS": f"{model.dev_settings.stage_requests_per_s:,}",
        "DEV_BURST": span(dev_burst.done_at_s),
        "DEV_REFUSED": f"{dev_sustained.refused / dev_sustained.wanted:.0%}",
    }


def of_loads(model: Model) -> dict[str, object]:
    """Return the values of who asks for what."""
    quiet, noisy = NOISY_TENANT.groups
    limit = model.settings.submit_limit
    return {
        "BURST_WHO": who_asks(BURST),
        "SUSTAINED_WHO": who_asks(SUSTAINED),
        "BATCH": BURST.jobs_per_request,
        "QUOTA": limit.quota,
        "WINDOW": f"{(limit.window + limit.interval).total_seconds():.0f}",
        "CONSUMERS": model.settings.consumers_max,
        "BATCH_S": f"{model.product.full_batch_s:.2f}",
        "MESSAGES": model.product.batch,
        "QUIET_USERS": quiet.users,
        "QUIET_RATE": f"{quiet.per_s:,.0f}",
        "NOISY_RATE": f"{noisy.per_s:,.0f}",
        "NOISY_MINUTES": f"{noisy.lasts_s / 60:.0f}",
    }


def of_findings(model: Model) -> dict[str, object]:
    """Return the values of what the product would have to change."""
    product, facts, shares = model.product, model.facts, model.sustained[-1].outcome.book.shares
    key, mapping = facts["partition_write_units"], facts["mapping_concurrency_max"]
    entries = SUBMIT_INDEX_UNITS + RUN_INDEX_UNITS
    return {
        "DUE_SHARDS": product.due_shards,
        "ENTRIES": entries,
        "KEY": f"{key:,.0f}",
        "DUE_JOBS": f"{product.due_shards * key / entries:,.0f}",
        "MAPPING": f"{mapping:,.0f}",
        "MAPPING_JOBS": f"{mapping * product.batch / product.full_batch_s:,.0f}",
        "STATISTICS_LOST": f"{max(0.0, 1 - 1 / shares[Limit.STATISTICS_KEY]):.0%}",
        "OWNER_JOBS": f"{key / (SUBMIT_ROW_UNITS + RUN_ROW_UNITS):,.0f}",
        "RING_READS": f"{facts['ring_reads_per_s']:.0f}",
        "PUTS": f"{shares[Limit.PUT_EVENTS] * facts['put_events_per_s']:,.0f}",
        "CHANGES": CHANGES,
    }


def of_rules(model: Model) -> dict[str, object]:
    """Return the values of what the simulation does."""
    return {
        "CLOSELY": CLOSELY_S,
        "STRIDE": STRIDE_S,
        "VISIBILITY": f"{model.product.visibility_s:.0f}",
        "LOOKS": f"{model.product.looks_a_minute:.0f}",
        "POLLS": f"{model.facts['stream_polls_per_s']:.0f}",
        "PARALLEL": model.product.relay_parallel,
        "REGION": model.facts.region,
        "AS_OF": model.facts.as_of,
    }


def who_asks(load: Load) -> str:
    """Return who asks for how much."""
    return " and ".join(
        f"{group.users:,} users with {group.at_once:,.0f} jobs"
        if group.at_once
        else f"{group.users:,} users with {group.per_s:,.0f} jobs a second together"
        for group in load.groups
    )

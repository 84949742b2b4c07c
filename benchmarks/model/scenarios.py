"""The scenarios, and the ladder: the limit that holds up most is raised, and the same load comes again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from benchmarks.model.aws import Facts
from benchmarks.model.deployment import Deployment, Limit
from benchmarks.model.loads import Group, Load
from benchmarks.model.outcome import Outcome
from benchmarks.model.product import Product
from benchmarks.model.service import run

MILLION = 1_000_000
HOUR_S = 3600
TEN_THOUSAND = 10_000

BURST = Load(
    name="A burst of a million jobs",
    groups=(Group(name="all", users=1_000, at_once=MILLION, insists=True),),
    horizon_s=4 * 24 * HOUR_S,
    jobs_per_request=100,
)
SUSTAINED = Load(
    name="Ten thousand jobs a second for an hour",
    groups=(Group(name="all", users=TEN_THOUSAND, per_s=TEN_THOUSAND, lasts_s=HOUR_S),),
    horizon_s=HOUR_S,
)
QUIET, NOISY = "quiet", "noisy"
NOISY_TENANT = Load(
    name="One noisy tenant among a thousand",
    groups=(
        Group(name=QUIET, users=999, per_s=20, lasts_s=15 * 60),
        Group(name=NOISY, users=1, per_s=2_000, lasts_s=5 * 60),
    ),
    horizon_s=15 * 60,
)
NOISY_QUOTA = 200 * 60
"""Submissions a minute, so many that the tenant is a noisy one by right."""

WORTH_RAISING = 0.001
"""Of the job-seconds of a run, below which what a limit holds up is not felt."""


class By(Enum):
    """Who raises a limit."""

    SETTING = "a setting"
    NUMBER = "a number in the code"
    REQUEST = "a request to AWS"
    CODE = "a change of the template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """How a limit is raised, and to what: values of `Deployment`."""

    how: str
    by: By
    to: dict[str, float]

    def raises(self, deployment: Deployment) -> bool:
        """Tell whether it would raise anything that is not as high already."""
        return any(self._is_more(name, value, deployment) for name, value in self.to.items())

    @staticmethod
    def _is_more(name: str, value: float, deployment: Deployment) -> bool:
        if name == "stream_polls":  # of which fewer are the remedy
            return value < deployment.stream_polls
        has = deployment.submit_limit.quota if name == "submits_per_minute" else getattr(deployment, name)
        return bool(value > has)


def remedies(facts: Facts) -> dict[Limit, tuple[Remedy, ...]]:
    """Return how each limit is raised that can be, in steps, so that it is none for 10,000 jobs a second."""
    concurrency, pollers = 6_000, 200
    provisioned = Remedy(
        how=f"Provisioned pollers in the place of `maximum_concurrency`: {concurrency:,} batches at once",
        by=By.CODE,
        to={
            "mapping": concurrency,
            "consumers": concurrency,
            "pollers": facts["provisioned_pollers_per_minute"] / 60,
        },
    )
    at_first = pollers * facts["batches_of_a_poller"]
    kept_ready = replace(
        provisioned,
        how=f"`MinimumPollers` {pollers} of those: {at_first:,.0f} batches at once from the beginning",
        by=By.SETTING,
        to={**provisioned.to, "pollers_first": at_first},
    )
    concurrent = Remedy(how="Lambda's *Concurrent executions* to 10,000", by=By.REQUEST, to={"concurrency": 10_000})
    units = facts["table_write_units_quota"]
    warm = Remedy(how=f"Warm throughput of the jobs table: {units:,.0f}", by=By.SETTING, to={"jobs_units": units})
    more_than_the_quota = Remedy(
        how=f"The jobs table's write quota to {2 * units:,.0f}, and warm throughput with it",
        by=By.REQUEST,
        to={"quota_units": 2 * units, "jobs_units": 2 * units},
    )
    return {
        Limit.STAGE_THROTTLE: (
            Remedy(
                how="`RequestsPerSecond` 12,000 and `RequestsBurst` 5,000",
                by=By.SETTING,
                to={"stage_requests": 12_000, "stage_burst": 5_000},
            ),
        ),
        Limit.ACCOUNT_THROTTLE: (
            Remedy(
                how="API Gateway's throttle of the account to 20,000", by=By.REQUEST, to={"account_requests": 20_000}
            ),
        ),
        Limit.RING_READS: (
            Remedy(
                how="Higher throughput of the Parameter Store",
                by=By.SETTING,
                to={"ring_reads": facts["ring_reads_per_s_high"]},
            ),
        ),
        Limit.CONCURRENCY: (concurrent,),
        Limit.INVOCATIONS: (concurrent,),
        Limit.USER_QUOTA: (Remedy(how="`SUBMITS_PER_MINUTE` 6,000", by=By.SETTING, to={"submits_per_minute": 6_000}),),
        Limit.LIMITS_TABLE: (
            Remedy(how=f"Warm throughput of the limits table: {units:,.0f}", by=By.SETTING, to={"limits_units": units}),
        ),
        Limit.JOBS_TABLE: (warm, more_than_the_quota),
        Limit.DUE_INDEX: (
            Remedy(how=f"Warm throughput of the index `due`: {units:,.0f}", by=By.SETTING, to={"due_units": units}),
        ),
        Limit.DUE_SHARDS: (
            Remedy(how="`SHARDS` in `chalicelib/domain/delivery.py` to 32", by=By.NUMBER, to={"due_shards": 32}),
        ),
        Limit.CONSUMERS: (
            Remedy(
                how="`maximum_concurrency` of `consume` in `app.py` to 1,000",
                by=By.NUMBER,
                to={"consumers": facts["mapping_concurrency_max"]},
            ),
            provisioned,
        ),
        Limit.MAPPING: (provisioned,),
        Limit.POLLERS: (provisioned, kept_ready),
        Limit.STREAM: (warm,),
        Limit.STATISTICS_KEY: (
            Remedy(
                how="A batching window of 1 s for `relay` in `app.py`, which fills its batches",
                by=By.NUMBER,
                to={"stream_polls": 1},
            ),
        ),
        Limit.PUT_EVENTS: (
            Remedy(how="EventBridge's *PutEvents throttle limit* to 40,000", by=By.REQUEST, to={"put_events": 40_000}),
        ),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One run: with what was raised for it, if anything, and what is to be raised next."""

    raised: Remedy | None
    deployment: Deployment
    outcome: Outcome
    holds_up: Limit | None


def ladder(
    load: Load, deployment: Deployment, product: Product, facts: Facts, shown: Callable[[str], None]
) -> Sequence[Rung]:
    """
    Return a run as deployed, then one with the limit raised that held up most, and so on until none does.

    What cannot be raised, such as how fast Lambda adds containers, is passed over.
    """
    ways = remedies(facts)
    rungs: list[Rung] = []
    raised: Remedy | None = None
    while True:
        shown(f"{load.name}: run {len(rungs) + 1}")
        outcome = run(load, deployment, product)
        open_ways = {limit: way for limit in ways if (way := _next_way(ways[limit], deployment)) is not None}
        felt = WORTH_RAISING * load.wanted * min(load.horizon_s, outcome.samples[-1].at_s)
        worst = outcome.book.held.most(limit for limit in open_ways if outcome.book.held.weight(limit) >= felt)
        rungs.append(Rung(raised=raised, deployment=deployment, outcome=outcome, holds_up=worst))
        if worst is None:
            return _that_help(rungs)
        raised = open_ways[worst]
        deployment = deployment.raised(**raised.to)


def _that_help(rungs: list[Rung]) -> Sequence[Rung]:
    """Return the rungs up to the last that did better than the one before it: on what comes then nothing depends."""
    while len(rungs) > 1 and not _did_better(rungs[-1].outcome, rungs[-2].outcome):
        rungs.pop()
    return [*rungs[:-1], replace(rungs[-1], holds_up=None)]


def _did_better(outcome: Outcome, before: Outcome) -> bool:
    """Tell whether more jobs ended, or as many sooner, by more than a hundredth."""
    if abs(outcome.ended - before.ended) > 1:
        return outcome.ended > before.ended
    latency, latency_before = outcome.latency(0.99), before.latency(0.99)
    return latency is None or latency_before is None or latency < 0.99 * latency_before


def _next_way(steps: Sequence[Remedy], deployment: Deployment) -> Remedy | None:
    """Return the first step that would raise something."""
    return next((step for step in steps if step.raises(deployment)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """A run of the scenario of the noisy tenant, in a deployment that is as ``called``."""

    called: str
    outcome: Outcome


def variations(
    deployment: Deployment, product: Product, facts: Facts, shown: Callable[[str], None]
) -> Sequence[Variation]:
    """Return how the quiet tenants fare beside a noisy one: as deployed, and with what the operator may have raised."""
    (throttle,) = remedies(facts)[Limit.STAGE_THROTTLE]
    opened = deployment.raised(**throttle.to)
    by_right = opened.raised(submits_per_minute=NOISY_QUOTA)
    without_quota = opened.raised(submits_per_minute=10**9)
    cases = {
        "as deployed": deployment,
        "the stage's throttle raised": opened,
        f"and `SUBMITS_PER_MINUTE` {NOISY_QUOTA:,}": by_right,
        "the same, if messages had no group": by_right.raised(is_fair=False),
        "no quota at all": without_quota,
    }
    made = []
    for called, each in cases.items():
        shown(f"{NOISY_TENANT.name}: {called}")
        made.append(Variation(called=called, outcome=run(NOISY_TENANT, each, product)))
    return made

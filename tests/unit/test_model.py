"""The simulation of the deployed service: what it conserves, what it never exceeds, and what is known without it."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks.cost.prices import price_list
from benchmarks.model.aws import facts
from benchmarks.model.capacity import Bucket, Table, Window, in_proportion, tightest
from benchmarks.model.deployment import DELAY_EVENTS, Deployment, Limit, deployed, unbounded
from benchmarks.model.loads import Group, Load
from benchmarks.model.outcome import Outcome, percentile
from benchmarks.model.product import (
    CALLS_TO_STORE,
    IN_BATCHES,
    LIMIT_UNITS,
    RUN_INDEX_UNITS,
    RUN_ROW_UNITS,
    SUBMIT_INDEX_UNITS,
    SUBMIT_ROW_UNITS,
    counted,
    project_product,
    project_settings,
)
from benchmarks.model.queue import Line, delivered
from benchmarks.model.scenarios import NOISY, NOISY_TENANT, QUIET, ladder, remedies
from benchmarks.model.service import run
from chalicelib.domain.rate_limits import Limit as Quota

FACTS = facts()
PRODUCT = project_product(price_list())
PROD = deployed(FACTS, PRODUCT, project_settings("prod"))
FREE = unbounded(PROD)
BURST = Load(
    name="a burst",
    groups=(Group(name="all", users=200, at_once=20_000, insists=True),),
    horizon_s=100_000,
    jobs_per_request=100,
)
FLOOD = Load(name="a flood", groups=(Group(name="all", users=5_000, per_s=5_000, lasts_s=330),), horizon_s=360)
RAISES = {remedy.how: remedy for steps in remedies(FACTS).values() for remedy in steps}


def everything_raised() -> Deployment:
    deployment = PROD
    for remedy in RAISES.values():
        deployment = deployment.raised(**remedy.to)
    return deployment


@pytest.mark.parametrize("load", [BURST, FLOOD, NOISY_TENANT], ids=lambda load: load.name)
@pytest.mark.parametrize("deployment", [PROD, everything_raised(), FREE], ids=["deployed", "raised", "free"])
def test_each_job_that_is_wanted_has_ended_or_waits_or_was_refused(load: Load, deployment: Deployment) -> None:
    outcome = run(load, deployment, PRODUCT)
    assert outcome.wanted == pytest.approx(load.wanted)
    whole = outcome.ended + outcome.refused + outcome.at_callers + outcome.in_queue
    assert whole == pytest.approx(outcome.wanted)
    jobs = math.fsum(jobs for latencies in outcome.latencies.values() for _, jobs in latencies)
    assert jobs == pytest.approx(outcome.ended)
    for name, refused in outcome.refused_by.items():
        assert 0 <= refused <= outcome.wanted_by[name] * (1 + 1e-9)


@pytest.mark.parametrize("load", [BURST, FLOOD, NOISY_TENANT], ids=lambda load: load.name)
@pytest.mark.parametrize("deployment", [PROD, everything_raised()], ids=["deployed", "raised"])
def test_no_limit_is_exceeded_in_any_step(load: Load, deployment: Deployment) -> None:
    outcome = run(load, deployment, PRODUCT)
    over = {limit: share for limit, share in outcome.book.shares.items() if share > 1 + 1e-9}
    bursts = {Limit.STAGE_THROTTLE, Limit.ACCOUNT_THROTTLE}
    assert set(over) <= bursts | {Limit.STATISTICS_KEY}, (
        "of which what comes too much is lost, and nothing waits for it"
    )
    each = load.jobs_per_request
    allowed = deployment.stage_burst
    for sample, before_s in zip(outcome.samples, [0.0, *(sample.at_s for sample in outcome.samples)], strict=False):
        seconds = sample.at_s - before_s
        allowed = min(
            deployment.stage_burst + deployment.stage_requests * seconds, allowed + deployment.stage_requests * seconds
        )
        allowed -= sample.accepted_per_s * seconds / each
        assert allowed >= -1e-3, "no more is accepted than the stage's bucket of tokens lets in"
        assert sample.consumers <= min(deployment.consumers, deployment.mapping, deployment.concurrency) + 1e-6
        most = min(deployment.consumers, deployment.mapping) * PRODUCT.batch / PRODUCT.full_batch_s
        assert sample.ended_per_s <= most + 1e-3


def test_what_has_no_limit_ends_at_once_and_names_none() -> None:
    outcome = run(FLOOD, FREE, PRODUCT)
    assert outcome.ended == pytest.approx(FLOOD.wanted)
    assert outcome.book.held.first() is None
    assert outcome.latency(0.99) == pytest.approx(PRODUCT.submit_s(1) + PRODUCT.invocation_s + PRODUCT.run_s)


@pytest.mark.parametrize("consumers", [2, 10, 100])
def test_a_burst_takes_as_long_as_its_jobs_divided_by_the_consumers(consumers: int) -> None:
    outcome = run(BURST, FREE.raised(consumers=consumers), PRODUCT)
    seconds = BURST.wanted * PRODUCT.full_batch_s / PRODUCT.batch / consumers
    assert outcome.done_at_s == pytest.approx(seconds, abs=11)
    assert outcome.latency(0.5) == pytest.approx(seconds / 2, rel=0.05)
    assert outcome.book.held.most() is Limit.CONSUMERS


def test_what_the_gateway_lets_in_is_the_bucket_and_then_the_rate() -> None:
    outcome = run(FLOOD, FREE.raised(stage_requests=100, stage_burst=1_000), PRODUCT)
    assert outcome.ended == pytest.approx(1_000 + 330 * 100)
    assert outcome.book.held.refused[Limit.STAGE_THROTTLE] == pytest.approx(FLOOD.wanted - outcome.ended)


def test_users_get_their_quota_in_each_window_and_no_more() -> None:
    quota = replace(PROD.submit_limit, quota=12)
    outcome = run(FLOOD, replace(FREE, submit_limit=quota), PRODUCT)
    per_window = 12 * 5_000
    assert outcome.ended == pytest.approx(per_window * math.ceil(330 / 70)), "a window, and an interval more"
    for first in range(0, 330, 10):
        within = [sample for sample in outcome.samples if first < sample.at_s <= first + 60]
        lengths = [1 if sample.at_s <= 300 else 10 for sample in within]
        accepted = sum(sample.accepted_per_s * length for sample, length in zip(within, lengths, strict=True))
        assert accepted <= per_window + 1e-3


ALONE: dict[Limit, dict[str, float]] = {
    Limit.STAGE_THROTTLE: {"stage_requests": 100, "stage_burst": 10},
    Limit.ACCOUNT_THROTTLE: {"account_requests": 100, "account_burst": 10},
    Limit.RING_READS: {"ring_reads": 1},
    Limit.ENVIRONMENTS: {"environments": 1, "environments_burst": 1},
    Limit.CONCURRENCY: {"concurrency": 1_000},
    Limit.INVOCATIONS: {"concurrency": 100_000, "invocations_per_concurrency": 0.001},
    Limit.USER_QUOTA: {"submits_per_minute": 1},
    Limit.LIMITS_TABLE: {"limits_units": 1_000},
    Limit.OWNER_KEY: {"key_units": 2.5},
    Limit.JOBS_TABLE: {"jobs_units": 1_000},
    Limit.DUE_INDEX: {"due_units": 1_000},
    Limit.DUE_SHARDS: {"due_shards": 1, "key_units": 1_000},
    Limit.POLLERS: {"pollers_first": 5, "pollers": 1},
    Limit.CONSUMERS: {"consumers": 10},
    Limit.MAPPING: {"mapping": 10},
    Limit.IN_FLIGHT: {"in_flight": 50},
    Limit.STREAM: {"jobs_units": 40_000, "key_units": 40_000},
    Limit.PUT_EVENTS: {"put_events": 100},
    Limit.STATISTICS_KEY: {"statistics_keys": 0.001, "key_units": 1_000},
}


@pytest.mark.parametrize("limit", ALONE, ids=lambda limit: limit.name)
def test_a_limit_that_is_alone_is_the_one_that_bites(limit: Limit) -> None:
    outcome = run(FLOOD, FREE.raised(**ALONE[limit]), PRODUCT)
    assert set(outcome.book.held.first_s) == {limit}
    assert outcome.book.held.most() is limit
    assert outcome.book.held.first() is (None if limit in DELAY_EVENTS else limit)


def test_whoever_submits_more_than_a_row_of_limits_takes_has_too_many_jobs_for_a_partition_too() -> None:
    held = run(FLOOD, FREE.raised(key_units=0.5, due_shards=math.inf), PRODUCT).book.held
    assert set(held.first_s) == {Limit.LIMITS_KEY, Limit.OWNER_KEY}
    assert held.first() is Limit.LIMITS_KEY


def test_no_limit_is_without_its_case() -> None:
    assert {*ALONE, Limit.LIMITS_KEY} == set(Limit)


def test_of_two_limits_that_are_felt_at_once_the_first_is_the_one_that_jobs_come_to_first() -> None:
    both = FREE.raised(stage_requests=100, stage_burst=10, consumers=1)
    held = run(FLOOD, both, PRODUCT).book.held
    assert held.first_s[Limit.STAGE_THROTTLE] == held.first_s[Limit.CONSUMERS] == 0
    assert held.first() is Limit.STAGE_THROTTLE


@pytest.mark.parametrize("consumers", [10, 1_000])
def test_raising_a_limit_never_makes_a_burst_slower(consumers: int) -> None:
    deployment = PROD.raised(consumers=consumers)
    before = done_at_s(deployment)
    for remedy in RAISES.values():
        assert done_at_s(deployment.raised(**remedy.to)) <= before + 10, f"but for a step: {remedy.how}"


def done_at_s(deployment: Deployment) -> float:
    done = run(BURST, deployment, PRODUCT).done_at_s
    assert done is not None
    return done


def test_quiet_tenants_are_delivered_first_because_messages_have_a_group() -> None:
    open_to_all = PROD.raised(stage_requests=12_000, stage_burst=5_000, submits_per_minute=12_000)
    fair, unfair = (run(NOISY_TENANT, open_to_all.raised(is_fair=each), PRODUCT) for each in (True, False))
    assert seconds(fair, QUIET) < 5
    assert seconds(unfair, QUIET) > 300
    assert seconds(fair, NOISY) > 300
    assert fair.ended == pytest.approx(unfair.ended, rel=0.01), "it is only the order"


def test_a_tenant_is_not_noisy_by_a_share_among_few() -> None:
    """Thirty in flight, or a tenth of the consumers' time: ten users alike are neither."""
    alike = Load(
        name="alike",
        groups=tuple(Group(name=str(number), users=10, per_s=20, lasts_s=60) for number in range(2)),
        horizon_s=60,
    )
    fair, unfair = (run(alike, FREE.raised(consumers=2, is_fair=each), PRODUCT) for each in (True, False))
    assert fair.latencies == unfair.latencies


def seconds(outcome: Outcome, group: str) -> float:
    latency = outcome.latency(0.99, group)
    assert latency is not None
    return latency


def test_the_ladder_raises_what_held_up_most_until_nothing_does() -> None:
    shown: list[str] = []
    rungs = ladder(FLOOD, PROD, PRODUCT, FACTS, shown.append)
    assert rungs[0].raised is None
    assert rungs[0].deployment == PROD
    for below, above in pairwise(rungs):
        assert below.holds_up is not None
        assert above.raised in remedies(FACTS)[below.holds_up]
        assert above.deployment == below.deployment.raised(**above.raised.to)
    assert rungs[-1].holds_up is None
    assert rungs[-1].outcome.ended > 0.999 * FLOOD.wanted
    assert len(shown) >= len(rungs)


def test_every_way_to_raise_is_within_what_aws_allows() -> None:
    raised = everything_raised()
    assert raised.mapping <= FACTS["provisioned_concurrency_max"]
    assert raised.pollers_first <= raised.mapping
    for limit, steps in remedies(FACTS).items():
        for remedy in steps:
            assert remedy.raises(PROD), limit
            assert not remedy.raises(PROD.raised(**remedy.to)), limit


def test_a_table_takes_twice_its_peak_half_an_hour_later_and_its_quota_at_most() -> None:
    table = Table(4_000, quota=10_000, factor=2, after_s=1_800)
    table.used(0, 4_000)
    assert table.units_at(1_799) == 4_000
    assert table.units_at(1_800) == 8_000
    table.used(1_800, 8_000)
    assert table.units_at(3_600) == 10_000


def test_tokens_that_are_not_used_are_kept_up_to_the_size_of_the_bucket() -> None:
    bucket = Bucket(10, 20)
    bucket.take(bucket.room(1), 1)
    assert bucket.room(1) == 10
    for _ in range(9):
        bucket.take(0, 1)
    assert bucket.room(1) == 30


def test_of_a_batch_that_does_not_fit_into_the_quota_nothing_is_taken() -> None:
    window = Window(Quota(name="submit", quota=250, window=PROD.submit_limit.window), users=3, jobs_per_request=100)
    assert window.room(0) == 600
    window.take(0, 600)
    assert window.room(69) == 0
    assert window.room(70) == 600


def test_of_several_limits_the_tightest_is_named_and_none_where_all_passes() -> None:
    limits = (Limit.CONSUMERS, 10.0), (Limit.MAPPING, 5.0)
    assert tightest(7, *limits) == (5, Limit.MAPPING)
    assert tightest(5, *limits) == (5, None)
    assert tightest(7, (Limit.MAPPING, -1.0)) == (0, Limit.MAPPING)
    assert in_proportion([30, 10], 20) == [15, 5]
    assert in_proportion([30, 10], 50) == [30, 10]


def test_jobs_leave_a_line_in_the_order_in_which_they_came() -> None:
    line = Line()
    line.add(0, 5)
    line.add(0, 5)
    line.add(3, 5)
    assert line.take(12) == [(0, 10), (3, 2)]
    assert (line.waiting, line.oldest) == (3, 3)
    assert line.take(9) == [(3, 3)]
    assert (line.waiting, line.oldest) == (0, math.inf)


def test_the_noisy_have_what_the_quiet_leave() -> None:
    assert delivered([10, 90], [False, True], 50) == [10, 40]
    assert delivered([10, 90], [False, False], 50) == [5, 45]
    assert delivered([60, 90], [False, True], 50) == [50, 0]


def test_a_percentile_is_the_latency_that_so_many_jobs_have_at_most() -> None:
    assert percentile([(1, 98), (5, 1), (9, 1)], 0.5) == 1
    assert percentile([(9, 1), (1, 98), (5, 1)], 0.99) == 5
    assert percentile([(1, 98), (5, 1), (9, 1)], 0.999) == 9
    assert percentile([], 0.5) is None


def test_what_a_job_writes_is_what_make_cost_counts() -> None:
    """A batch has one row of limits for all of its jobs, and its rows are in a transaction; five ends are one count."""
    of_a_batch = (
        SUBMIT_ROW_UNITS * 2
        + RUN_ROW_UNITS
        + SUBMIT_INDEX_UNITS
        + RUN_INDEX_UNITS
        + LIMIT_UNITS / 100
        + 1 / PRODUCT.batch
    )
    assert PRODUCT.submit_row_units(100) == SUBMIT_ROW_UNITS * 2
    assert counted(IN_BATCHES)["Write units"] == pytest.approx(of_a_batch, abs=0.02)
    assert counted(IN_BATCHES)["SQS requests"] == pytest.approx(
        (PRODUCT.submit_calls(100) - CALLS_TO_STORE + 2 * 100 / PRODUCT.batch) / 100
    )


def test_a_change_of_the_product_changes_what_comes_out() -> None:
    slow = run(BURST, PROD, replace(PRODUCT, run_s=2 * PRODUCT.run_s)).done_at_s
    assert slow == pytest.approx(2 * done_at_s(PROD), rel=0.05)
    more_shards = deployed(FACTS, replace(PRODUCT, due_shards=99), project_settings("prod"))
    assert more_shards.due_shards == 99

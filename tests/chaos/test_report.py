"""The judgement itself, on histories made up."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos import report
from tests.chaos.faults import Plan
from tests.chaos.orders import Order
from tests.chaos.proxy import CERTAIN_REQUEST, Proxy
from tests.chaos.witness import Witness

ORDER = Order(number=0, owner_id="owner-a", operation="slow_sum", data={}, ends=("SUCCESS", "6"))


PLAN = Plan.usual(kills=100, seed=1)
SOUND = report.Figures(
    seed=1,
    duration_s=100,
    jobs_submitted=400,
    jobs_acknowledged=399,
    jobs_lost=0,
    jobs_unfinished=0,
    duplicate_commits=0,
    claims=500,
    retries=30,
    wasted_executions=70,
    kills={
        "consumer after_claim": 23,
        "consumer missed before_retry": 22,
        "consumer random": 45,
        "submitter before_add": 1,
        "submitter missed after_send": 4,
        "sweeper before_send": 1,
        "sweeper missed after_send": 4,
    },
    stops=10,
    takeovers=10,
    fenced_writes=1,
    lost_requests=1,
    lost_answers=1,
    recognised_writes=1,
    emulator_restarts=4,
    recovered=50,
    recovery_median_s=5,
    recovery_p99_s=10,
    least=PLAN.least,
)
"""Just enough of each fault."""


class FakeTime:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def row(status: str, *transitions: str, **attributes: Any) -> dict[str, Any]:
    events = [{"M": {"transition": {"S": transition}}} for transition in transitions]
    return {"status": {"S": status}, "events": {"L": events}, **attributes}


def see(witness: Witness, step: str, *, worker: str = "a", token: str = "", is_applied: bool = True) -> None:
    values: dict[str, Any] = {":token": {"S": token or f"{step} of {worker}"}}
    if step == "claim":
        values[":in_progress"] = {"S": "IN_PROGRESS"}
    else:
        values[":status"] = {"S": "SUCCESS" if step == "finish" else "PENDING"}
    request = {"Key": {"owner_id": {"S": "owner-a"}, "job_id": {"S": "job"}}, "ExpressionAttributeValues": values}
    witness.see(worker=worker, operation="UpdateItem", request=request, is_applied=is_applied)


@pytest.mark.parametrize(
    "found",
    [
        None,
        row("PENDING"),
        row("IN_PROGRESS"),
        row("SUCCESS", result={"S": "7"}),
        row("FAILED", error={"M": {"code": {"S": "ATTEMPTS_EXHAUSTED"}}}),
    ],
)
def test_a_job_that_has_not_come_to_its_own_end_is_lost(found: dict[str, Any] | None) -> None:
    assert report.lost_because(ORDER, found) is not None


def test_a_job_with_its_own_end_is_not_lost() -> None:
    assert report.lost_because(ORDER, row("SUCCESS", result={"S": "6"})) is None


def test_a_second_commit_is_seen_on_the_wire_though_it_overwrites_the_first() -> None:
    witness = Witness()
    see(witness, "finish", worker="a")
    see(witness, "finish", worker="b")

    assert report.duplicates(witness, {"job": row("SUCCESS", "SUBMIT", "CLAIM", "FINISH")}) == ["job"]


def test_a_second_commit_is_seen_in_the_log_though_no_one_saw_it_on_the_wire() -> None:
    rows = {"job": row("SUCCESS", "SUBMIT", "CLAIM", "FINISH", "FAIL"), "other": row("SUCCESS", "SUBMIT", "FINISH")}

    assert report.duplicates(Witness(), rows) == ["job"]


def test_a_refused_write_is_a_repetition_of_an_applied_one_or_that_of_an_attempt_that_lost_its_job() -> None:
    witness = Witness()
    see(witness, "claim", worker="a")
    see(witness, "claim", worker="b")
    see(witness, "finish", worker="b")
    see(witness, "finish", worker="b", is_applied=False)
    see(witness, "finish", worker="a", is_applied=False)

    assert (witness.recognised_writes, witness.fenced_writes) == (1, 1)
    assert report.duplicates(witness, {}) == []
    assert report.wasted(witness) == 1


def test_the_retry_of_a_failed_attempt_is_no_waste() -> None:
    witness = Witness()
    for step in ("claim", "retry", "claim", "finish"):
        see(witness, step)

    assert report.wasted(witness) == 0


def test_recovery_lasts_from_the_kill_of_the_job_s_holder_to_its_next_claim() -> None:
    time = FakeTime()
    witness = Witness(time)
    see(witness, "claim", worker="a")
    time.now_s = 10
    witness.killed("b")
    witness.killed("a")
    time.now_s = 13
    see(witness, "claim", worker="b")

    assert witness.recoveries_s == [3]
    assert witness.holds("b")
    assert not witness.holds("a")


def test_a_job_claimed_while_its_holder_is_stopped_is_taken_over() -> None:
    witness = Witness()
    see(witness, "claim", worker="a")
    witness.stopped("a", is_stopped=True)
    see(witness, "claim", worker="b")
    witness.stopped("a", is_stopped=False)
    see(witness, "claim", worker="c")

    assert witness.takeovers == 1


def test_a_percentile_of_few_is_the_largest_and_of_none_is_zero() -> None:
    assert report.percentile([3, 1, 2], 0.99) == 3
    assert report.percentile([], 0.99) == 0
    assert report.median([]) == 0


def test_a_run_is_sound_when_no_job_came_to_harm_and_each_kind_of_fault_happened() -> None:
    assert SOUND.broken_promises == []
    assert SOUND.missing_faults == []
    assert SOUND.is_sound


@pytest.mark.parametrize(
    "kind", ["stops", "takeovers", "fenced_writes", "lost_requests", "lost_answers", "recognised_writes"]
)
def test_a_run_without_a_kind_of_fault_is_not_sound(kind: str) -> None:
    figures = replace(SOUND, **{kind: 0})  # type: ignore[arg-type]

    assert figures.missing_faults == [f"no fault of this kind happened: {kind}"]
    assert figures.broken_promises == []
    assert not figures.is_sound


@pytest.mark.parametrize(("kind", "number"), [("stops", 10), ("takeovers", 10), ("emulator_restarts", 4)])
def test_a_run_with_fewer_faults_than_planned_is_not_sound(kind: str, number: int) -> None:
    figures = replace(SOUND, **{kind: number - 1})  # type: ignore[arg-type]

    assert figures.missing_faults == [
        f"too few faults of this kind happened: {kind}, {number - 1} of at least {number}"
    ]
    assert not figures.is_sound


@pytest.mark.parametrize(
    ("role", "reached"),
    [("consumer", "after_claim"), ("submitter", "before_add"), ("sweeper", "before_send")],
)
def test_kills_that_missed_their_points_are_none_at_points(role: str, reached: str) -> None:
    kills = dict(SOUND.kills)
    kills[f"{role} missed {reached}"] = kills.pop(f"{role} {reached}")

    figures = replace(SOUND, kills=kills)

    assert figures.missing_faults == [f"no fault of this kind happened: {role}_point_kills"]
    assert not figures.is_sound


def test_fewer_kills_than_planned_are_not_enough() -> None:
    figures = replace(SOUND, kills={**SOUND.kills, "consumer random": 44})

    assert figures.missing_faults == ["too few faults of this kind happened: kills, 99 of at least 100"]


@pytest.mark.parametrize("kind", ["jobs_lost", "jobs_unfinished", "duplicate_commits"])
def test_each_harm_to_a_job_is_a_broken_promise(kind: str) -> None:
    figures = replace(SOUND, **{kind: 2})  # type: ignore[arg-type]

    (sentence,) = figures.broken_promises
    assert sentence.startswith("2 jobs were ")
    assert figures.missing_faults == []
    assert not figures.is_sound


@pytest.mark.parametrize("kills", [10, 100])
def test_a_plan_asks_for_each_kind_of_fault_that_it_makes(kills: int) -> None:
    least = Plan.usual(kills=kills, seed=1).least

    assert {kind for kind, number in least.items() if number == 0} <= {"sweeper_point_kills"}
    assert least["kills"] == kills


def test_a_plan_asks_for_no_fault_that_it_does_not_make() -> None:
    plan = Plan(kills=0, seed=1, stops=0, restarts=0, lost_requests=0, lost_answers=0)

    assert set(plan.least.values()) == {0}


def test_a_job_that_is_there_and_not_final_is_open() -> None:
    assert report.is_open(row("PENDING"))
    assert report.is_open(row("IN_PROGRESS"))
    assert not report.is_open(row("FAILED"))
    assert not report.is_open(None)


@pytest.mark.parametrize("is_applied", [True, False])
def test_a_zombie_is_robbed_and_writes_late_be_its_write_refused_or_not(*, is_applied: bool) -> None:
    witness = Witness()
    see(witness, "claim", worker="a")
    witness.stopped("a", is_stopped=True)
    assert not witness.was_robbed("a")
    see(witness, "claim", worker="b")
    witness.stopped("a", is_stopped=False)
    assert witness.was_robbed("a")
    assert not witness.wrote_late("a")

    see(witness, "finish", worker="a", is_applied=is_applied)

    assert witness.wrote_late("a")
    assert not witness.wrote_late("b")
    witness.stopped("a", is_stopped=True)
    assert not witness.was_robbed("a")
    assert not witness.wrote_late("a")


def test_whatever_jobs_do_moves() -> None:
    witness = Witness()
    for step in ("claim", "retry", "claim", "finish"):
        see(witness, step)

    assert witness.moves == 4


def test_a_proxy_loses_one_request_and_every_fifth_end_for_certain() -> None:
    with Proxy(Witness(), 1, lost_requests=1e-9, lost_answers=1e-9) as proxy:
        proxy.connect("http://127.0.0.1:1")

        requests = [proxy.loses_request() for _ in range(100)]
        ends = [proxy.loses_answer(is_end=True) for _ in range(10)]

        assert [number for number, is_lost in enumerate(requests, 1) if is_lost] == [CERTAIN_REQUEST]
        assert [number for number, is_lost in enumerate(ends) if is_lost] == [0, 5]
        assert not proxy.loses_answer(is_end=False)
        assert proxy.lost == {"requests": 1, "answers": 2}


def test_a_calm_proxy_loses_nothing_and_one_that_is_cut_off_counts_nothing() -> None:
    with Proxy(Witness(), 1, lost_requests=1, lost_answers=1) as proxy:
        assert proxy.loses_answer(is_end=True)
        proxy.connect("http://127.0.0.1:1")
        proxy.calm()
        assert not proxy.loses_answer(is_end=True)
        assert proxy.lost == {"requests": 0, "answers": 0}

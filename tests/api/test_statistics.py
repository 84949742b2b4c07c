"""All jobs together over HTTP: counted by the relay, read by administrators."""

from datetime import timedelta

import pytest

from chalicelib.domain.job_ends import Addition, Count, Ending
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus
from tests.api.client import Api
from tests.api.test_administration import with_admin
from tests.events import stream_event
from tests.factories import OWNER, World, make_act, make_claim, make_job
from tests.fakes import NOON


def job_of(number: int, operation: str = "square_sum") -> Job:
    key = JobKey(owner_id=OWNER, job_id=JobId(f"01900000-0000-7000-8000-{number:012x}"))
    return make_job(key=key, operation=operation, token=f"submit {number}")


def ended(api: Api, *, after: timedelta = timedelta(seconds=1)) -> None:
    """Have the relay tell of a few jobs that have ended, each so long after noon."""
    changes = []
    for number in range(6):
        running = job_of(number, "cube_sum" if number == 5 else "square_sum").claimed(make_claim(f"claim {number}"))
        act = make_act(f"end {number}", at=NOON + after)
        if number == 0:
            end = running.failed(JobError(code="TIMED_OUT", detail="private"), act)
        else:
            end = running.cancelled(act) if number == 1 else running.finished("14", act)
        changes.append((running, end))
    api.world.services().relay.consume(stream_event(*changes), lambda: timedelta(minutes=1))


def addition_at_noon() -> Addition:
    ending = Ending(slot=NOON, operation="square_sum", status=JobStatus.SUCCESS)
    return Addition(count=Count(ending=ending, jobs=1, latencies={7: 1}), batch="1")


def test_an_administrator_sees_how_jobs_ended_and_nobody_else_does() -> None:
    api, root = with_admin("ada")
    ended(api)
    answer = api.get("/admin/statistics", token=root)
    assert answer.status == 200
    told = answer.json
    about_a_second = {"p50": 1081, "p95": 1081, "p99": 1081}
    assert told["intervals"][-1] == {
        "begins_at": "2026-11-23T12:00:00Z",
        "success": 4,
        "failed": 1,
        "cancelled": 1,
        "latency_ms": told["total"]["latency_ms"],
    }
    assert told["intervals"][0] == {
        "begins_at": "2026-11-23T11:05:00Z",
        "success": 0,
        "failed": 0,
        "cancelled": 0,
        "latency_ms": None,
    }
    assert told["operations"][1] == {
        "operation": "cube_sum",
        "success": 1,
        "failed": 0,
        "cancelled": 0,
        "latency_ms": about_a_second,
    }
    assert told["operations"][0]["operation"] == "square_sum"
    assert told["errors"] == [{"operation": "square_sum", "code": "TIMED_OUT", "jobs": 1}]
    assert (told["window"], told["interval_s"], told["begins_at"], told["ends_at"]) == (
        "hour",
        300,
        "2026-11-23T11:05:00Z",
        "2026-11-23T12:05:00Z",
    )
    assert told["counted_from"] == told["begins_at"]
    assert "private" not in answer.text
    assert api.get("/admin/statistics", token=api.signed_in("ada").access).status == 403


@pytest.mark.parametrize(
    ("window", "interval_s", "intervals"), [("hour", 300, 12), ("day", 1800, 48), ("week", 7200, 84)]
)
def test_a_window_has_all_its_intervals(window: str, interval_s: int, intervals: int) -> None:
    api, root = with_admin()
    ended(api)
    told = api.get("/admin/statistics", query=f"window={window}", token=root).json
    assert (told["window"], told["interval_s"], len(told["intervals"])) == (window, interval_s, intervals)
    assert [each["success"] for each in told["intervals"]] == [0] * (intervals - 1) + [4]


def test_of_too_much_the_answer_tells_from_when_on_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.services.statistics.ROWS_MAX", 4)
    api, root = with_admin()
    ended(api, after=-timedelta(hours=3))
    api.world.counts.add(addition_at_noon())
    told = api.get("/admin/statistics", query="window=week", token=root).json
    assert told["counted_from"] == "2026-11-23T09:05:00Z", "the slot before it is not there as a whole"
    assert (told["total"]["success"], told["total"]["failed"], len(told["intervals"])) == (1, 0, 84)


def test_a_window_that_there_is_not_is_refused() -> None:
    api, root = with_admin()
    answer = api.get("/admin/statistics", query="window=month", token=root)
    assert (answer.status, answer.problem["code"]) == (400, "INVALID_PARAMETER")
    assert answer.problem["detail"] == "window must be hour, day or week"


def test_before_an_update_has_brought_the_table_the_answer_says_what_is_missing() -> None:
    world = World()
    world.counts = None  # type: ignore[assignment] # as `build` has it then
    api = Api(world)
    api.registered("root")
    api.made_admin("root")
    root = api.signed_in("root").access
    for window in ("hour", "day", "week"):
        answer = api.get("/admin/statistics", query=f"window={window}", token=root)
        assert (answer.status, answer.problem["code"]) == (503, "UNAVAILABLE")
        assert answer.problem["detail"].startswith("the statistics table is not there yet")
    assert api.get("/admin/overview", token=root).status == 200


def test_what_comes_again_is_not_counted_before_it_is_told() -> None:
    api, root = with_admin()
    api.world.bus.takes.extend([0])
    with pytest.raises(Exception, match="come again"):
        ended(api)
    assert api.get("/admin/statistics", token=root).json["total"]["success"] == 0
    ended(api)
    ended(api)
    assert api.get("/admin/statistics", token=root).json["total"]["success"] == 4, "told twice, and counted once"


def test_a_store_that_is_away_keeps_no_event_from_being_told() -> None:
    api, root = with_admin()
    api.world.counts.answers = 0
    ended(api)
    assert len(api.world.bus.events) == 6
    answer = api.get("/admin/statistics", token=root)
    assert (answer.status, answer.problem["code"]) == (503, "UNAVAILABLE")


def test_an_administrator_sees_what_waits() -> None:
    api, root = with_admin("ada")
    ada = api.signed_in("ada").access
    assert api.get("/admin/overview", token=root).json == {
        "queue": {"waiting": 0, "in_flight": 0, "delayed": 0},
        "oldest_waiting_s": None,
        "as_of": "2026-11-23T12:00:00Z",
    }
    assert api.post("/jobs", {"data": [1], "operation": "square_sum"}, token=ada).status == 202
    assert api.post("/jobs", {"data": [1], "operation": "square_sum", "delay_s": 300}, token=ada).status == 202
    api.world.clock.advance(seconds=42)
    assert api.get("/admin/overview", token=root).json == {
        "queue": {"waiting": 1, "in_flight": 0, "delayed": 1},
        "oldest_waiting_s": 42,
        "as_of": "2026-11-23T12:00:42Z",
    }
    assert api.get("/admin/overview", token=ada).status == 403

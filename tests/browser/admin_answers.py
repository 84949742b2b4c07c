"""What the API answers to an administrator's pages, in the shapes of its contract."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browser.stand_in import Answer, Asked

OWNER = "7d3b1c64-93f1-4c6e-8a53-5b0f2f6d9e11"
ENDS_AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
SHAPES = {"hour": (12, 300), "day": (48, 1800), "week": (84, 7200)}
"""Of each window: how many intervals it has, and how long they are in seconds."""

OVERVIEW = {
    "queue": {"waiting": 12_843, "in_flight": 5, "delayed": 0},
    "oldest_waiting_s": 1234,
    "as_of": "2026-11-30T11:58:00Z",
}
OPERATIONS: Mapping[str, Any] = {
    "operations": [
        {"name": name, "description": f"What {name} does.", "input_schema": {}, "max_attempts": 3, "timeout_s": 60}
        for name in ("cube_sum", "square_sum")
    ]
}
BOB = {
    "user_id": OWNER,
    "username": "bob",
    "role": "user",
    "is_disabled": False,
    "created_at": "2026-03-05T08:00:00Z",
}
LATENCY = {"p50": 240, "p95": 1500, "p99": 9000}


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def statistics(asked: Asked, *, jobs: int = 10, later: int = 0, uncounted: timedelta = timedelta()) -> Answer:
    """
    Of each interval so many successes, and one failure in the last.

    It is so many intervals ``later``; the oldest are ``uncounted``.
    """
    window = asked.query["window"]
    count, interval_s = SHAPES[window]
    ends_at = ENDS_AT + timedelta(seconds=later * interval_s)
    begins_at = ends_at - timedelta(seconds=count * interval_s)
    ends = [
        {
            "begins_at": instant(begins_at + timedelta(seconds=at * interval_s)),
            "success": jobs,
            "failed": 1 if jobs and at == count - 1 else 0,
            "cancelled": 0,
            "latency_ms": LATENCY if jobs else None,
        }
        for at in range(count)
    ]
    total = {
        "success": jobs * count,
        "failed": 1 if jobs else 0,
        "cancelled": 0,
        "latency_ms": LATENCY if jobs else None,
    }
    return 200, {
        "window": window,
        "interval_s": interval_s,
        "begins_at": instant(begins_at),
        "ends_at": instant(ends_at),
        "counted_from": instant(begins_at + uncounted),
        "intervals": ends,
        "total": total,
        "operations": [{"operation": "square_sum", **total}] if jobs else [],
        "errors": [{"operation": "square_sum", "code": "TIMED_OUT", "jobs": 1}] if jobs else [],
    }


def job_id(number: int) -> str:
    return f"019aa9f2-2d4c-7cc3-8f0e-3d4e5f{number:06x}"


TOO_LONG = "the attempt took more than 60 s"


def administered(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A job of bob's that failed, as lists have it: with what the service itself said of a dead one, and no other."""
    made: dict[str, Any] = {
        "owner_id": OWNER,
        "username": "bob",
        "job_id": job_id(number),
        "operation": "square_sum",
        "status": "FAILED",
        "attempt": 3,
        "max_attempts": 3,
        "created_at": "2026-11-30T11:40:00Z",
        "run_at": "2026-11-30T11:40:00Z",
        "started_at": "2026-11-30T11:40:01Z",
        "finished_at": "2026-11-30T11:41:00Z",
        "error": {"code": "TIMED_OUT", "detail": TOO_LONG if fields.get("dead") else None},
        "dead": False,
        "tags": ["nightly"],
    }
    return made | fields


def looked_at(number: int = 1, **fields: Any) -> dict[str, Any]:
    """The same job with all that happened to it."""
    events = [
        {"at": "2026-11-30T11:40:00Z", "transition": "SUBMIT", "attempt": 0, "worker": "api", "reason": None},
        {"at": "2026-11-30T11:40:01Z", "transition": "CLAIM", "attempt": 3, "worker": "3f2a9c", "reason": None},
        {"at": "2026-11-30T11:41:00Z", "transition": "FAIL", "attempt": 3, "worker": "3f2a9c", "reason": "TIMED_OUT"},
    ]
    told = {"error": {"code": "TIMED_OUT", "detail": TOO_LONG}} | fields
    return administered(number, **told) | {"explanation": "The job failed: it took too long.", "events": events}


def page_of(*jobs: Mapping[str, Any], next_cursor: str | None = None) -> dict[str, Any]:
    return {"jobs": list(jobs), "next_cursor": next_cursor}


def paused(**fields: Any) -> dict[str, Any]:
    return {"paused_at": "2026-11-30T11:40:00Z", "paused_by": "ada", "reason": None} | fields


ANSWERS: Mapping[str, Any] = {
    "GET /admin/overview": OVERVIEW,
    "GET /admin/statistics": statistics,
    "GET /admin/jobs": page_of(administered(1), administered(2, dead=True, username=None)),
    f"GET /admin/jobs/{OWNER}/{job_id(1)}": looked_at(),
    "GET /admin/pauses": {
        "pauses": [paused(operation="square_sum", reason="it fails too often"), paused(owner_id=OWNER, username="bob")]
    },
    "POST /admin/bulk": {"matched": 2, "changed": 0, "next_cursor": None},
    "GET /operations": OPERATIONS,
    "GET /users/bob": BOB,
}

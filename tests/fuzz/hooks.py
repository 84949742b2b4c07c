"""
Rules of the API that JSON Schema cannot express, kept for requests that are meant to be accepted.

Schemathesis imports this file. Requests that are meant to be refused stay as they are.
"""

import ast
import functools
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis

from chalicelib.adapters.common_passwords import CommonPasswords
from chalicelib.adapters.timetables import CronsimTimetable
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.schedules import Timing
from chalicelib.domain.users import PASSWORD_MIN_CHARACTERS, checked_password
from chalicelib.domain.webhooks import CALLBACKS
from deployment.api_client import call

PARSING = threading.Lock()

COMMON = CommonPasswords()

FILTERS = {"status", "operation", "created_after", "created_before", "tag"}

ENDS_SESSIONS = {
    ("POST", "/logout"),
    ("POST", "/logout/all"),
    ("PUT", "/me/password"),
    ("DELETE", "/me"),
    ("DELETE", "/me/sessions/{session_id}"),
}
"""
After these the fuzzer's own token may hold no more.

The last is one for the id ``..``, which makes its path that of the one before.
"""

CURSORED = {"/jobs", "/jobsList", "/schedules", "/webhooks/{webhook_id}/deliveries"}
"""The lists that go on."""

cursors: dict[tuple[str, str], str] = {}
"""The last ``next_cursor`` of each unfiltered list, by its path and the ``Authorization`` it was given to."""

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)

FITS_ALWAYS: dict[str, Any] = {"operation": "square_sum", "data": [1, 2, 3]}
"""What any schedule may be changed to, whatever else it has: all operations here take a list of numbers."""

BOUNDS = ("max_attempts", "timeout_s")
"""They are from 1 to what the operation has, or null."""

deleted: list[str] = []
"""The ids of the jobs that are deleted."""


def one_at_a_time(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def alone(*arguments: Any, **options: Any) -> Any:
        with PARSING:
            return function(*arguments, **options)

    return alone


# Hypothesis parses Python in each worker. Python 3.11 counts the depth of all threads' parsing together, and raises a
# SystemError when that does not come out even (cpython issue 106905).
ast.parse = one_at_a_time(ast.parse)


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Change what is valid to the schema and not to the service, and who does what cannot be undone."""
    # Of a wrong length speaks whoever carries the request, before any service is asked.
    case.headers.pop("Content-Length", None)
    account = _new_account(case) if (case.method, case.path) in ENDS_SESSIONS else None
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    _query(case)
    body: Any = case.body
    if case.path == "/register":
        _password(body, "password", username=body["username"])
    if case.path == "/me/password" and account is not None:
        body["current_password"] = account["password"]
        _password(body, "new_password", username=account["username"])
    if case.path.startswith("/webhooks") and isinstance(body, dict):
        is_callbacks = case.path_parameters.get("webhook_id") == CALLBACKS
        _webhook(body, is_new=(case.method, case.path) == ("POST", "/webhooks"), is_callbacks=is_callbacks)
    if case.path.startswith("/schedules") and isinstance(body, dict):
        _schedule(body, is_change=case.method == "PATCH")
    for job in _jobs(case.body):
        if isinstance(job.get("run_at"), str):
            job["run_at"] = _soon(job["run_at"])
        if isinstance(job.get("callback_url"), str):
            # No schema tells which URLs may be called; and what is drawn must be nobody's.
            job["callback_url"] = f"https://fuzz.invalid/{_digest(job['callback_url'])}"
        # To JSON Schema 2.0 is an integer; to the service a number with a fraction is none, whatever the fraction.
        job |= {name: int(value) for name, value in job.items() if isinstance(value, float) and value.is_integer()}
    _headers(case)


def _webhook(body: dict[str, Any], *, is_new: bool, is_callbacks: bool) -> None:
    """No schema tells what a public host is, nor that one webhook has no URL and no events of its own."""
    if isinstance(body.get("url"), str):
        body["url"] = "https://fuzz.invalid/hooks"
    # Of the many jobs that are made meanwhile, few are told: each would be tried ten times.
    if is_new or body.get("event_types"):
        body["event_types"] = ["job.cancelled"]
    if is_callbacks:
        body |= dict.fromkeys({"url", "event_types"} & body.keys())
    # A replay goes on from one of more events than are ever told of here.
    body.pop("cursor", None)


def _schedule(body: dict[str, Any], *, is_change: bool) -> None:
    """No schema tells what cron and the time zones know, nor what fits the operation that a schedule has already."""
    if not _is_good(Timing(anchor=ANCHOR, time_zone=body.get("time_zone", "UTC"))):
        body["time_zone"] = "Europe/Zurich"
    if body.get("cron") is not None and not _is_good(Timing(anchor=ANCHOR, cron=body["cron"])):
        body["cron"] = f"{int(_digest(body['cron']), 16) % 60} 2 * * *"
    if is_change:
        body |= {name: FITS_ALWAYS[name] for name in FITS_ALWAYS.keys() & body.keys()}
        body |= dict.fromkeys((name for name in BOUNDS if body.get(name) is not None), 1)


def _is_good(timing: Timing) -> bool:
    try:
        CronsimTimetable().check(timing)
    except InvalidInput:
        return False
    return True


def _query(case: schemathesis.Case[Any]) -> None:
    # No time is both before and after another.
    if "created_after" in case.query:
        case.query.pop("created_before", None)
    # A cursor is sealed by the service: only one that it gave to this user is valid, and only for the same filters.
    # Nearly every query that is drawn with a cursor has filters, so in half of them those give way to it.
    if case.query.pop("cursor", None) is not None:
        known = cursors.get((case.formatted_path, case.headers.get("Authorization", "")))
        if known is not None and _is_in_half(json.dumps(case.query, sort_keys=True)):
            for name in FILTERS & set(case.query):
                del case.query[name]
            case.query["cursor"] = known


def _new_account(case: schemathesis.Case[Any]) -> dict[str, str] | None:
    """Have a request that the fuzzer would send as itself sent by somebody new, whom nobody misses; who it is."""
    if case.headers.get("Authorization") != f"Bearer {os.environ['TOKEN']}":
        return None
    account = {"username": f"fuzz-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(16)}
    call(os.environ["API"], "POST", "/register", account)
    case.headers["Authorization"] = f"Bearer {call(os.environ['API'], 'POST', '/login', account)['access_token']}"
    return account


def _password(body: Any, name: str, *, username: str) -> None:
    """No schema tells which passwords are easily guessed; one that is gives way to another of at most its length."""
    try:
        checked_password(body[name], username=username, is_common=COMMON.contains)
    except InvalidInput:
        length = max(PASSWORD_MIN_CHARACTERS, len(body[name]))
        digest = _digest(body[name], username)[:length]
        # Of letters that no username has.
        body[name] = "".join(chr(0x2801 + int(digit, 16)) for digit in digest)


def _headers(case: schemathesis.Case[Any]) -> None:
    """Needs the body as it will be sent."""
    # A key belongs to one request for a day, and short ones come again with another: each request has its own, quoted
    # or bare as it was drawn. When the request itself comes again it is a replay; but not after a job was deleted,
    # which its replay would still name, and schemathesis would take for one that was just made and got lost.
    key = case.headers.get("Idempotency-Key")
    if key is not None:
        own = _digest(case.path, json.dumps(case.body), *deleted)
        case.headers["Idempotency-Key"] = f'"{own}"' if key.startswith('"') else own
    # Any text is a valid preference, so that random ones are of use; but none of those would be to wait.
    preference = case.headers.get("Prefer")
    if preference is not None:
        whole = repr((preference, case.path, case.path_parameters, case.body))
        if _is_in_half(whole):
            case.headers["Prefer"] = f"wait={int(_is_in_half(whole, 'long'))}"


@schemathesis.hook
def after_call(
    _context: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response
) -> None:
    """Keep where unfiltered lists go on, and what is deleted."""
    match case.method, case.path, response.status_code:
        case "GET", path, 200 if path in CURSORED and not FILTERS & set(case.query):
            if cursor := response.json()["next_cursor"]:
                cursors[case.formatted_path, case.headers["Authorization"]] = cursor
        case "DELETE", "/jobs/{job_id}", 204:
            deleted.append(case.path_parameters["job_id"])


def _is_in_half(*texts: str) -> bool:
    """Whether a case is in one half of all, the same whenever it comes again."""
    return int(_digest(*texts), 16) % 2 == 0


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).hexdigest()


def _jobs(body: Any) -> list[dict[str, Any]]:
    """The jobs of a body, be it one or a batch."""
    if not isinstance(body, dict):
        return []
    jobs = body.get("jobs")
    return [body, *(each for each in jobs if isinstance(each, dict))] if isinstance(jobs, list) else [body]


def _soon(instant: str) -> str:
    """A job can be submitted 366 days ahead at most; a schema knows no today."""
    return min(instant, (datetime.now(UTC) + timedelta(days=365)).isoformat())

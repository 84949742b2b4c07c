"""
Try a deployed API from outside: ``make smoke URL=https://…``.

Goes the way of a new user: register, log in, submit a job, read its result, and leave. The account and its job are gone
afterwards, also when a step failed or it was stopped; when they cannot be removed, it says whose they are.
"""

import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from deployment.api_client import ApiError, answer, call
from deployment.emulated import stay_on_this_machine

STARTS_WITHIN_S = 30
"""How long a fresh API may not be there before it is taken for broken; see `_may_be_starting`."""

FORBIDDEN = {"message": "Forbidden"}
"""What API Gateway says with 403 of an API or a stage that it does not know, or not yet."""

POLL_S = 0.5
FINAL_WITHIN_S = 60
DATA, OPERATION, EXPECTED = [1, 2, 3], "square_sum", 14

Say = Callable[[str], None]
Sleep = Callable[[float], None]


class SmokeError(Exception):
    """A step failed; the message says which, and what the answer was."""


def smoke(api: str, say: Say, *, sleep: Sleep = time.sleep) -> None:
    """
    Go through the steps; ``say`` gets a line for each, with the time it took.

    Only the first waits for an API that is still starting. Later ones take each answer as it is.

    Raises:
        SmokeError: A step failed.
    """
    with _step("health", say):
        _wait_until_healthy(api, sleep)
    with _step("unknown path", say):
        _require_problem(api)
    credentials = {"username": f"smoke-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(16)}
    try:
        with _step("register", say):
            call(api, "POST", "/register", credentials)
        with _step("log in", say):
            token = call(api, "POST", "/login", credentials)["access_token"]
        with _step("submit", say):
            body = {"data": DATA, "operation": OPERATION}
            job_id = call(api, "POST", "/jobs", body, token, headers={"Prefer": "wait=20"})["job_id"]
        with _step("result", say):
            _require_result(_final(api, job_id, token, sleep))
        with _step("delete account", say):
            call(api, "DELETE", "/me", token=token)
    except BaseException:  # a Ctrl-C too
        _leave_no_account(api, credentials, say)
        raise


@contextmanager
def _step(name: str, say: Say) -> Iterator[None]:
    begun = time.monotonic()
    try:
        yield
    except (ApiError, KeyError, TypeError) as error:
        what = error if isinstance(error, ApiError) else f"the answer lacks {error}"
        message = f"smoke test, {name}: {what}"
        raise SmokeError(message) from error
    say(f"  {name:<15} {time.monotonic() - begun:6.2f} s")


def _leave_no_account(api: str, credentials: dict[str, str], say: Say) -> None:
    """
    Remove the account, whether a step before has made it, or removed it already, or not.

    What a call did that got no answer is not known, nor is whether there is a token.
    """
    is_gone = False
    try:
        token = call(api, "POST", "/login", credentials)["access_token"]
        call(api, "DELETE", "/me", token=token)
        is_gone = True
    except ApiError as error:
        is_gone = error.status == HTTPStatus.UNAUTHORIZED
    except (KeyError, TypeError):
        pass
    finally:
        if not is_gone:
            say(f"  the account {credentials['username']} could not be removed, and may be left")


def _wait_until_healthy(api: str, sleep: Sleep) -> None:
    waited_s = 0.0
    while True:
        begun = time.monotonic()
        try:
            health = call(api, "GET", "/health", timeout_s=10)
        except ApiError as error:
            if not _may_be_starting(error) or waited_s >= STARTS_WITHIN_S:
                raise
        else:
            if health != {"status": "ok"}:
                message = f"GET /health answered {health}"
                raise ApiError(message)
            return
        # What the call took counts too: one that gets no answer takes its whole timeout.
        waited_s += POLL_S + time.monotonic() - begun
        sleep(POLL_S)


def _may_be_starting(error: ApiError) -> bool:
    """Tell whether a fresh API may answer like this: with nothing, as one that is not known yet, or with 5xx."""
    if error.status == HTTPStatus.FORBIDDEN:
        return bool(error.content == FORBIDDEN)
    return error.status in {None, HTTPStatus.NOT_FOUND} or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _require_problem(api: str) -> None:
    # Without a token: API Gateway takes one on an unknown path for a call signed for AWS.
    path = f"/smoke-{secrets.token_hex(6)}"
    given = answer(api, "GET", path)
    if (given.status, given.media_type) != (404, "application/problem+json"):
        message = f"GET {path} answered {given.status} as {given.media_type}: {given.content}"
        raise ApiError(message, status=given.status)


def _final(api: str, job_id: str, token: str, sleep: Sleep) -> Any:  # noqa: ANN401 - any JSON
    waited_s = 0.0
    while True:
        result = call(api, "GET", f"/jobs/{job_id}/result", token=token)
        if result["status"] in {"SUCCESS", "FAILED", "CANCELLED"}:
            return result
        if waited_s >= FINAL_WITHIN_S:
            message = f"the job {job_id} is still {result['status']} after {FINAL_WITHIN_S} s"
            raise ApiError(message)
        sleep(POLL_S)
        waited_s += POLL_S


def _require_result(result: Any) -> None:  # noqa: ANN401 - any JSON
    if (result["status"], result["result"]) != ("SUCCESS", EXPECTED):
        message = f"{OPERATION} of {DATA} is {result}, not {EXPECTED}"
        raise ApiError(message)


def main() -> int:
    """Try the API at ``URL``; return the exit status."""
    url = os.environ.get("URL", "").rstrip("/")
    if not url:
        print("say which API, for example: make smoke URL=http://localhost:8000", file=sys.stderr)
        return 1
    if not re.match(r"https?://[^/]", url):
        print(f"URL must begin with https:// or http:// and a host, not be {url}", file=sys.stderr)
        return 1
    stay_on_this_machine()
    begun = time.monotonic()
    try:
        smoke(url, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        return 1
    except SmokeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{url} does its part: {time.monotonic() - begun:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

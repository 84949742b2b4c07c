"""
Submit the example job and watch it: ``make demo``.

Talks to the service at ``API``, else to the one at ``http://localhost:8000`` (``PORT`` changes that); if none answers
there, to one of its own that ends with it.
"""

import json
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deployment.api_client import ApiError, call
from localstack.run import DEFAULT_PORT, FAULTS, local_api, prepare_process

POLL_S = 0.2
PATIENCE_S = 60


class DemoError(Exception):
    """The job did not come out; the message says why."""


def show(api: str) -> None:
    """Register, log in, submit the example, follow it, print its result."""
    username = f"demo-{secrets.token_hex(4)}"
    credentials = {"username": username, "password": secrets.token_urlsafe(16)}
    job = {"data": [1, 2, 3], "operation": "square_sum"}
    call(api, "POST", "/register", credentials)
    print(f"registered   {username}")
    token = call(api, "POST", "/login", credentials)["access_token"]
    print("logged in    with a token for the calls that follow")
    begun = time.monotonic()
    job_id = call(api, "POST", "/jobs/", job, token)["job_id"]
    print(f"submitted    {json.dumps(job)} as {job_id}")
    last = ""
    while time.monotonic() - begun < PATIENCE_S:
        status = call(api, "GET", f"/jobs/{job_id}/status", token=token)["status"]
        if status != last:
            print(f"{time.monotonic() - begun:6.1f} s     {status}", flush=True)
            last = status
        if status in {"SUCCESS", "FAILED"}:
            break
        time.sleep(POLL_S)
    answer = call(api, "GET", f"/jobs/{job_id}/result", token=token)
    if answer["status"] != "SUCCESS":
        message = f"the job is {answer['status']}: {answer.get('error')}"
        raise DemoError(message)
    print(f"result       {answer['result']}")


@contextmanager
def service() -> Iterator[str]:
    """Give the URL of a service that answers, starting one if need be."""
    wanted = os.environ.get("API", "").rstrip("/")
    api = wanted or f"http://localhost:{os.environ.get('PORT', DEFAULT_PORT)}"
    if wanted or _answers(api):
        yield api
        return
    print(f"No service at {api}, so this starts one for the length of the demo.")
    with local_api(0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.port}"
        finally:
            server.shutdown()


def _answers(api: str) -> bool:
    try:
        return bool(call(api, "GET", "/health", timeout_s=3) == {"status": "ok"})
    except ApiError:
        return False


def main() -> int:
    """Show the demo; return the exit status."""
    prepare_process()
    try:
        with service() as api:
            show(api)
    except KeyboardInterrupt:
        return 1
    except (ApiError, DemoError, *FAULTS) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

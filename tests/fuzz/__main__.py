"""
Try the API against its own description: ``make fuzz``.

Uses the service at ``API``, else one of its own whose rate limits are out of the way; ``EXAMPLES`` is the number of
examples an operation, ``SEED`` gives the same ones again. The exit status is not 0 when anything was found.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployment.api_client import ApiError, call
from deployment.packaging import PROJECT
from localstack.run import FAULTS, local_api, prepare_process

FOLDER = Path(__file__).parent
NO_LIMIT = "1000000"
"""So that the fuzzer is not told to wait again and again; that it may be told so stays in the description."""


def raised_limits() -> dict[str, str]:
    """The settings that bound how often a user may call, and values that a fuzzer does not reach."""
    names = json.loads((PROJECT / ".chalice" / "config.json").read_text())["environment_variables"]
    return dict.fromkeys((name for name in names if "_PER_MINUTE" in name or "_PER_HOUR" in name), NO_LIMIT)


def fuzz(api: str, *, examples: str, seed: str) -> int:
    """Run schemathesis as a user of its own; return its exit status."""
    credentials = {"username": f"fuzz-{secrets.token_hex(6)}", "password": secrets.token_urlsafe(16)}
    call(api, "POST", "/register", credentials)
    token = call(api, "POST", "/login", credentials)["access_token"]
    wanted = {"name": "fuzz", "scopes": ["jobs:read", "jobs:write"]}
    key = call(api, "POST", "/api-keys", wanted, token=token)["api_key"]
    options = {"--max-examples": examples, "--seed": seed, "--phases": "examples,coverage,fuzzing,stateful"}
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        "--config-file",
        str(FOLDER / "schemathesis.toml"),
        "run",
        f"{api}/openapi.json",
        *(word for option in options.items() for word in option),
    ]
    environment = os.environ | {
        "API": api,
        "TOKEN": token,
        "API_KEY": key,
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "PYTHONPATH": str(PROJECT),
    }
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


@contextmanager
def service() -> Iterator[str]:
    """The URL of the service to try."""
    if api := os.environ.get("API", "").rstrip("/"):
        yield api
        return
    # One token is to last for the whole run.
    os.environ.update(raised_limits() | {"ACCESS_TOKEN_TTL_S": "3600"})
    with local_api(0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.port}"
        finally:
            server.shutdown()


def main() -> int:
    prepare_process()
    try:
        with service() as api:
            return fuzz(api, examples=os.environ.get("EXAMPLES", "1000"), seed=os.environ.get("SEED", "1"))
    except KeyboardInterrupt:
        return 1
    except (ApiError, *FAULTS) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

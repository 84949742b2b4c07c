"""What a cold container of each function loads of ours, counted: modules are most of what its first event waits for."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.aws import PROJECT
from tests.deployment import environment

LOADED_BY = """
import json, sys
import app
started = sorted(sys.modules)
for name in sys.argv[1:]:
    getattr(app.services(), name)
print(json.dumps([len(app.app.routes), started, sorted(sys.modules)]))
"""


@dataclass(frozen=True)
class Load:
    """At most so many modules of ours; ``needs`` are the services of its event, and ``without`` what is not for it."""

    modules: int
    needs: tuple[str, ...]
    without: frozenset[str]


AWS = {"boto3", "botocore"}
CREDENTIALS = {"jwt", "passlib", "argon2", "chalicelib.adapters.tokens", "chalicelib.services.authentication"}
SCHEDULES = {"cronsim", "zoneinfo", "chalicelib.domain.schedules"}
SENDING = {"standardwebhooks", "chalicelib.adapters.webhook_sender"}
WEBHOOKS = {"chalicelib.domain.webhooks", "chalicelib.domain.webhook_deliveries"}

LOADS = {
    "app.consume": Load(
        modules=67,
        needs=("consumer",),
        without=frozenset({"chalicelib.api", *AWS, *CREDENTIALS, *SCHEDULES, *SENDING, *WEBHOOKS}),
    ),
    "app.relay": Load(
        modules=70,
        needs=("relay",),
        without=frozenset({"chalicelib.api", "chalicelib.operations", *AWS, *CREDENTIALS, *SENDING}),
    ),
    "app.sweep": Load(
        modules=82, needs=("every_minute",), without=frozenset({"chalicelib.api", *AWS, *CREDENTIALS, *SENDING})
    ),
    "app.dead_letter": Load(
        modules=67, needs=("consumer",), without=frozenset({"chalicelib.api", *AWS, *CREDENTIALS, *SENDING})
    ),
    "app.deliver": Load(
        modules=70,
        needs=("deliveries",),
        without=frozenset({"chalicelib.api", "chalicelib.operations", *AWS, *CREDENTIALS}),
    ),
    "app.intake": Load(
        modules=71, needs=("intake",), without=frozenset({"chalicelib.api", *AWS, *SCHEDULES, *SENDING})
    ),
    "app.erase": Load(
        modules=74, needs=("erasures",), without=frozenset({"chalicelib.api", "chalicelib.operations", *AWS, *SENDING})
    ),
    "app.redrive": Load(
        modules=48, needs=("dead_letters",), without=frozenset({"chalicelib.api", *AWS, *CREDENTIALS, *SENDING})
    ),
    # The first POST /jobs.
    "app.app": Load(
        modules=129,
        needs=("authentication", "rate_limiter", "operations", "submissions"),
        without=frozenset(
            {
                "chalicelib.adapters.operation_process",
                "chalicelib.api.openapi",
                "chalicelib.consumer",
                "chalicelib.relay",
                "chalicelib.services.accounts",
                "chalicelib.services.administration",
                "chalicelib.services.bulk_actions",
                "chalicelib.services.statistics",
                "chalicelib.services.webhooks",
                "cronsim",
                "jwt",
                "passlib",
                *AWS,
                *SENDING,
            }
        ),
    ),
}


@pytest.mark.parametrize("handler", LOADS)
def test_a_cold_container_loads_only_what_its_function_needs(handler: str) -> None:
    load = LOADS[handler]
    compiled = {name: os.environ[name] for name in ("PYTHONPYCACHEPREFIX",) if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY, *load.needs],
        cwd=PROJECT,
        env=environment(PATH=os.environ["PATH"], _HANDLER=handler, **compiled),
        capture_output=True,
        text=True,
        check=True,
    )
    routes, started, loaded = json.loads(done.stdout)
    assert (routes > 0) is (handler == "app.app")
    assert load.without.isdisjoint(loaded)
    ours = [name for name in loaded if name.partition(".")[0] == "chalicelib"]
    assert len(ours) <= load.modules, ours
    assert handler == "app.app" or loaded == started, "while it starts, when it has a whole processor"

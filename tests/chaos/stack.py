"""The stack of a run: the template's tables and queues on an emulator that can be restarted, and the settings."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstack.emulator import running_emulator
from tests.aws import REGION, RESOURCES, client, create_table
from tests.chaos.proxy import Proxy
from tests.chaos.workers import inherited
from tests.deployment import environment

JOBS_TABLE = "chaos-jobs"
VISIBILITY_S = 5
"""Longer than a lease; on AWS it is six times the function's timeout, which here would only mean to wait."""

LEASE_MARGIN_S = 1
RESEND_S = 2


class Emulator:
    """MiniStack behind the proxy; a restart keeps what it had."""

    def __init__(self, proxy: Proxy, state: Path) -> None:
        self._starts = 0
        self.url = ""
        self._proxy = proxy
        self._state = state
        self._running = ExitStack()

    @property
    def restarts(self) -> int:
        """How often it was started anew."""
        return max(self._starts - 1, 0)

    def start(self) -> None:
        """Start it, on any port, and let the proxy through."""
        self.url = self._running.enter_context(running_emulator(preferred_port=0, enforce_iam=False, state=self._state))
        self._proxy.connect(self.url)
        self._starts += 1

    def restart(self) -> None:
        """
        Cut the way to it, end it, start another on its state.

        Cut first, because MiniStack writes its state once, when it ends: a write taken after that would be promised
        and lost, which would be the emulator's fault, not the product's.
        """
        self.stop()
        self.start()

    def stop(self) -> None:
        """Cut the way to it and end it."""
        self._proxy.cut()
        self._running.close()


@contextmanager
def emulator_behind(proxy: Proxy, state: Path) -> Iterator[Emulator]:
    """Run an emulator for the length of the block."""
    emulator = Emulator(proxy, state)
    try:
        emulator.start()
        yield emulator
    finally:
        emulator.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What was made from the template."""

    jobs_url: str
    dead_letters_url: str


def create(url: str) -> Resources:
    """Make the tables and the queues of ``.chalice/resources.json``, with a short visibility timeout."""
    dynamodb, sqs = client("dynamodb", url), client("sqs", url)
    create_table(dynamodb, "JobsTable", JOBS_TABLE)
    dead_letters_url = _queue(sqs, "chaos-dead-letters", {})
    arn = sqs.get_queue_attributes(QueueUrl=dead_letters_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    receives = RESOURCES["JobsQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": {receives}}}'
    return Resources(jobs_url=_queue(sqs, "chaos-jobs", {"RedrivePolicy": redrive}), dead_letters_url=dead_letters_url)


def _queue(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    attributes = {"VisibilityTimeout": str(VISIBILITY_S), **attributes}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def settings(resources: Resources, proxy: Proxy, *, armed: Path, sabotage: str) -> dict[str, str]:
    """Return the whole environment of a worker, but for what differs from one to the next."""
    return inherited() | environment(
        ARMED_FILE=str(armed),
        AWS_ACCESS_KEY_ID="test",
        AWS_CONFIG_FILE="/dev/null",
        AWS_DEFAULT_REGION=REGION,
        AWS_ENDPOINT_URL=proxy.url,
        AWS_SECRET_ACCESS_KEY="test",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        DEAD_LETTERS_URL=resources.dead_letters_url,
        JOBS_QUEUE_URL=resources.jobs_url,
        JOBS_TABLE=JOBS_TABLE,
        JOB_LEASE_MARGIN_S=str(LEASE_MARGIN_S),
        JOB_RESEND_S=str(RESEND_S),
        LOG_LEVEL="WARNING",
        PARTIAL_BATCH_RESPONSES="true",
        SABOTAGE=sabotage,
    )

"""
One process of the stack: ``python -m tests.chaos.worker ROLE``.

It enters the product where Lambda does, by the handlers of ``app.py``, and stands in for what calls them: the event
source mappings of the two queues, the schedule, and, with orders on standard input, the API. Everything is given by the
environment. It says ``ready`` on standard output, then, as submitter, what was acknowledged. It ends when standard
input closes, so no worker is left when the driver is gone.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

import app
from chalicelib.adapters.aws_calls import AwsAway, AwsRefusal
from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.users import UserId
from chalicelib.operations.registry import OperationRegistry
from chalicelib.services.acceptance import WantedJob
from tests.aws import REGION, client
from tests.chaos import operations, sabotage
from tests.chaos.failpoints import Failpoint
from tests.events import sqs_event

BATCH = 5
CONSUME_S = 6
"""Of one invocation: long enough for one job of 2 s, too short for a batch of slow ones, which is then handed on."""

SWEEP_S = 60
SWEEP_EVERY_S = 1.0
PR_SET_PDEATHSIG = 1
"""Of Linux's ``<sys/prctl.h>``."""

SCHEDULED = {
    "version": "0",
    "account": "000000000000",
    "region": REGION,
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-01T00:00:00Z",
    "id": "00000000-0000-0000-0000-000000000000",
    "resources": [],
}


class Context:
    """Lambda's context of one invocation, as far as the product asks it."""

    aws_request_id = "chaos"

    def __init__(self, timeout_s: float) -> None:
        self._ends_at = time.monotonic() + timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the invocation."""
        return max(int((self._ends_at - time.monotonic()) * 1000), 0)


class EventSource:
    """Feeds one handler from one queue, as an event source mapping does."""

    def __init__(self, handler: Any, queue_url: str, failpoint: Failpoint, *, batch: int) -> None:
        self._handler = handler
        self._queue_url = queue_url
        self._failpoint = failpoint
        self._batch = batch
        self._reports_failures = os.environ["PARTIAL_BATCH_RESPONSES"] == "true"
        self._deletes_first = os.environ["SABOTAGE"] == sabotage.DELETES_FIRST
        self._sqs = client("sqs", os.environ["AWS_ENDPOINT_URL"])

    def poll(self) -> None:
        """Receive a batch, have it handled, delete what is done."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=self._batch, WaitTimeSeconds=1, AttributeNames=["All"]
        )
        messages = answer.get("Messages", [])
        if not messages:
            return
        event = sqs_event(*(message["Body"] for message in messages))
        for record, message in zip(event["Records"], messages, strict=True):
            record["messageId"] = message["MessageId"]
            record["receiptHandle"] = message["ReceiptHandle"]
            record["attributes"] = message["Attributes"]
        if self._deletes_first:
            self._delete(messages)
        try:
            response = self._handler(event, Context(CONSUME_S))
        except Exception as error:  # noqa: BLE001 - as Lambda, whatever the handler raises
            print(f"handler raised {error!r}", file=sys.stderr, flush=True)
            return
        failed = self._failed(response)
        self._failpoint.reach("before_delete")
        self._delete([message for message in messages if message["MessageId"] not in failed])

    def _failed(self, response: dict[str, Any] | None) -> set[str]:
        if not self._reports_failures or response is None:
            return set()
        return {failure["itemIdentifier"] for failure in response["batchItemFailures"]}

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        if messages:
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)


def sweep() -> None:
    """Run the schedule's handler once, and wait until it is due again."""
    app.sweep(SCHEDULED, Context(SWEEP_S))
    time.sleep(SWEEP_EVERY_S)


def submit(orders: Iterable[str]) -> None:
    """Submit each order, a line of JSON, and say which were acknowledged."""
    for line in orders:
        order = json.loads(line)
        try:
            job = app.services().submissions.submit(
                UserId(order["owner_id"]),
                WantedJob(operation=order["operation"], data_json=json.dumps(order["data"]).encode()),
            )
        except Unavailable:
            say(refused=order["number"])
        else:
            say(acknowledged=order["number"], job_id=job.key.job_id)


def say(**what: object) -> None:
    """Tell the driver."""
    print(json.dumps(what), flush=True)


def forever(turn: Callable[[], None]) -> None:
    """Take turn after turn; AWS's absence ends the one, never the process."""
    while True:
        try:
            turn()
        except (AwsRefusal, AwsAway, BotoCoreError, ClientError) as error:
            print(f"turn lost to {error!r}", file=sys.stderr, flush=True)
            time.sleep(0.1)


def use_operations_of_chaos() -> None:
    """Give the product the operations of this harness, before anything is made of its own."""
    adapters = app.services().adapters
    adapters.operations = OperationRegistry(operations)
    adapters.runner = OperationProcess(
        memory_max_mb=adapters.settings.job_memory_max_mb,
        result_max_bytes=adapters.settings.job_result_max_bytes,
        package=operations.__name__,
    )


def end_with_driver(*, reads_orders: bool) -> None:
    """Die when the driver is gone, on Linux even while stopped; one that reads orders notices that itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)  # which no one writes to
        os._exit(0)

    if not reads_orders:
        threading.Thread(target=wait, daemon=True).start()


def main(role: str) -> None:
    """Play one role until killed."""
    end_with_driver(reads_orders=role == "submitter")
    failpoint = Failpoint.from_text(os.environ["FAILPOINT"], os.environ["ARMED_FILE"])
    failpoint.watch()
    sabotage.break_product(os.environ["SABOTAGE"])
    use_operations_of_chaos()
    say(ready=role)
    if role == "submitter":
        submit(sys.stdin)
    elif role == "sweeper":
        forever(sweep)
    elif role == "dead_letter":
        forever(EventSource(app.dead_letter, os.environ["DEAD_LETTERS_URL"], failpoint, batch=1).poll)
    else:
        forever(EventSource(app.consume, os.environ["JOBS_QUEUE_URL"], failpoint, batch=BATCH).poll)


if __name__ == "__main__":
    main(sys.argv[1])

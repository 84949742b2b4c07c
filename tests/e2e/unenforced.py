"""
Permissions that AWS asks for on a function's behalf, and the emulator does not.

Nothing can be seen to fail for the want of them here. `UNENFORCED` says why each is there all the same, and how to see
that the emulator still does without it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.erasure_queue import to_body
from tests.e2e.probes import SCHEDULE_EVENT, order_of, waiting_job
from tests.e2e.roles import Deployment
from tests.events import api_event, job_message

PATIENCE_S = 10

IDLE_EVENTS: dict[str, Any] = {
    "api_handler": api_event("GET", "/health"),
    "consume": {"Records": []},
    "dead_letter": {"Records": []},
    "erase": {"Records": []},
    "sweep": SCHEDULE_EVENT,
    "redrive": {},
}
"""Of each function: an event about which there is hardly anything to do."""

QUEUES = {"consume": "JobsQueue", "dead_letter": "JobsDeadLetterQueue", "erase": "ErasuresQueue"}
"""Of each function that a queue drives: the queue."""


def logs(deployment: Deployment, function: str) -> bool:
    """Whether what a function logs is kept, its group being gone before."""
    group = deployment.log_group(function)
    if deployment.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        deployment.logs.delete_log_group(logGroupName=group)
    deployment.invoke(function, IDLE_EVENTS[function])
    return bool(deployment.logs.filter_log_events(logGroupName=group)["events"])


def is_driven(deployment: Deployment, function: str) -> bool:
    """Whether a message of a function's queue is brought to it, and is gone after."""
    name, queue_url = deployment.function_name(function), deployment.names[QUEUES[function]]
    (mapping,) = deployment.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    deployment.sqs.purge_queue(QueueUrl=queue_url)
    job = waiting_job()
    deployment.put(job)
    erases = function == "erase"
    body = to_body(order_of(job.key.owner_id)) if erases else job_message(job.key)
    deployment.sqs.send_message(QueueUrl=queue_url, MessageBody=body)
    deployment.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            left = deployment.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=counts)["Attributes"]
            found = deployment.job_if_any(job.key)
            is_done = found is None if erases else found is not None and found.is_final
            if is_done and not any(map(int, left.values())):
                return True
            time.sleep(0.05)
        return False
    finally:
        deployment.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        deployment.forget(job.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unenforced:
    """
    A permission that AWS asks for on a function's behalf, and the emulator does not: why, where AWS says so, and what
    goes well on the emulator without it.
    """

    reason: str
    source: str
    probe: Callable[[Deployment, str], bool]


_LAMBDA_LOGS = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html"
_LAMBDA_SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-lambda-function-trigger.html"

UNENFORCED = {
    "logs:CreateLogStream": Unenforced(
        reason="Lambda makes a log stream for each container of the function", source=_LAMBDA_LOGS, probe=logs
    ),
    "logs:PutLogEvents": Unenforced(
        reason="Lambda writes the function's log lines with its role", source=_LAMBDA_LOGS, probe=logs
    ),
    "sqs:ReceiveMessage": Unenforced(
        reason="the event source mapping polls the queue with the function's role", source=_LAMBDA_SQS, probe=is_driven
    ),
    "sqs:DeleteMessage": Unenforced(
        reason="the event source mapping deletes what is done with the function's role",
        source=_LAMBDA_SQS,
        probe=is_driven,
    ),
    "sqs:GetQueueAttributes": Unenforced(
        reason="Lambda reads the queue's settings with the function's role", source=_LAMBDA_SQS, probe=is_driven
    ),
}
"""Of each such action, whatever the function."""

"""
Permissions that AWS asks for on a function's behalf, and the emulator does not.

Nothing can be seen to fail for the want of them here. `UNENFORCED` says why each is there all the same, and how to see
that the emulator still does without it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.erasure_queue import to_body
from chalicelib.domain.jobs import Job
from tests.e2e.event_probes import Tested
from tests.e2e.listener import listening
from tests.e2e.probes import SCHEDULE_EVENT, order_of, waiting_job
from tests.e2e.roles import Deployment
from tests.events import api_event, job_message

PATIENCE_S = 10
BACKLOG_S = 60
"""For the stream, which nothing has read before, and which has all that the other probes have done."""

IDLE_EVENTS: dict[str, Any] = {
    "api_handler": api_event("GET", "/health"),
    "consume": {"Records": []},
    "dead_letter": {"Records": []},
    "erase": {"Records": []},
    "relay": {"Records": []},
    "deliver": {"Records": []},
    "intake": {"Records": []},
    "sweep": SCHEDULE_EVENT,
    "redrive": {},
}
"""Of each function: an event about which there is hardly anything to do."""

QUEUES = {
    "consume": "JobsQueue",
    "dead_letter": "JobsDeadLetterQueue",
    "erase": "ErasuresQueue",
    "deliver": "DeliveriesQueue",
    "intake": "IntakeQueue",
}
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
    queue_url = deployment.names[QUEUES[function]]
    deployment.sqs.purge_queue(QueueUrl=queue_url)
    job = waiting_job()
    deployment.put(job)
    if function == "deliver":
        Tested(deployment)
    else:
        deployment.sqs.send_message(QueueUrl=queue_url, MessageBody=message_for(function, job))
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_done() -> bool:
        left = deployment.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=counts)["Attributes"]
        return is_settled(function, deployment.job_if_any(job.key)) and not any(map(int, left.values()))

    try:
        return comes_true(deployment, function, is_done)
    finally:
        deployment.forget(job.key)


def message_for(function: str, job: Job) -> str:
    """A message about a job; the one of the intake is refused, which settles it too."""
    if function == "erase":
        return to_body(order_of(job.key.owner_id))
    return json.dumps({"username": "nobody"}) if function == "intake" else job_message(job.key)


def is_settled(function: str, job: Job | None) -> bool:
    """Whether a job is as the function's message leaves it."""
    match function:
        case "erase":
            return job is None
        case "deliver" | "intake":
            return True
        case _:
            return job is not None and job.is_final


def is_told(deployment: Deployment, function: str) -> bool:
    """Whether a change of the jobs table is brought to the relay."""
    job = waiting_job()
    bus = deployment.names["EventBus"]
    with listening(deployment.events, deployment.sqs, bus, "job.submitted") as events:

        def is_done() -> bool:
            return any(event["subject"] == job.key.job_id for event in events())

        deployment.put(job)
        try:
            return comes_true(deployment, function, is_done, patience_s=BACKLOG_S)
        finally:
            deployment.forget(job.key)


def comes_true(
    deployment: Deployment, function: str, is_done: Callable[[], bool], *, patience_s: float = PATIENCE_S
) -> bool:
    """Whether something happens while a function's mapping is on."""
    name = deployment.function_name(function)
    (mapping,) = deployment.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    deployment.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    deadline = time.monotonic() + patience_s
    try:
        while time.monotonic() < deadline:
            if is_done():
                return True
            time.sleep(0.05)
        return False
    finally:
        deployment.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unenforced:
    """
    A permission that AWS asks for on a function's behalf, and the emulator does not: why, where AWS says so, and what
    goes well on the emulator without it.
    """

    reason: str
    source: str
    probe: Callable[[Deployment, str], bool]


_LAMBDA_DYNAMODB = "https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"
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
    "dynamodb:DescribeStream": Unenforced(
        reason="the event source mapping looks for the stream's shards with the function's role",
        source=_LAMBDA_DYNAMODB,
        probe=is_told,
    ),
    "dynamodb:GetRecords": Unenforced(
        reason="the event source mapping reads the stream with the function's role",
        source=_LAMBDA_DYNAMODB,
        probe=is_told,
    ),
    "dynamodb:GetShardIterator": Unenforced(
        reason="the event source mapping begins to read with the function's role",
        source=_LAMBDA_DYNAMODB,
        probe=is_told,
    ),
    "dynamodb:ListStreams": Unenforced(
        reason="Lambda makes no mapping for a role that may not list the stream", source=_LAMBDA_DYNAMODB, probe=is_told
    ),
}
"""Of each such action, whatever the function."""

"""The functions' policies in the rendered template: what each may do, and that the code asks for no more."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.adapters.aws_calls import operation_named
from tests.aws import PROJECT

TRACES = {
    "Fn::If": [
        "Traces",
        {"Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"},
        {"Ref": "AWS::NoValue"},
    ]
}
"""
The only permissions that are not for a resource, because X-Ray knows none for them, and only for stages that trace
(docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html).
"""


def policies(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    if statement != TRACES:
                        yield name, statement


DEAD_OR_DUE = {
    ("dynamodb:GetItem", "JobsTable"),
    ("dynamodb:UpdateItem", "JobsTable"),
    ("dynamodb:Query", "JobsTable/index/due"),
    ("sqs:SendMessage", "JobsQueue"),
}
"""Finding jobs in the index, and sending them again."""

REACHES = {
    "ApiHandlerRole": {
        ("dynamodb:ConditionCheckItem", "UsersTable"),
        ("dynamodb:DeleteItem", "UsersTable"),
        ("dynamodb:GetItem", "UsersTable"),
        ("dynamodb:PutItem", "UsersTable"),
        ("dynamodb:UpdateItem", "UsersTable"),
        ("dynamodb:BatchWriteItem", "CredentialsTable"),
        ("dynamodb:DeleteItem", "CredentialsTable"),
        ("dynamodb:GetItem", "CredentialsTable"),
        ("dynamodb:PutItem", "CredentialsTable"),
        ("dynamodb:Query", "CredentialsTable"),
        ("dynamodb:UpdateItem", "CredentialsTable"),
        ("dynamodb:PutItem", "AuditTable"),
        ("dynamodb:Query", "AuditTable"),
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:PutItem", "JobsTable"),
        ("dynamodb:Query", "JobsTable"),
        ("dynamodb:Query", "JobsTable/index/due"),
        ("dynamodb:Query", "JobsTable/index/owner_status"),
        ("dynamodb:Query", "JobsTable/index/due"),
        ("dynamodb:BatchGetItem", "JobsTable"),
        ("dynamodb:DeleteItem", "JobsTable"),
        ("dynamodb:UpdateItem", "JobsTable"),
        ("dynamodb:GetItem", "LimitsTable"),
        ("dynamodb:UpdateItem", "LimitsTable"),
        ("dynamodb:GetItem", "IdempotencyTable"),
        ("dynamodb:PutItem", "IdempotencyTable"),
        ("dynamodb:Query", "StatisticsTable"),
        ("sqs:GetQueueAttributes", "JobsQueue"),
        ("sqs:SendMessage", "JobsQueue"),
        ("dynamodb:DeleteItem", "WebhooksTable"),
        ("dynamodb:GetItem", "WebhooksTable"),
        ("dynamodb:PutItem", "WebhooksTable"),
        ("dynamodb:Query", "WebhooksTable"),
        ("dynamodb:UpdateItem", "WebhooksTable"),
        ("dynamodb:GetItem", "DeliveriesTable"),
        ("dynamodb:PutItem", "DeliveriesTable"),
        ("dynamodb:Query", "DeliveriesTable"),
        ("dynamodb:UpdateItem", "DeliveriesTable"),
        ("dynamodb:DeleteItem", "SchedulesTable"),
        ("dynamodb:GetItem", "SchedulesTable"),
        ("dynamodb:PutItem", "SchedulesTable"),
        ("dynamodb:Query", "SchedulesTable"),
        ("dynamodb:UpdateItem", "SchedulesTable"),
        ("dynamodb:DeleteItem", "PausesTable"),
        ("dynamodb:PutItem", "PausesTable"),
        ("dynamodb:Query", "PausesTable"),
        ("sqs:SendMessage", "ErasuresQueue"),
        ("sqs:SendMessage", "DeliveriesQueue"),
        ("ssm:GetParameter", "signing-keys"),
    },
    "ConsumeRole": {
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:UpdateItem", "JobsTable"),
        ("dynamodb:Query", "PausesTable"),
        ("sqs:ReceiveMessage", "JobsQueue"),
        ("sqs:DeleteMessage", "JobsQueue"),
        ("sqs:GetQueueAttributes", "JobsQueue"),
        ("sqs:SendMessage", "JobsQueue"),
    },
    "DeadLetterRole": {
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:UpdateItem", "JobsTable"),
        ("sqs:ReceiveMessage", "JobsDeadLetterQueue"),
        ("sqs:DeleteMessage", "JobsDeadLetterQueue"),
        ("sqs:GetQueueAttributes", "JobsDeadLetterQueue"),
    },
    "RelayRole": {
        ("dynamodb:DescribeStream", "JobsTable/stream"),
        ("dynamodb:GetRecords", "JobsTable/stream"),
        ("dynamodb:GetShardIterator", "JobsTable/stream"),
        ("dynamodb:ListStreams", "JobsTable/stream"),
        ("dynamodb:Query", "WebhooksTable"),
        ("dynamodb:PutItem", "DeliveriesTable"),
        ("dynamodb:UpdateItem", "StatisticsTable"),
        ("sqs:SendMessage", "DeliveriesQueue"),
        ("sqs:SendMessage", "RelayFailuresQueue"),
        ("events:PutEvents", "EventBus"),
    },
    "DeliverRole": {
        ("dynamodb:GetItem", "WebhooksTable"),
        ("dynamodb:UpdateItem", "WebhooksTable"),
        ("dynamodb:GetItem", "DeliveriesTable"),
        ("dynamodb:UpdateItem", "DeliveriesTable"),
        ("sqs:ReceiveMessage", "DeliveriesQueue"),
        ("sqs:DeleteMessage", "DeliveriesQueue"),
        ("sqs:GetQueueAttributes", "DeliveriesQueue"),
        ("sqs:SendMessage", "DeliveriesQueue"),
    },
    "IntakeRole": {
        ("dynamodb:GetItem", "UsersTable"),
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:PutItem", "JobsTable"),
        ("dynamodb:GetItem", "WebhooksTable"),
        ("dynamodb:PutItem", "WebhooksTable"),
        ("dynamodb:UpdateItem", "LimitsTable"),
        ("sqs:SendMessage", "JobsQueue"),
        ("sqs:ReceiveMessage", "IntakeQueue"),
        ("sqs:DeleteMessage", "IntakeQueue"),
        ("sqs:GetQueueAttributes", "IntakeQueue"),
        ("sqs:ChangeMessageVisibility", "IntakeQueue"),
        ("sqs:SendMessage", "IntakeRefusedQueue"),
    },
    "EraseRole": {
        ("dynamodb:DeleteItem", "UsersTable"),
        ("dynamodb:Query", "CredentialsTable"),
        ("dynamodb:BatchWriteItem", "CredentialsTable"),
        ("dynamodb:Query", "JobsTable"),
        ("dynamodb:BatchWriteItem", "JobsTable"),
        ("dynamodb:Query", "WebhooksTable"),
        ("dynamodb:BatchWriteItem", "WebhooksTable"),
        ("dynamodb:Query", "DeliveriesTable"),
        ("dynamodb:BatchWriteItem", "DeliveriesTable"),
        ("dynamodb:Query", "SchedulesTable"),
        ("dynamodb:BatchWriteItem", "SchedulesTable"),
        ("dynamodb:DeleteItem", "PausesTable"),
        ("sqs:ReceiveMessage", "ErasuresQueue"),
        ("sqs:DeleteMessage", "ErasuresQueue"),
        ("sqs:GetQueueAttributes", "ErasuresQueue"),
        ("sqs:SendMessage", "ErasuresQueue"),
    },
    "SweepRole": {
        *DEAD_OR_DUE,
        ("dynamodb:PutItem", "JobsTable"),
        ("dynamodb:GetItem", "DeliveriesTable"),
        ("dynamodb:UpdateItem", "DeliveriesTable"),
        ("dynamodb:Query", "DeliveriesTable/index/due"),
        ("sqs:SendMessage", "DeliveriesQueue"),
        ("dynamodb:GetItem", "SchedulesTable"),
        ("dynamodb:UpdateItem", "SchedulesTable"),
        ("dynamodb:Query", "SchedulesTable/index/due"),
    },
    "RedriveRole": DEAD_OR_DUE,
}
"""What each function may do to what. That it is enough, the running stack shows: there the emulator enforces it."""


STREAM = '{"Fn::GetAtt": ["JobsTable", "StreamArn"]}'
RESOURCE = re.compile(r'"(\w+)", "Arn"|\$\{(\w+)\.Arn\}(/index/\w+)|(signing-keys)"|^"(\*)"|^(JobsTable/stream)$')
"""The part of a statement's resource that names it."""

LOGS = {
    role: {("logs:CreateLogStream", group), ("logs:PutLogEvents", group)}
    for role, group in {
        "ApiHandlerRole": "ApiLogs",
        "ConsumeRole": "ConsumeLogs",
        "DeadLetterRole": "DeadLetterLogs",
        "EraseRole": "EraseLogs",
        "RelayRole": "RelayLogs",
        "DeliverRole": "DeliverLogs",
        "IntakeRole": "IntakeLogs",
        "SweepRole": "SweepLogs",
        "RedriveRole": "RedriveLogs",
    }.items()
}
"""Each function writes its own log and no other's, and can make none: that would be kept for ever."""


@pytest.mark.asvs("13.2.1", "13.2.2", "13.3.2", "16.4.2", "16.4.3")
def test_each_function_may_do_what_it_needs_and_no_more(template: dict[str, Any]) -> None:
    reaches: dict[str, set[tuple[str, str]]] = {}
    for role, statement in policies(template):
        assert set(statement) == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        resource = json.dumps(statement["Resource"])
        (named,) = RESOURCE.findall("JobsTable/stream" if resource == STREAM else resource)
        for action in statement["Action"]:
            reaches.setdefault(role, set()).add((action, "".join(named)))
    assert reaches == {role: may | LOGS[role] for role, may in REACHES.items()}


def test_each_function_may_send_traces_where_the_stage_has_them(template: dict[str, Any]) -> None:
    roles = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    assert len(roles) == len(REACHES)
    for role in roles:
        (policy,) = role["Policies"]
        assert policy["PolicyDocument"]["Statement"].count(TRACES) == 1


def test_every_aws_call_in_the_code_is_allowed() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "chalicelib").rglob("*.py"))
    called = {operation_named(name) for name in re.findall(r"(?<!http\.)client\.(\w+)\(", code)}
    allowed = {action.partition(":")[2] for may in REACHES.values() for action, _ in may}
    # AWS allows the one by the other; receiving is the mappings' call, a check is a part of a transaction.
    by = {"DeleteMessageBatch": "DeleteMessage", "SendMessageBatch": "SendMessage", "TransactWriteItems": "PutItem"}
    called = {by.get(name, name) for name in called}
    by_lambda = {
        "ReceiveMessage",
        "DescribeStream",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
    }
    assert called == allowed - by_lambda - {"ConditionCheckItem"}

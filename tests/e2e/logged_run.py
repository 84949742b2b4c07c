"""What `tests.e2e.test_logs` says to the product, and how it looks behind it."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.aws import client
from tests.e2e.conftest import LOCAL_STACK, call, local_stage

SECRETS = ("access_token", "refresh_token", "api_key", "secret")
"""Members of answers that nobody but the caller may see."""


@dataclass(kw_only=True)
class Run:
    """What was said to the product and by it, and its logs."""

    api: str
    texts: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    log: dict[str, list[str]] = field(default_factory=dict)
    other_logs: list[str] = field(default_factory=list)

    def text(self, what: str) -> str:
        """A value that is like no other, with characters that are written in more than one way."""
        text = f'canary {len(self.texts)} "{what}" \u00fc\\'
        self.texts.append(text)
        return text

    def plain(self, what: str) -> str:
        """A value for where a header or a name stands."""
        text = f"canary-{len(self.texts)}-{what}"
        self.texts.append(text)
        return text

    def call(self, method: str, path: str, **options: Any) -> Any:
        status, answer = call(self.api, method, path, **options)
        self.statuses[status] += 1
        if isinstance(answer, dict):
            self.tokens += [answer[name] for name in SECRETS if name in answer]
        return answer

    def url(self, base: str) -> str:
        """A webhook's URL as many receivers have it: who knows it may call."""
        return f"{base}/{self.plain('hook')}?token={self.plain('hook-token')}"

    def log_in(self, username: str, password: str) -> Any:
        return self.call("POST", "/login", body={"username": username, "password": password})


class Behind:
    """The product as the operator has it."""

    def __init__(self, endpoint: str) -> None:
        self.outputs = local_stage(endpoint).stack().outputs()
        self.dynamodb, self.sqs, self.functions = (client(name, endpoint) for name in ("dynamodb", "sqs", "lambda"))
        self.logs, self.ssm = client("logs", endpoint), client("ssm", endpoint)
        found = client("cloudformation", endpoint).describe_stack_resources(StackName=LOCAL_STACK)["StackResources"]
        self.names: dict[str, str] = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def invoke(self, function: str, event: Any) -> None:
        self.functions.invoke(FunctionName=self.names[function], Payload=json.dumps(event).encode())

    def lines(self, function: str) -> list[str]:
        """All that a function has logged; nothing before its first line."""
        group = self.names["ApiLogs" if function == "APIHandler" else f"{function}Logs"]
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines()]

    def has_logged(self, function: str, message: str, *, times: int = 1) -> bool:
        return sum(f'"{message}"' in line for line in self.lines(function)) >= times

    def make_due(self, owner_id: str, schedule_id: str) -> None:
        """Have a schedule be due now."""
        self.dynamodb.update_item(
            TableName=self.names["SchedulesTable"],
            Key={"owner_id": {"S": owner_id}, "schedule_id": {"S": schedule_id}},
            UpdateExpression="SET next_run_at_epoch_ms = :due, due_at_epoch_ms = :due",
            ConditionExpression="attribute_exists(due_at_epoch_ms) AND attribute_exists(next_run_at_epoch_ms)",
            ExpressionAttributeValues={":due": {"N": str(int(time.time() * 1000))}},
        )

    def make_admin(self, username: str) -> None:
        self.dynamodb.update_item(
            TableName=self.names["UsersTable"],
            Key={"username_key": {"S": username}},
            UpdateExpression="SET #role = :admin",
            ExpressionAttributeNames={"#role": "role"},
            ExpressionAttributeValues={":admin": {"S": "admin"}},
        )

    def texts_of(self, table: str, *attributes: str) -> list[str]:
        items = self.dynamodb.scan(TableName=self.names[table])["Items"]
        return [item[name]["S"] for item in items for name in attributes if name in item]

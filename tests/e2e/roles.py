"""The roles of a deployed product: what each may do, one action on one resource at a time, and how it fares without."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.adapters.dynamodb.items import from_job_item, to_job_item
from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.domain.jobs import Job, JobKey
from chalicelib.domain.users import UserId
from deployment.emulated import EMULATOR_ACTIONS
from tests.aws import PROJECT, client
from tests.deployment import CONFIG
from tests.e2e.conftest import LOCAL_STACK, Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One action that a function's policy allows on one resource, by the names of the template."""

    function: str
    action: str
    resource: str
    statement: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.function, self.action, self.resource

    def __str__(self) -> str:
        return f"{self.function.removesuffix('_handler')}: {self.action} {self.resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of an invocation: its answer, whether it did all it was to do, and what it logged meanwhile."""

    succeeded: bool
    log: str
    answer: Any = None


def role_of(function: str) -> str:
    """The template's name of a function's role, which Chalice makes of the function's own."""
    return "".join(part.title() for part in function.split("_")) + "Role"


def permissions() -> list[Permission]:
    """All that the policy files allow."""
    return [
        Permission(function=function, action=action, resource=_short(statement["Resource"]), statement=number)
        for function, settings in CONFIG["lambda_functions"].items()
        for number, statement in enumerate(
            json.loads((PROJECT / ".chalice" / settings["iam_policy_file"]).read_text())["Statement"]
        )
        for action in statement.get("Action", [])  # one under a condition is not so in this stage
    ]


def _short(resource: str | dict[str, Any]) -> str:
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        name, attribute = resource["Fn::GetAtt"]
        return f"{name}/stream" if attribute == "StreamArn" else str(name)
    text = re.sub(r"\$\{(\w+)\.Arn\}", r"\1", resource["Fn::Sub"])
    return text.rpartition("${AWS::StackName}")[2].strip("/-")


class Deployment:
    """A product on an emulator that enforces its policies. Nothing invokes its functions but this."""

    def __init__(self, runner: Runner) -> None:
        endpoint = runner.aws_endpoint
        self.iam, self.functions, self.logs = (client(name, endpoint) for name in ("iam", "lambda", "logs"))
        self.dynamodb, self.sqs = client("dynamodb", endpoint), client("sqs", endpoint)
        self.events = client("events", endpoint)
        found = client("cloudformation", endpoint).describe_stack_resources(StackName=LOCAL_STACK)["StackResources"]
        self.names: dict[str, str] = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
        for mapping in self.functions.list_event_source_mappings()["EventSourceMappings"]:
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        for rule in self.events.list_rules()["Rules"]:
            self.events.disable_rule(Name=rule["Name"])

    def function_name(self, function: str) -> str:
        """The name that CloudFormation gave a function; of the API's, Chalice writes the name its own way."""
        logical = role_of(function).removesuffix("Role")
        return self.names["APIHandler" if function == "api_handler" else logical]

    def log_group(self, function: str) -> str:
        """The group that Lambda writes a function's log to."""
        configuration = self.functions.get_function_configuration(FunctionName=self.function_name(function))
        return str(configuration["LoggingConfig"]["LogGroup"])

    def policy(self, function: str) -> tuple[str, dict[str, Any]]:
        """The name and the document of the one policy in a function's role."""
        role = self.names[role_of(function)]
        (name,) = self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        return name, self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Take one permission away from its role for the length of the block; the emulator asks it at each call."""
        role = self.names[role_of(permission.function)]
        policy, whole = self.policy(permission.function)
        less = json.loads(json.dumps(whole))
        statement = less["Statement"][permission.statement]
        gone = {permission.action, EMULATOR_ACTIONS.get(permission.action)}
        statement["Action"] = [action for action in statement["Action"] if action not in gone]
        if not statement["Action"]:
            less["Statement"].remove(statement)
        assert less != whole
        self.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(less))
        try:
            yield
        finally:
            self.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))

    def invoke(self, function: str, event: Any) -> Seen:
        """One event, and whether its function returned."""
        done = self.functions.invoke(
            FunctionName=self.function_name(function), LogType="Tail", Payload=json.dumps(event).encode()
        )
        answer = json.loads(done["Payload"].read())
        log = base64.b64decode(done.get("LogResult", "")).decode()
        return Seen(succeeded="FunctionError" not in done, log=f"{log}\n{answer}", answer=answer)

    def put(self, job: Job) -> None:
        self.dynamodb.put_item(TableName=self.names["JobsTable"], Item=to_job_item(job))

    def job(self, key: JobKey) -> Job:
        found = self.job_if_any(key)
        assert found is not None
        return found

    def job_if_any(self, key: JobKey) -> Job | None:
        answer = self.dynamodb.get_item(TableName=self.names["JobsTable"], Key=job_key(key), ConsistentRead=True)
        return from_job_item(answer["Item"]) if "Item" in answer else None

    def rows_of(self, table: str, user_id: UserId) -> list[Any]:
        """The rows of a table that are a user's."""
        return list(
            self.dynamodb.scan(
                TableName=self.names[table],
                FilterExpression="user_id = :id OR owner_id = :id",
                ExpressionAttributeValues={":id": {"S": user_id}},
            )["Items"]
        )

    def forget_what_is_due(self) -> None:
        """Take away all jobs and deliveries: of those that are due, the next sweep would tell one by one in its log."""
        for table, key in (("JobsTable", "job_id"), ("DeliveriesTable", "place")):
            name = self.names[table]
            for item in self.dynamodb.scan(TableName=name)["Items"]:
                self.dynamodb.delete_item(TableName=name, Key={each: item[each] for each in ("owner_id", key)})

    def forget(self, key: JobKey) -> None:
        self.dynamodb.delete_item(TableName=self.names["JobsTable"], Key=job_key(key))

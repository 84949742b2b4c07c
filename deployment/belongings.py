"""
What there is of a stage, in its stack and beside it, and how each is removed.

Beside the stack are the bucket of its artifacts and the ring of its signing keys, which are made before it; and what
CloudFormation leaves: tables that a change has replaced are kept, and what could not be deleted is.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deployment.artifacts import Artifacts
from deployment.packaging import PROJECT
from deployment.protections import Protection, protect_table, says_gone, without
from deployment.stages import Session, Stage

TABLE, QUEUE = "AWS::DynamoDB::Table", "AWS::SQS::Queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the stage; ``items`` is what DynamoDB counted within the last six hours."""

    name: str
    items: int
    is_protected: bool
    is_in_stack: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something of the stage that no stack has."""

    what: str
    remove: Callable[[], object]

    def is_removed(self) -> bool:
        """Remove it; return whether it was still there. A queue is listed for a minute after its end."""
        try:
            self.remove()
        except ClientError as error:
            if not says_gone(error):
                raise
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """
    All there is of a stage.

    ``status`` is its stack's, empty if there is none, and ``kinds`` has how many resources of each type are in it.
    ``is_to_keep_data`` is what the stack's parameter says: it stays when an earlier removal has taken the protections.
    """

    status: str
    is_to_keep_data: bool
    is_protected: bool
    kinds: Counter[str]
    tables: list[Table]
    leftovers: list[Leftover]

    @property
    def keeps_data(self) -> bool:
        """Tell whether the stage is one whose data must not go by mistake; without a table it has none."""
        is_protected = self.is_protected or any(table.is_protected for table in self.tables)
        return is_protected or (self.is_to_keep_data and bool(self.tables))

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.status or self.leftovers)


def belongings(stage: Stage, session: Session) -> Belongings:
    """Look for all there is of a stage; raises boto3's errors as they are."""
    stack = stage.stack()
    status = stack.status()
    resources = stack.resources() if status else {}
    tables = _tables(stage, session, {name for kind, name in resources.values() if kind == TABLE})
    # A queue's is its URL, and an emulator has more than one for each.
    names = {name.rpartition("/")[2] if kind == QUEUE else name for kind, name in resources.values()}
    return Belongings(
        status=status,
        is_to_keep_data=bool(status) and _is_to_keep_data(stage, session),
        is_protected=stack.is_protected(),
        kinds=Counter(kind for kind, _ in resources.values()),
        tables=tables,
        leftovers=[
            *_tables_left(session, tables),
            *_named_by_the_template(stage, session, names),
            *_beside_the_stack(stage, session),
        ],
    )


def has_no_items(session: Session, tables: Sequence[Table]) -> bool:
    """Tell whether all tables are empty now; what DynamoDB has counted is of before."""
    dynamodb = session.client("dynamodb")
    for table in tables:
        try:
            found = dynamodb.scan(TableName=table.name, Limit=1, Select="COUNT", ConsistentRead=True)
        except ClientError as error:
            if not says_gone(error):
                raise
        else:
            if found["Count"]:
                return False
    return True


@contextmanager
def unprotected(stage: Stage, session: Session, there: Belongings) -> Iterator[None]:
    """
    Let the stack be deleted within the block: nothing protects it and its tables there.

    A block that ends with an exception has not begun to delete it, and all protections are put back.

    Raises:
        ProtectionLost: One could not be put back.
    """
    dynamodb = session.client("dynamodb")
    protections = [
        Protection(what=f"the table {table.name}", put=partial(protect_table, dynamodb, table.name))
        for table in there.tables
        if table.is_protected and table.is_in_stack
    ]
    if there.is_protected:
        protections.insert(0, Protection(what=f"the stack {stage.stack_name}", put=stage.stack().protect))
    with without(protections):
        yield


def _is_to_keep_data(stage: Stage, session: Session) -> bool:
    (stack,) = session.client("cloudformation").describe_stacks(StackName=stage.stack_name)["Stacks"]
    parameters = {each["ParameterKey"]: each.get("ParameterValue") for each in stack.get("Parameters", [])}
    return parameters.get("KeepsData") == "true"


def _tables(stage: Stage, session: Session, in_stack: set[str]) -> list[Table]:
    dynamodb = session.client("dynamodb")
    # CloudFormation's names have a resource's after the stack's. It begins with a capital, as no name of a stage has:
    # the tables of a stage dev-2 are none of dev.
    of_the_stage = re.compile(rf"{re.escape(stage.stack_name)}-[A-Z][A-Za-z]*-[A-Z0-9]+(-restored)?")
    listed = [name for page in dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    tables = []
    for name in sorted(name for name in listed if name in in_stack or of_the_stage.fullmatch(name)):
        described = dynamodb.describe_table(TableName=name)["Table"]
        table = Table(
            name=name,
            items=described.get("ItemCount", 0),
            is_protected=described.get("DeletionProtectionEnabled", False),
            is_in_stack=name in in_stack,
        )
        tables.append(table)
    return tables


def _tables_left(session: Session, tables: list[Table]) -> list[Leftover]:
    dynamodb = session.client("dynamodb")
    return [
        Leftover(
            what=f"the table {table.name} outside the stack, with about {table.items} items",
            remove=partial(_delete_table, dynamodb, table),
        )
        for table in tables
        if not table.is_in_stack
    ]


def _delete_table(dynamodb: Any, table: Table) -> None:  # noqa: ANN401 - boto3's classes are made at run time
    protection = Protection(what=f"the table {table.name}", put=partial(protect_table, dynamodb, table.name))
    with without([protection] if table.is_protected else []):
        dynamodb.delete_table(TableName=table.name)


def _named_by_the_template(stage: Stage, session: Session, in_stack: set[str]) -> list[Leftover]:
    """Find log groups, queues, topics and the bus of the stage that are not in its stack, by the template's names."""
    resources = json.loads((PROJECT / ".chalice" / "resources.json").read_text())["Resources"]

    def names(kind: str, key: str) -> list[str]:
        named = [each["Properties"][key]["Fn::Sub"] for each in resources.values() if each.get("Type") == kind]
        return [name.replace("${AWS::StackName}", stage.stack_name) for name in named]

    left = {
        **_log_groups(session, names("AWS::Logs::LogGroup", "LogGroupName")),
        **_queues(session, names(QUEUE, "QueueName")),
        **_topics(session, names("AWS::SNS::Topic", "TopicName")),
        **_event_bus(session, stage.stack_name),
    }
    return [leftover for name, leftover in left.items() if name not in in_stack]


def _log_groups(session: Session, names: list[str]) -> dict[str, Leftover]:
    logs = session.client("logs")
    return {
        name: Leftover(what=f"the log group {name}", remove=partial(logs.delete_log_group, logGroupName=name))
        for name in names
        for group in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if group["logGroupName"] == name
    }


def _queues(session: Session, names: list[str]) -> dict[str, Leftover]:
    sqs = session.client("sqs")
    return {
        name: Leftover(what=f"the queue {name}", remove=partial(sqs.delete_queue, QueueUrl=url))
        for name in names
        for url in sqs.list_queues(QueueNamePrefix=name).get("QueueUrls", [])
        if url.rpartition("/")[2] == name
    }


def _topics(session: Session, names: list[str]) -> dict[str, Leftover]:
    sns = session.client("sns")
    arns = [topic["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for topic in page["Topics"]]
    return {
        arn: Leftover(what=f"the topic {arn}", remove=partial(sns.delete_topic, TopicArn=arn))
        for arn in arns
        if arn.rpartition(":")[2] in names
    }


def _event_bus(session: Session, name: str) -> dict[str, Leftover]:
    """Find the bus of a stage, which has the name of its stack."""
    events = session.client("events")
    buses = [each["Name"] for each in events.list_event_buses(NamePrefix=name)["EventBuses"]]
    remove = partial(_delete_event_bus, events, name)
    return {name: Leftover(what=f"the event bus {name}, with its rules", remove=remove)} if name in buses else {}


def _delete_event_bus(events: Any, name: str) -> None:  # noqa: ANN401 - boto3's classes are made at run time
    """Delete a bus; one that has rules, or a rule that has targets, EventBridge does not delete."""
    for rule in [each["Name"] for each in events.list_rules(EventBusName=name)["Rules"]]:
        targets = events.list_targets_by_rule(Rule=rule, EventBusName=name)["Targets"]
        if targets:
            events.remove_targets(Rule=rule, EventBusName=name, Ids=[each["Id"] for each in targets])
        events.delete_rule(Name=rule, EventBusName=name)
    events.delete_event_bus(Name=name)


def _beside_the_stack(stage: Stage, session: Session) -> list[Leftover]:
    artifacts, ssm = Artifacts(stage, session), session.client("ssm")
    left = []
    if artifacts.exists():
        left.append(Leftover(what=f"the bucket {artifacts.bucket}, with what was deployed", remove=artifacts.remove))
    name = stage.signing_keys_parameter
    if ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"]:
        remove = partial(ssm.delete_parameter, Name=name)
        left.append(Leftover(what=f"the parameter {name}, with the signing keys", remove=remove))
    return left

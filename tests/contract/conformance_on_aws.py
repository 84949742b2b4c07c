"""
Asks AWS for the facts that the product relies on: ``python -m tests.contract.conformance_on_aws``.

The one test program that talks to an account. It has the credentials and the region that boto3 finds; with
``AWS_ENDPOINT_URL`` it takes what is there for AWS. Its clients are made before pytest starts, because the tests take
all such settings out of their environment: no test can reach an account but those that get these clients.

It makes a table, some dozens of queues, some stacks of no resource and some parameters, under a prefix of its own, and
removes what it made, also when it is told to end by a signal. Only SIGKILL leaves something behind; it says the prefix
at its start. Arguments are pytest's: ``-k queues``.
"""

import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.aws import PROJECT
from tests.contract.conformance import ACCOUNT, AWS, Queue, Subject, Table, eventually

FILES = [f"tests/contract/test_conformance_of_{name}.py" for name in ("tables", "transactions", "queues", "services")]
SERVICES = ("dynamodb", "sqs", "cloudformation", "ssm")
PREFIX = "job-backend-conformance"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

QUEUES_AT_ONCE = 12
"""Queues with their dead letters that are made together: a new one needs a second before all of SQS knows it."""

QUEUE_IS_KNOWN_S = 1
LOOK_EVERY_S = 1
GONE = {
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "ParameterNotFound",
}
"""How AWS says that there is no such thing."""


@dataclass(frozen=True, kw_only=True)
class Account(Subject):
    """An account of AWS, and what was made in it. Facts of tables are asked of one table, which takes long to make."""

    visibility_s: int = 2
    quiet_s: int = 1
    removal_s: int = 120
    made: list[tuple[str, str]] = field(default_factory=list)
    _tables: list[Table] = field(default_factory=list)
    _queues: list[Queue] = field(default_factory=list)

    def table(self) -> Table:
        if not self._tables:
            self._tables.append(super().table())
            self._tables[0].wait()
        (table,) = self._tables
        for name in table.names():
            table.dynamodb.delete_item(TableName=table.name, Key={"id": {"S": name}})
        eventually(table.indexed, lambda items: not items)
        return table

    def queue(self) -> Queue:
        if not self._queues:
            self._queues.extend(super(Account, self).queue() for _ in range(QUEUES_AT_ONCE))
            time.sleep(QUEUE_IS_KNOWN_S)
        return self._queues.pop()

    def remove_all(self) -> list[str]:
        """Remove what was made; return what could not be, and why."""
        deadline = time.monotonic() + self.removal_s
        return [reason for kind, name in reversed(self.made) if (reason := self._removed(kind, name, deadline))]

    def _removed(self, kind: str, name: str, deadline: float) -> str:
        remove = {
            "table": self._remove_table,
            "queue": self._remove_queue,
            "stack": self._remove_stack,
            "parameter": self._remove_parameter,
        }[kind]
        while True:
            try:
                remove(name)
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError) and error.response["Error"]["Code"] in GONE:
                    return ""
                if time.monotonic() > deadline:
                    return f"{kind} {name}: {error}"
                time.sleep(LOOK_EVERY_S)  # a table that is being made or changed cannot be deleted yet
            else:
                return ""

    def _remove_table(self, name: str) -> None:
        dynamodb = self.client("dynamodb")
        if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)

    def _remove_queue(self, name: str) -> None:
        sqs = self.client("sqs")
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def _remove_parameter(self, name: str) -> None:
        self.client("ssm").delete_parameter(Name=name)

    def _remove_stack(self, name: str) -> None:
        cloudformation = self.client("cloudformation")
        try:
            cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        except ClientError as error:
            if "does not exist" in str(error):
                return
            raise
        cloudformation.delete_stack(StackName=name)


class AccountPlugin:
    """Tells pytest which account to ask."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[ACCOUNT] = self._account


def account_of(session: boto3.Session) -> Account:
    """The account that a session is signed in to; its clients are made now."""
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=64,
    )
    make: Any = session.client  # an overload for each service, and none for a name known at run time
    clients = {service: make(service, config=config) for service in SERVICES}
    prefix, numbers, made = f"{PREFIX}-{secrets.token_hex(4)}", count(1), []

    def new_name(kind: str) -> str:
        name = f"{prefix}-{kind}-{next(numbers)}"
        made.append((kind, name))  # before it is made: whether it was is not known when an answer is lost
        return name

    return Account(name=AWS, version=prefix, client=cache(clients.__getitem__), new_name=new_name, made=made)


def main() -> int:
    try:
        session = boto3.Session()
        account = account_of(session)  # first: it needs a region, without which STS would be asked anywhere
        # Also fetches credentials that come from elsewhere, while what says from where is still there.
        number = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        print(f"no account can be asked: {error}", file=sys.stderr)
        return 2
    where = account.client("dynamodb").meta.endpoint_url
    print(f"Asking the AWS account {number} at {where}; all that is made is named {account.version}-…")
    print("It takes a minute or two, and costs cents at most; what was made is removed at the end.", flush=True)
    for each in SIGNALS:
        signal.signal(each, signal.default_int_handler)
    try:
        options = ["-q", "--tb=short", "-c", str(PROJECT / "pyproject.toml"), *sys.argv[1:]]
        files = [str(PROJECT / file) for file in FILES]
        result = int(pytest.main([*options, *files], plugins=[AccountPlugin(account)]))
    finally:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        print(f"Removing what was made: {len(account.made)} things", flush=True)
        left = account.remove_all()
        for reason in left:
            print(f"NOT REMOVED {reason}", file=sys.stderr)
    return result or bool(left)


if __name__ == "__main__":
    sys.exit(main())

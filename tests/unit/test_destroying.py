"""A stage that is removed, over an account that protects what is protected and refuses what it is told to refuse."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment.destroy import DataKept, FunctionsLeft, destroy
from deployment.protections import ProtectionLost
from deployment.stack import STACK, StackError
from deployment.stages import Stage
from tests.aws import PROJECT

NAME = "job-backend-prod"
NAMED = {"DESTROY_DATA": NAME}
JOBS, USERS = f"{NAME}-JobsTable-A1B2", f"{NAME}-UsersTable-C3D4"
ORPHAN = f"{NAME}-AuditTable-E5F6"


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyCall")


class Meta:
    region_name = "eu-west-1"
    endpoint_url = "https://aws"


class Account:
    """
    One account, as each of its services: it has a stage's stack with tables, and nothing beside it.

    ``refusing`` has what a call of some name raises, once for each of its arguments there.
    """

    meta = Meta()

    def __init__(self, status: str = "UPDATE_COMPLETE", *, keeps_data: bool = True) -> None:
        self.status = status
        self.keeps_data = keeps_data
        self.protected = {NAME, JOBS, USERS} if keeps_data else set()
        self.tables = {JOBS: 0, USERS: 0}
        self.in_stack = {JOBS, USERS}
        self.functions: set[str] = set()
        self.refusing: dict[tuple[str, Any], BaseException] = {}
        self.busy: set[str] = set()
        self.stack_events: list[dict[str, str]] = []

    def client(self, service_name: str, **_: Any) -> Any:
        return getattr(self, service_name, self)

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        self._require_stack()
        described = {
            "StackId": "arn:stack",
            "StackStatus": self.status,
            "EnableTerminationProtection": NAME in self.protected,
            "Parameters": [{"ParameterKey": "KeepsData", "ParameterValue": str(self.keeps_data).lower()}],
        }
        return {"Stacks": [described]}

    def update_termination_protection(self, *, EnableTerminationProtection: bool, **_: Any) -> None:  # noqa: N803 - boto3's name
        self._refuse("update_termination_protection", EnableTerminationProtection)
        self._protect(NAME, on=EnableTerminationProtection)

    def delete_stack(self, **_: Any) -> None:
        self._refuse("delete_stack", None)
        if NAME in self.protected:
            protected = refusal("ValidationError", "cannot be deleted while TerminationProtection is enabled")
            raise protected
        for name in self.in_stack - self.protected:
            del self.tables[name]
        self.in_stack &= self.protected
        self.status = "DELETE_FAILED" if self.in_stack else ""
        self.stack_events = [event("DELETE_FAILED", name, "AWS::DynamoDB::Table") for name in self.in_stack]
        self.stack_events += [event(self.status, NAME, STACK)]

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        protects = TableName in self.protected
        return {"Table": {"ItemCount": 0, "DeletionProtectionEnabled": protects}}

    def update_table(self, *, TableName: str, DeletionProtectionEnabled: bool) -> None:  # noqa: N803 - boto3's names
        if TableName in self.busy:
            in_use = refusal("ResourceInUseException")
            raise in_use
        self._refuse("update_table", (TableName, DeletionProtectionEnabled))
        self._protect(TableName, on=DeletionProtectionEnabled)
        self.busy.add(TableName)

    def get_waiter(self, _name: str) -> "Account":
        return self

    def wait(self, *, TableName: str, **_: Any) -> None:  # noqa: N803 - boto3's name
        self._refuse("wait", TableName)
        self.busy.discard(TableName)

    def delete_table(self, *, TableName: str) -> None:  # noqa: N803 - boto3's name
        self._refuse("delete_table", TableName)
        assert TableName not in self.protected | self.busy
        del self.tables[TableName]

    def scan(self, *, TableName: str, **_: Any) -> dict[str, int]:  # noqa: N803 - boto3's name
        self._refuse("scan", TableName)
        return {"Count": min(1, self.tables[TableName])}

    def get_function_configuration(self, *, FunctionName: str) -> None:  # noqa: N803 - boto3's name
        if FunctionName not in self.functions:
            missing = refusal("ResourceNotFoundException")
            raise missing

    def head_bucket(self, **_: Any) -> None:
        missing = refusal("404")
        raise missing

    def describe_log_groups(self, **_: Any) -> dict[str, list[str]]:
        return {"logGroups": []}

    def list_queues(self, **_: Any) -> dict[str, list[str]]:
        return {}

    def list_event_buses(self, **_: Any) -> dict[str, list[str]]:
        return {"EventBuses": []}

    def describe_parameters(self, **_: Any) -> dict[str, list[str]]:
        return {"Parameters": []}

    def get_paginator(self, method: str) -> "Pages":
        if method in {"describe_stack_events", "list_stack_resources"}:
            self._require_stack()
        resources = [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": name,
                "ResourceType": "AWS::DynamoDB::Table",
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for name in sorted(self.in_stack)
        ]
        pages: dict[str, dict[str, Any]] = {
            "describe_stack_events": {"StackEvents": self.stack_events[::-1]},
            "list_stack_resources": {"StackResourceSummaries": resources},
            "list_tables": {"TableNames": sorted(self.tables)},
            "list_topics": {"Topics": []},
        }
        return Pages(pages[method])

    def _require_stack(self) -> None:
        if not self.status:
            absent = refusal("ValidationError", f"Stack with id {NAME} does not exist")
            raise absent

    def _protect(self, name: str, *, on: bool) -> None:
        self.protected = self.protected | {name} if on else self.protected - {name}

    def _refuse(self, call: str, about: Any) -> None:
        if error := self.refusing.pop((call, about), None):
            raise error


@dataclass(frozen=True, slots=True)
class Pages:
    page: dict[str, Any]

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield self.page


def event(status: str, resource: str, kind: str) -> dict[str, str]:
    return {
        "EventId": f"{resource} {status}",
        "LogicalResourceId": resource,
        "ResourceType": kind,
        "ResourceStatus": status,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOf(Stage):
    """The stage ``prod`` of an account."""

    account: Account
    name: str = "prod"

    def session(self) -> Account:
        return self.account


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked, and no data is given up."""
    monkeypatch.setenv("YES", "1")
    monkeypatch.delenv("DESTROY_DATA", raising=False)


@pytest.fixture
def data_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTROY_DATA", NAME)


@pytest.mark.usefixtures("data_is_given_up")
def test_a_stage_goes_though_aws_does_not_know_its_stack_any_more_afterwards() -> None:
    account = Account()
    assert destroy(StageOf(account=account))
    assert (account.status, account.tables) == ("", {})
    assert not destroy(StageOf(account=account))


@pytest.mark.usefixtures("data_is_given_up")
@pytest.mark.parametrize(
    "refused",
    [
        ("update_termination_protection", False),
        ("update_table", (JOBS, False)),
        ("update_table", (USERS, False)),
        ("wait", JOBS),
        ("wait", USERS),
        ("delete_stack", None),
    ],
)
@pytest.mark.parametrize("error", [refusal("AccessDenied"), KeyboardInterrupt()], ids=["refused", "stopped"])
def test_a_removal_that_has_not_begun_leaves_all_protections(refused: tuple[str, Any], error: BaseException) -> None:
    account = Account()
    before = account.protected
    account.refusing[refused] = error
    with pytest.raises(type(error)):
        destroy(StageOf(account=account))
    assert account.protected == before
    assert (account.status, set(account.tables)) == ("UPDATE_COMPLETE", {JOBS, USERS})


@pytest.mark.usefixtures("data_is_given_up")
def test_only_what_was_protected_is_protected_again() -> None:
    account = Account()
    account.protected = {JOBS}
    account.refusing["delete_stack", None] = refusal("AccessDenied")
    with pytest.raises(ClientError):
        destroy(StageOf(account=account))
    assert account.protected == {JOBS}


@pytest.mark.usefixtures("data_is_given_up")
def test_a_protection_that_cannot_be_put_back_is_said_with_the_reason_and_the_others_are_put_back() -> None:
    account = Account()
    account.refusing = {
        ("delete_stack", None): refusal("AccessDenied", "not you"),
        ("update_table", (JOBS, True)): refusal("AccessDenied"),
    }
    with pytest.raises(ProtectionLost, match=rf"not you\nand there is no protection any more of the table {JOBS}$"):
        destroy(StageOf(account=account))
    assert account.protected == {NAME, USERS}


def test_a_stage_that_lost_its_protection_still_keeps_its_data() -> None:
    account = Account("DELETE_FAILED")
    account.protected = set()
    with pytest.raises(DataKept, match=rf"keeps data.*\n  make destroy STAGE=prod DESTROY_DATA={NAME}$"):
        destroy(StageOf(account=account))
    assert set(account.tables) == {JOBS, USERS}


@pytest.mark.parametrize("account", [Account(keeps_data=False), Account("ROLLBACK_COMPLETE")], ids=["dev", "no table"])
def test_a_stage_that_keeps_no_data_or_has_none_goes_without_its_name(account: Account) -> None:
    if account.keeps_data:
        account.protected, account.tables, account.in_stack = set(), {}, set()
    assert destroy(StageOf(account=account))
    assert not account.tables


def test_a_stage_of_a_first_deployment_that_failed_is_said_to_be_empty_and_is_kept_all_the_same() -> None:
    account = Account("ROLLBACK_FAILED")
    account.refusing["scan", JOBS] = refusal("ResourceNotFoundException")
    with pytest.raises(
        DataKept,
        match=rf"It is half made \(ROLLBACK_FAILED\) and holds no data: none of its tables has an item\. .*\n"
        rf"  make destroy STAGE=prod DESTROY_DATA={NAME}$",
    ):
        destroy(StageOf(account=account))
    assert set(account.tables) == {JOBS, USERS}


@pytest.mark.parametrize(("status", "items"), [("ROLLBACK_FAILED", 3), ("UPDATE_COMPLETE", 0)])
def test_a_stage_that_is_up_or_has_an_item_is_not_said_to_be_empty(status: str, items: int) -> None:
    account = Account(status)
    account.tables[USERS] = items
    with pytest.raises(DataKept) as kept:
        destroy(StageOf(account=account))
    assert "holds no data" not in str(kept.value)


def test_whether_a_table_has_items_is_not_guessed() -> None:
    account = Account("ROLLBACK_FAILED")
    account.refusing["scan", USERS] = refusal("AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        destroy(StageOf(account=account))


class Raced(Account):
    """Somebody else protects a table again at the last moment."""

    def delete_stack(self, **_: Any) -> None:
        self.protected.add(USERS)
        super().delete_stack()


@pytest.mark.usefixtures("data_is_given_up")
def test_a_table_that_cloudformation_could_not_delete_is_said_and_nothing_beside_the_stack_is_removed() -> None:
    account = Raced()
    account.tables[ORPHAN] = 0
    account.protected.add(ORPHAN)
    with pytest.raises(StackError, match=f"^{USERS}: "):
        destroy(StageOf(account=account))
    assert set(account.tables) == {USERS, ORPHAN}
    assert ORPHAN in account.protected


@pytest.mark.usefixtures("data_is_given_up")
def test_a_table_that_is_being_changed_is_waited_for() -> None:
    account = Account()
    account.busy.add(USERS)
    assert destroy(StageOf(account=account))
    assert not account.tables


@pytest.mark.usefixtures("data_is_given_up")
def test_a_protected_table_outside_the_stack_goes_and_stays_protected_when_it_does_not() -> None:
    account = Account(keeps_data=False)
    account.tables[ORPHAN] = 0
    account.protected = {ORPHAN}
    account.refusing["delete_table", ORPHAN] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        destroy(StageOf(account=account))
    assert (account.status, set(account.tables), account.protected) == ("", {ORPHAN}, {ORPHAN})
    assert destroy(StageOf(account=account))
    assert not account.tables


@pytest.mark.usefixtures("data_is_given_up")
def test_a_protected_table_that_somebody_else_deletes_meanwhile_is_gone() -> None:
    account = Account(keeps_data=False)
    account.tables[ORPHAN] = 0
    account.protected = {ORPHAN}
    for call in (("delete_table", ORPHAN), ("update_table", (ORPHAN, True))):
        account.refusing[call] = refusal("ResourceNotFoundException")
    assert destroy(StageOf(account=account))


@pytest.mark.usefixtures("data_is_given_up")
@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", ""])
def test_functions_of_chalice_come_first_by_its_own_command(status: str) -> None:
    account = Account(status)
    account.functions = {NAME, f"{NAME}-consume"}
    with pytest.raises(FunctionsLeft, match=rf"nothing was changed: {NAME}, {NAME}-consume\.") as left:
        destroy(StageOf(account=account))
    command = str(left.value).splitlines()[-1]
    documented = "--project-dir .build/chalice-dev delete --stage dev"
    assert command.endswith(documented.replace("dev", "prod"))
    assert documented in (PROJECT / "docs" / "chalice-deploy.md").read_text()
    assert set(account.tables) == {JOBS, USERS}
    assert account.protected == {NAME, JOBS, USERS}

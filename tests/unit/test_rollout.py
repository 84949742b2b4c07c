"""From a packaged folder to a stage, over an account that is made up, and what is said of each way that can end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment.deploy import DeployError, told
from deployment.packaging import TEMPLATE_NAME
from deployment.rollout import Declined, roll_out, roll_out_without_functions
from deployment.stack import STACK, ChangeFailed, ChangeSet, OutcomeUnknown, Stack, StackError
from deployment.stages import Session, Stage
from tests.parameter_store import ParameterStore

BUCKET = "job-backend-dev-1-eu-west-1"
OURS, THEIRS = "the change set of this test", "somebody else's change set"


class Pages:
    def __init__(self, page: dict[str, Any]) -> None:
        self._page = page

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield self._page


class Waiter:
    def wait(self, **_: Any) -> None:
        pass


class Account:
    """
    An account of AWS with one stack at most: it is all of its clients, but for the parameter store.

    ``refused`` has the methods that are refused, and ``refused_after`` what is refused once a method was called;
    ``ends`` is how a change does.
    """

    region_name = "eu-west-1"
    endpoint_url = "https://aws"

    def __init__(self, status: str = "", *, keeps_data: str = "", is_protected: bool = False) -> None:
        self.status = status
        self.keeps_data = keeps_data
        self.is_protected = is_protected
        self.tables: dict[str, bool] = {}
        self.has_changes = True
        self.ends = "COMPLETE"
        self.refused: set[str] = set()
        self.refused_after: dict[str, str] = {}
        self.buckets: set[str] = set()
        self.change_sets: set[str] = set()
        self.events: list[dict[str, Any]] = []
        self.planned: dict[str, Any] = {}
        self.parameters = ParameterStore()

    @property
    def meta(self) -> Any:
        return self

    def client(self, service_name: str, **_: Any) -> Any:
        return self.parameters if service_name == "ssm" else self

    def ask(self, method: str, *, code: str = "AccessDenied", is_refused: bool = False) -> None:
        if method in self.refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, method)
        if is_refused:
            raise ClientError({"Error": {"Code": code, "Message": "it does not exist"}}, method)
        if method in self.refused_after:
            self.refused.add(self.refused_after[method])

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "1"}

    def head_bucket(self, **arguments: Any) -> None:
        self.ask("head_bucket", code="404", is_refused=arguments["Bucket"] not in self.buckets)

    def create_bucket(self, **arguments: Any) -> None:
        self.buckets.add(arguments["Bucket"])

    def put_public_access_block(self, **_: Any) -> None:
        pass

    def put_object(self, **_: Any) -> None:
        self.ask("put_object")

    def delete_bucket(self, **arguments: Any) -> None:
        self.buckets.remove(arguments["Bucket"])

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        self.ask("describe_stacks", code="ValidationError", is_refused=not self.status)
        parameters = {"KeepsData": self.keeps_data} if self.keeps_data else {}
        described = {
            "StackId": "arn",
            "StackStatus": self.status,
            "EnableTerminationProtection": self.is_protected,
            "Parameters": [{"ParameterKey": name, "ParameterValue": each} for name, each in parameters.items()],
            "Outputs": [{"OutputKey": "EndpointURL", "OutputValue": "https://api/"}],
        }
        return {"Stacks": [described]}

    def create_change_set(self, **arguments: Any) -> dict[str, str]:
        self.ask("create_change_set")
        self.planned = {each["ParameterKey"]: each["ParameterValue"] for each in arguments["Parameters"]}
        self.change_sets.add(OURS)
        self.status = self.status or "REVIEW_IN_PROGRESS"
        return {"Id": OURS}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        if self.has_changes:
            return {"Status": "CREATE_COMPLETE", "Changes": []}
        return {"Status": "FAILED", "StatusReason": "No updates are to be performed.", "Changes": []}

    def delete_change_set(self, **_: Any) -> None:
        self.change_sets.remove(OURS)

    def execute_change_set(self, **_: Any) -> None:
        self.ask("execute_change_set")
        self.change_sets.clear()
        kind = "CREATE" if self.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        self.status = f"{kind}_{self.ends}" if self.ends == "COMPLETE" else self.ends
        if self.ends == "COMPLETE":
            self.keeps_data = self.planned["KeepsData"]
        names = {"LogicalResourceId": "stack", "ResourceType": STACK, "ResourceStatus": self.status}
        self.events.append({"EventId": str(len(self.events)), **names})

    def delete_stack(self, **_: Any) -> None:
        self.status = ""

    def update_termination_protection(self, **arguments: Any) -> None:
        self.ask("update_termination_protection")
        self.is_protected = arguments["EnableTerminationProtection"]

    def describe_table(self, **arguments: Any) -> dict[str, Any]:
        return {"Table": {"DeletionProtectionEnabled": True} if self.tables[arguments["TableName"]] else {}}

    def update_table(self, **arguments: Any) -> None:
        self.ask("update_table")
        assert not self.tables[arguments["TableName"]], "nothing that is protected is asked for it"
        self.tables[arguments["TableName"]] = arguments["DeletionProtectionEnabled"]

    def get_waiter(self, _: str) -> Waiter:
        return Waiter()

    def get_paginator(self, method: str) -> Pages:
        self.ask(method)
        common = {"ResourceType": "AWS::DynamoDB::Table", "ResourceStatus": "UPDATE_COMPLETE"}
        resources = [{"LogicalResourceId": name, "PhysicalResourceId": name, **common} for name in self.tables]
        pages: dict[str, dict[str, Any]] = {
            "describe_stack_events": {"StackEvents": self.events[::-1]},
            "list_change_sets": {"Summaries": [{"ChangeSetId": each} for each in self.change_sets]},
            "list_objects_v2": {},
            "list_stack_resources": {"StackResourceSummaries": resources},
        }
        return Pages(pages[method])


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpStage(Stage):
    """The stage ``dev`` in an account."""

    name: str = "dev"
    account: Account

    def session(self) -> Session:
        return self.account

    def stack(self) -> Stack:
        return Stack(self.account, self.stack_name, made_by="make deploy", look_every_s=1, sleep=lambda _: None)


def packaged(folder: Path, *, keeps_data: str = "false") -> Path:
    """A packaged folder whose template has nothing but the parameter."""
    template = {"Parameters": {"KeepsData": {"Default": keeps_data}}, "Resources": {}, "Outputs": {}}
    (folder / TEMPLATE_NAME).write_text(json.dumps(template))
    return folder


def rolled_out(account: Account, folder: Path, agree: Callable[[ChangeSet], bool] = lambda _: True) -> list[str]:
    """What was said while the stage of an account was rolled out."""
    said: list[str] = []
    roll_out(MadeUpStage(account=account), folder, agree=agree, say=said.append)
    return said


def test_who_declines_a_new_stage_leaves_nothing_of_it(tmp_path: Path) -> None:
    account = Account()
    with pytest.raises(Declined):
        rolled_out(account, packaged(tmp_path), lambda _: False)
    assert (account.status, account.buckets, account.change_sets) == ("", set(), set())


def test_who_declines_leaves_what_somebody_else_has_deployed_in_the_meantime(tmp_path: Path) -> None:
    account = Account()

    def while_asked(_: ChangeSet) -> bool:
        account.status = "CREATE_COMPLETE"
        return False

    with pytest.raises(Declined):
        rolled_out(account, packaged(tmp_path), while_asked)
    assert (account.status, account.buckets) == ("CREATE_COMPLETE", {BUCKET})


def test_who_declines_leaves_what_somebody_else_is_asked_about(tmp_path: Path) -> None:
    account = Account()

    def while_asked(_: ChangeSet) -> bool:
        account.change_sets.add(THEIRS)
        return False

    with pytest.raises(Declined):
        rolled_out(account, packaged(tmp_path), while_asked)
    assert (account.status, account.buckets, account.change_sets) == ("REVIEW_IN_PROGRESS", {BUCKET}, {THEIRS})


@pytest.mark.parametrize("method", ["put_object", "create_change_set", "execute_change_set"])
def test_what_fails_before_the_change_leaves_nothing_of_a_new_stage_and_changes_nothing(
    tmp_path: Path, method: str
) -> None:
    account = Account()
    account.refused = {method}
    with pytest.raises(StackError, match="AccessDenied") as raised:
        rolled_out(account, packaged(tmp_path, keeps_data="true"))
    assert type(raised.value) is StackError
    assert (account.status, account.buckets, account.change_sets) == ("", set(), set())


def test_a_bucket_of_before_stays_whatever_happens(tmp_path: Path) -> None:
    account = Account()
    account.buckets = {BUCKET}
    with pytest.raises(Declined):
        rolled_out(account, packaged(tmp_path), lambda _: False)
    assert account.buckets == {BUCKET}


def test_where_it_cannot_be_seen_whether_there_is_a_stack_the_bucket_stays(tmp_path: Path) -> None:
    account = Account()

    def stops(_: ChangeSet) -> bool:
        account.refused = {"describe_stacks"}
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, StackError)):
        rolled_out(account, packaged(tmp_path), stops)
    assert account.buckets == {BUCKET}


def test_a_key_ring_that_cannot_be_made_leaves_no_plan(tmp_path: Path) -> None:
    account = Account()

    def refuses() -> None:
        account.ask("put_parameter", is_refused=True)

    account.parameters.before_put = refuses
    with pytest.raises(StackError, match="put_parameter"):
        rolled_out(account, packaged(tmp_path))
    assert (account.status, account.buckets, account.change_sets) == ("", set(), set())


@pytest.mark.parametrize("status", ["", "UPDATE_COMPLETE"])
def test_a_stage_that_keeps_data_is_protected_even_when_its_change_fails(tmp_path: Path, status: str) -> None:
    account = Account(status)
    account.ends = "ROLLBACK_COMPLETE"
    with pytest.raises(ChangeFailed):
        rolled_out(account, packaged(tmp_path, keeps_data="true"))
    assert account.is_protected
    assert account.buckets == {BUCKET}, "CloudFormation may need it"


@pytest.mark.parametrize("has_changes", [True, False])
def test_what_somebody_protected_by_hand_stays_so(tmp_path: Path, *, has_changes: bool) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="false", is_protected=True)
    account.has_changes = has_changes
    rolled_out(account, packaged(tmp_path))
    assert account.is_protected


def test_a_stage_that_comes_to_keep_no_data_is_protected_until_that_is_done(tmp_path: Path) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="true", is_protected=True)
    account.ends = "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(ChangeFailed):
        rolled_out(account, packaged(tmp_path))
    assert account.is_protected
    account.ends = "COMPLETE"
    rolled_out(account, packaged(tmp_path))
    assert not account.is_protected


@pytest.mark.parametrize("has_changes", [True, False])
def test_tables_from_which_somebody_took_the_protection_get_it_again(tmp_path: Path, *, has_changes: bool) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="true")
    account.has_changes = has_changes
    account.tables = {"jobs": False, "users": True}
    assert rolled_out(account, packaged(tmp_path, keeps_data="true")) == ["PROTECTED AGAIN  jobs"]
    assert account.tables == {"jobs": True, "users": True}
    assert account.is_protected, "the stack too"


def test_tables_are_not_protected_unless_it_is_agreed_to_and_can_be(tmp_path: Path) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="true")
    account.tables = {"jobs": False}
    folder = packaged(tmp_path, keeps_data="true")
    with pytest.raises(Declined):
        rolled_out(account, folder, lambda _: False)
    account.refused = {"update_table"}
    with pytest.raises(StackError, match="update_table"):
        rolled_out(account, folder)
    assert account.tables == {"jobs": False}
    assert not account.change_sets
    assert not account.events, "the stack was not changed"


@pytest.mark.parametrize(("before", "after"), [("false", "false"), ("false", "true"), ("true", "false")])
def test_only_tables_that_are_kept_before_and_after_are_protected_beside_the_change(
    tmp_path: Path, before: str, after: str
) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data=before)
    account.tables = {"jobs": False}
    rolled_out(account, packaged(tmp_path, keeps_data=after))
    assert account.tables == {"jobs": False}


@pytest.mark.parametrize(("has_changes", "changes"), [(True, []), (False, None)])
def test_a_change_of_no_resource_is_not_no_change(
    tmp_path: Path, *, has_changes: bool, changes: list[Any] | None
) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="false")
    account.has_changes = has_changes
    assert roll_out(MadeUpStage(account=account), packaged(tmp_path)).changes == changes


@pytest.mark.parametrize("roll", [roll_out, roll_out_without_functions])
def test_trouble_after_the_change_is_no_change_that_failed(tmp_path: Path, roll: Callable[..., Any]) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="true", is_protected=True)
    account.refused = {"update_termination_protection"}
    with pytest.raises(OutcomeUnknown, match="update_termination_protection"):
        roll(MadeUpStage(account=account), packaged(tmp_path))
    assert account.events, "it was changed"


@pytest.mark.parametrize(("has_changes", "fault"), [(True, OutcomeUnknown), (False, StackError)])
@pytest.mark.parametrize("roll", [roll_out, roll_out_without_functions])
def test_outputs_that_cannot_be_read_are_trouble_after_the_change_if_there_was_one(
    tmp_path: Path, roll: Callable[..., Any], fault: type[StackError], *, has_changes: bool
) -> None:
    account = Account("UPDATE_COMPLETE", keeps_data="true")
    account.has_changes = has_changes
    # The last step before the outputs are read: with a change it is the end of the protection.
    account.refused_after["update_termination_protection"] = "describe_stacks"
    folder = packaged(tmp_path, keeps_data="false" if has_changes else "true")
    with pytest.raises(StackError, match="describe_stacks") as raised:
        roll(MadeUpStage(account=account), folder)
    assert type(raised.value) is fault


@pytest.mark.parametrize(
    ("status", "fault", "said"),
    [
        ("", Declined(), "Nothing was changed."),
        ("", DeployError("no credentials"), "no credentials"),
        ("UPDATE_COMPLETE", StackError("why"), "job-backend-dev was not changed: why"),
        (
            "ROLLBACK_COMPLETE",
            StackError("why"),
            (
                "job-backend-dev was not changed: why\n"
                "make destroy STAGE=dev removes what is left of it; then make infra STAGE=dev"
            ),
        ),
        (
            "UPDATE_ROLLBACK_COMPLETE",
            ChangeFailed("why"),
            "The change of job-backend-dev failed: why\nCloudFormation has put back what there was before.",
        ),
        (
            "ROLLBACK_COMPLETE",
            ChangeFailed("why"),
            (
                "The change of job-backend-dev failed: why\nIt is ROLLBACK_COMPLETE.\n"
                "make destroy STAGE=dev removes what is left of it; then make infra STAGE=dev"
            ),
        ),
        (
            "UPDATE_ROLLBACK_FAILED",
            ChangeFailed("why"),
            (
                "The change of job-backend-dev failed: why\n"
                "job-backend-dev is UPDATE_ROLLBACK_FAILED: see to what its events complain of, then\n"
                "  aws cloudformation continue-update-rollback --stack-name job-backend-dev"
            ),
        ),
        (
            "",
            ChangeFailed("why"),
            "The change of job-backend-dev failed: why\nIt is in a state that is not known.",
        ),
        (
            "UPDATE_IN_PROGRESS",
            OutcomeUnknown("why"),
            (
                "A change of job-backend-dev that CloudFormation has begun goes on without this: why\n"
                "make outputs STAGE=dev shows what became of it; make infra STAGE=dev does what is missing"
            ),
        ),
    ],
)
def test_what_is_said_of_a_fault_is_true_of_the_stack(status: str, fault: Exception, said: str) -> None:
    assert told(MadeUpStage(account=Account(status)), fault, program="make infra") == said


def test_a_fault_is_said_though_the_state_of_the_stack_cannot_be_seen() -> None:
    account = Account("UPDATE_COMPLETE")
    account.refused = {"describe_stacks"}
    assert told(MadeUpStage(account=account), StackError("why")) == "job-backend-dev was not changed: why"

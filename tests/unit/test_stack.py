"""The stack of a name over CloudFormation's answers, those that an emulator never gives included."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from deployment.stack import STACK, Change, ChangeFailed, ChangeSet, OutcomeUnknown, Stack, StackError

NAME = "job-backend-dev"
ARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/job-backend-dev/1"
CHANGE_SET = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/change-1/1"


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "AnyCall")


class Paginator:
    def __init__(self, pages: Callable[..., list[dict[str, Any]]]) -> None:
        self._pages = pages

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        yield from self._pages(**arguments)


class Meta:
    endpoint_url = "https://cloudformation.eu-west-1.amazonaws.com"


class CloudFormation:
    """
    A CloudFormation that tells a story: each look at the stack takes the next of ``statuses`` and stays at the last.

    An empty status is that of no stack. ``happens`` has the events that are there from a status on, and ``ended`` is
    what is answered to who asks for them, or for resources, of a stack that was deleted.
    """

    meta = Meta()

    def __init__(self, *statuses: str, happens: dict[str, list[dict[str, Any]]] | None = None) -> None:
        self.statuses = list(statuses)
        self.happens = happens or {}
        self.events: list[dict[str, Any]] = []
        self.change_set_pages: list[Any] = [{"Status": "CREATE_COMPLETE", "Changes": []}]
        self.change_sets = [CHANGE_SET]
        self.summaries: list[dict[str, Any]] = []
        self.created: dict[str, Any] = {}
        self.parameters: dict[str, str] = {}
        self.executing: Exception | None = None
        self.protecting: Exception | None = None
        self.ended: ClientError | None = None
        self.calls: list[str] = []

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if not status:
            self.ended = refused("ValidationError", f"Stack [{NAME}] does not exist")
            absence = refused("ValidationError", f"Stack with id {NAME} does not exist")
            raise absence
        self.events += self.happens.pop(status, [])
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        return {"Stacks": [{"StackStatus": status, "StackId": ARN, "Outputs": [], "Parameters": parameters}]}

    def create_change_set(self, **arguments: Any) -> dict[str, str]:
        self.created = arguments
        return {"Id": CHANGE_SET}

    def describe_change_set(self, **arguments: Any) -> dict[str, Any]:
        if token := arguments.get("NextToken"):
            return dict(self.change_set_pages[int(token)])
        page: Any = self.change_set_pages[0]
        if isinstance(page, BaseException):
            self.change_set_pages.pop(0)
            raise page
        if page["Status"].endswith("_IN_PROGRESS"):
            self.change_set_pages.pop(0)
        return dict(page)

    def delete_change_set(self, **_: Any) -> None:
        if self.change_set_pages[0]["Status"].endswith("_IN_PROGRESS"):
            being_made = refused("InvalidChangeSetStatus")
            raise being_made
        self.calls.append("delete_change_set")
        self.change_sets.remove(CHANGE_SET)

    def execute_change_set(self, **arguments: Any) -> None:
        if self.executing:
            raise self.executing
        assert arguments["ClientRequestToken"]
        self.calls.append("execute_change_set")

    def update_termination_protection(self, **arguments: Any) -> None:
        if self.protecting:
            raise self.protecting
        self.calls.append(f"protect {arguments['EnableTerminationProtection']}")

    def delete_stack(self, **_: Any) -> None:
        self.calls.append("delete_stack")

    def get_paginator(self, method: str) -> Paginator:
        if error := self.ended if "delete_stack" in self.calls else None:
            raise error
        pages: dict[str, Callable[..., list[dict[str, Any]]]] = {
            "describe_stack_events": lambda **_: [{"StackEvents": [event]} for event in reversed(self.events)],
            "list_stack_resources": lambda **_: [{"StackResourceSummaries": [each]} for each in self.summaries],
            "list_change_sets": lambda **_: [{"Summaries": [{"ChangeSetId": each}]} for each in self.change_sets],
        }
        return Paginator(pages[method])


def event(number: int, status: str, resource: str = NAME, kind: str = STACK, reason: str = "") -> dict[str, Any]:
    reasons = {"ResourceStatusReason": reason} if reason else {}
    return {
        "EventId": str(number),
        "StackId": ARN,
        "LogicalResourceId": resource,
        "ResourceType": kind,
        "ResourceStatus": status,
        **reasons,
    }


def stack(cloudformation: CloudFormation) -> Stack:
    return Stack(cloudformation, NAME, made_by="make deploy STAGE=dev", look_every_s=1, sleep=lambda _: None)


def change_set(*, creates_stack: bool = False) -> ChangeSet:
    return ChangeSet(arn=CHANGE_SET, changes=[], parameters={}, creates_stack=creates_stack)


def resource_change(name: str, **more: str) -> dict[str, Any]:
    described = {"Action": "Modify", "LogicalResourceId": name, "ResourceType": "AWS::SQS::Queue", **more}
    return {"Type": "Resource", "ResourceChange": described}


def test_all_pages_of_a_plan_are_read_once_it_is_made() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.change_set_pages = [
        {"Status": "CREATE_IN_PROGRESS", "Changes": []},
        {"Status": "CREATE_COMPLETE", "Changes": [resource_change("A")], "NextToken": "1"},
        {"Changes": [resource_change("B", Replacement="True")], "NextToken": "2"},
        {"Changes": [resource_change("C", Replacement="Conditional"), resource_change("D", Replacement="False")]},
    ]
    planned = stack(cloudformation).planned("https://template", {"Size": "1"})
    assert planned is not None
    assert [(each.resource, each.is_replaced) for each in planned.changes] == [
        ("A", False),
        ("B", True),
        ("C", True),
        ("D", False),
    ]
    assert cloudformation.created["ChangeSetType"] == "UPDATE"
    assert cloudformation.created["Parameters"] == [{"ParameterKey": "Size", "ParameterValue": "1"}]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_a_plan_that_failed_for_want_of_changes_is_none_and_is_removed(reason: str) -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.change_set_pages = [{"Status": "FAILED", "StatusReason": reason, "Changes": []}]
    assert stack(cloudformation).planned("https://template", {}) is None
    assert cloudformation.calls == ["delete_change_set"]


def test_a_plan_that_failed_for_another_reason_says_it_and_is_removed_with_its_empty_stack() -> None:
    cloudformation = CloudFormation("", "REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS", "")
    cloudformation.change_set_pages = [{"Status": "FAILED", "StatusReason": "Transform is unknown", "Changes": []}]
    with pytest.raises(
        StackError, match=r"^CloudFormation refuses the change of job-backend-dev: Transform is unknown$"
    ):
        stack(cloudformation).planned("https://template", {})
    assert cloudformation.created["ChangeSetType"] == "CREATE"
    assert cloudformation.calls == ["delete_change_set", "delete_stack"]
    assert cloudformation.statuses == [""], "the end of the empty stack was waited for"


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), refused("ExpiredToken")])
def test_a_plan_that_is_stopped_while_it_is_made_is_removed_with_its_empty_stack(stopped: BaseException) -> None:
    """CloudFormation refuses to remove one that it is making, so that is waited for."""
    cloudformation = CloudFormation("", "REVIEW_IN_PROGRESS", "")
    being_made = {"Status": "CREATE_IN_PROGRESS", "Changes": []}
    cloudformation.change_set_pages = [being_made, stopped, being_made, {"Status": "CREATE_COMPLETE", "Changes": []}]
    with pytest.raises(type(stopped)) as raised:
        stack(cloudformation).planned("https://template", {})
    assert raised.value is stopped
    assert cloudformation.calls == ["delete_change_set", "delete_stack"]


def test_a_plan_that_is_stopped_and_cannot_be_removed_says_why_it_was_stopped() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.change_set_pages = [refused("ExpiredToken"), refused("ExpiredToken")]
    with pytest.raises(ClientError, match="ExpiredToken"):
        stack(cloudformation).planned("https://template", {})
    assert cloudformation.change_set_pages == [], "it was tried"
    assert cloudformation.calls == []


def test_the_parameters_that_would_change_are_planned_with_what_they_are_and_would_be() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.parameters = {"KeepsData": "true", "Size": "1", "Old": "x"}
    assert stack(cloudformation).parameters() == cloudformation.parameters
    planned = stack(cloudformation).planned("https://template", {"KeepsData": "false", "Size": "1", "New": "y"})
    assert planned is not None
    assert planned.parameters == {"KeepsData": ("true", "false")}


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        ("CREATE_FAILED", "it is CREATE_FAILED, and can only be removed"),
        ("ROLLBACK_COMPLETE", "it is ROLLBACK_COMPLETE, and can only be removed"),
        ("ROLLBACK_FAILED", "it is ROLLBACK_FAILED, and can only be removed"),
        ("DELETE_FAILED", "it is DELETE_FAILED, and can only be removed"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name job-backend-dev"),
        ("UPDATE_IN_PROGRESS", r"job-backend-dev is being changed \(UPDATE_IN_PROGRESS\); wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is being changed"),
        ("DELETE_IN_PROGRESS", "is being changed"),
    ],
)
def test_in_some_states_nothing_is_planned(status: str, refusal: str) -> None:
    cloudformation = CloudFormation(status)
    with pytest.raises(StackError, match=refusal):
        stack(cloudformation).planned("https://template", {})
    assert not cloudformation.created


@pytest.mark.parametrize(("status", "kind"), [("", "CREATE"), ("REVIEW_IN_PROGRESS", "CREATE")])
def test_a_stack_that_has_nothing_yet_is_to_be_created(status: str, kind: str) -> None:
    cloudformation = CloudFormation(status)
    planned = stack(cloudformation).planned("https://template", {})
    assert planned is not None
    assert planned.creates_stack
    assert cloudformation.created["ChangeSetType"] == kind


def test_a_forgotten_plan_leaves_a_stack_that_somebody_else_has_made_of_theirs_in_the_meantime() -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE")
    stack(cloudformation).forget(change_set(creates_stack=True))
    assert cloudformation.calls == ["delete_change_set"]


def test_a_forgotten_plan_leaves_the_empty_stack_to_somebody_elses_plan() -> None:
    cloudformation = CloudFormation("REVIEW_IN_PROGRESS")
    cloudformation.change_sets.append("another")
    stack(cloudformation).forget(change_set(creates_stack=True))
    assert cloudformation.calls == ["delete_change_set"]


def test_a_change_is_made_when_an_event_says_so_too() -> None:
    """Just after the call the stack may be described as it was before."""
    ending = [event(3, "CREATE_COMPLETE", "JobsQueue", "AWS::SQS::Queue"), event(4, "UPDATE_COMPLETE")]
    statuses = ("UPDATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    cloudformation = CloudFormation(*statuses, "UPDATE_COMPLETE")
    cloudformation.events = [event(1, "CREATE_COMPLETE")]
    cloudformation.happens = {
        "UPDATE_IN_PROGRESS": [event(2, "UPDATE_IN_PROGRESS")],
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": ending,
    }
    said: list[str] = []
    stack(cloudformation).change(change_set(), said.append, keeps_data=False)
    assert said == ["CREATE_COMPLETE  JobsQueue"]
    assert cloudformation.statuses == ["UPDATE_COMPLETE"], "it was watched to the end"


def test_a_change_that_is_rolled_back_says_what_failed_and_not_what_was_cancelled_for_it() -> None:
    queue = "AWS::SQS::Queue"
    failing = [
        event(2, "UPDATE_IN_PROGRESS"),
        event(3, "UPDATE_FAILED", "JobsQueue", queue, "its name is taken"),
        event(4, "CREATE_FAILED", "Other", queue, "Resource creation cancelled"),
        event(5, "UPDATE_ROLLBACK_IN_PROGRESS", reason="The following resource(s) failed"),
        event(6, "UPDATE_ROLLBACK_COMPLETE"),
    ]
    cloudformation = CloudFormation("UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    cloudformation.events = [event(1, "CREATE_FAILED", "Old", queue, "of an earlier time")]
    cloudformation.happens = {"UPDATE_IN_PROGRESS": failing}
    with pytest.raises(ChangeFailed, match=r"^JobsQueue: its name is taken$"):
        stack(cloudformation).change(change_set(), lambda _: None, keeps_data=False)


def test_a_change_that_is_rolled_back_without_a_reason_says_where_it_ended() -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    cloudformation.happens = {"UPDATE_ROLLBACK_COMPLETE": [event(1, "UPDATE_ROLLBACK_COMPLETE")]}
    with pytest.raises(ChangeFailed, match=r"^job-backend-dev is UPDATE_ROLLBACK_COMPLETE$"):
        stack(cloudformation).change(change_set(), lambda _: None, keeps_data=False)


def test_a_stack_that_keeps_data_is_protected_before_its_change_ends_even_one_that_fails() -> None:
    for ending, expected in (("CREATE_COMPLETE", nullcontext()), ("ROLLBACK_COMPLETE", pytest.raises(ChangeFailed))):
        cloudformation = CloudFormation("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", ending)
        cloudformation.happens = {ending: [event(1, ending)]}
        with expected:
            stack(cloudformation).change(change_set(creates_stack=True), lambda _: None, keeps_data=True)
        assert cloudformation.calls == ["execute_change_set", "protect True"]


def test_a_stack_that_keeps_none_is_left_as_protected_as_it_is() -> None:
    cloudformation = CloudFormation("CREATE_COMPLETE", "UPDATE_COMPLETE")
    cloudformation.happens = {"UPDATE_COMPLETE": [event(1, "UPDATE_COMPLETE")]}
    stack(cloudformation).change(change_set(), lambda _: None, keeps_data=False)
    assert cloudformation.calls == ["execute_change_set"]


@pytest.mark.parametrize("code", ["ChangeSetNotFound", "ChangeSetNotFoundException", "InvalidChangeSetStatus"])
def test_a_plan_of_before_somebody_elses_change_is_not_made(code: str) -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.executing = refused(code)
    with pytest.raises(StackError, match="by somebody else; deploy again") as raised:
        stack(cloudformation).change(change_set(), lambda _: None, keeps_data=True)
    assert type(raised.value) is StackError
    assert cloudformation.calls == [], "nothing of theirs is touched"


def test_another_refusal_is_boto3s_and_leaves_no_plan() -> None:
    cloudformation = CloudFormation("REVIEW_IN_PROGRESS", "REVIEW_IN_PROGRESS", "")
    cloudformation.executing = refused("AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        stack(cloudformation).change(change_set(creates_stack=True), lambda _: None, keeps_data=True)
    assert cloudformation.calls == ["delete_change_set", "delete_stack"]


def test_a_change_that_nobody_answered_for_may_have_begun() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE")
    cloudformation.executing = EndpointConnectionError(endpoint_url=Meta.endpoint_url)
    with pytest.raises(OutcomeUnknown, match="Could not connect"):
        stack(cloudformation).change(change_set(), lambda _: None, keeps_data=True)
    assert not cloudformation.calls, "its plan stays"


def test_a_change_whose_end_could_not_be_seen_goes_on() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", "UPDATE_IN_PROGRESS")
    cloudformation.protecting = refused("AccessDenied")
    with pytest.raises(OutcomeUnknown, match="AccessDenied"):
        stack(cloudformation).change(change_set(), lambda _: None, keeps_data=True)
    cloudformation = CloudFormation("UPDATE_COMPLETE", "UPDATE_IN_PROGRESS")

    def lost(_: float) -> None:
        raise EndpointConnectionError(endpoint_url=Meta.endpoint_url)

    watching = Stack(cloudformation, NAME, made_by="make deploy", look_every_s=1, sleep=lost)
    with pytest.raises(OutcomeUnknown, match="Could not connect"):
        watching.change(change_set(), lambda _: None, keeps_data=False)
    assert cloudformation.calls == ["execute_change_set"]


def test_what_is_gone_and_what_never_came_to_be_are_no_resources() -> None:
    cloudformation = CloudFormation("DELETE_FAILED")
    common = {"ResourceType": "AWS::SQS::Queue"}
    cloudformation.summaries = [
        {"LogicalResourceId": "A", "PhysicalResourceId": "a", "ResourceStatus": "DELETE_FAILED", **common},
        {"LogicalResourceId": "B", "PhysicalResourceId": "b", "ResourceStatus": "DELETE_COMPLETE", **common},
        {"LogicalResourceId": "C", "ResourceStatus": "CREATE_FAILED", **common},
    ]
    assert stack(cloudformation).resources() == {"A": ("AWS::SQS::Queue", "a")}


@pytest.mark.parametrize("ending", ["DELETE_COMPLETE", ""])
def test_a_stack_is_deleted_when_it_says_so_or_is_known_no_longer(ending: str) -> None:
    cloudformation = CloudFormation("REVIEW_IN_PROGRESS", "REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS", ending)
    stack(cloudformation).delete(lambda _: None)
    assert cloudformation.calls == ["delete_stack"]
    assert cloudformation.statuses == [ending]


def test_a_stack_whose_events_say_that_it_is_gone_is_not_asked_for_again() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_IN_PROGRESS", "")
    ending = [event(1, "DELETE_COMPLETE", "JobsQueue", "AWS::SQS::Queue"), event(2, "DELETE_COMPLETE")]
    cloudformation.happens = {"DELETE_IN_PROGRESS": ending}
    said: list[str] = []
    stack(cloudformation).delete(said.append)
    assert said == ["DELETE_COMPLETE  JobsQueue"]
    assert cloudformation.ended is None, "nobody asked again"


def test_events_that_cannot_be_had_for_another_reason_are_no_end() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_IN_PROGRESS")
    cloudformation.ended = refused("AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        stack(cloudformation).delete(lambda _: None)


def test_what_keeps_a_stack_from_being_deleted_is_off_only_while_cloudformation_is_told() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", "UPDATE_COMPLETE", "")

    @contextmanager
    def unprotected() -> Iterator[None]:
        cloudformation.calls.append("off")
        yield
        cloudformation.calls.append("told")

    stack(cloudformation).delete(lambda _: None, unprotected=unprotected())
    assert cloudformation.calls == ["off", "delete_stack", "told"]
    with pytest.raises(StackError, match="there is no stack"):
        stack(cloudformation).delete(lambda _: None, unprotected=unprotected())
    assert cloudformation.calls == ["off", "delete_stack", "told"]


def test_a_stack_that_cannot_be_deleted_says_why() -> None:
    failing = [
        event(2, "DELETE_IN_PROGRESS"),
        event(3, "DELETE_FAILED", "UsersTable", "AWS::DynamoDB::Table", "it is protected"),
        event(4, "DELETE_FAILED", reason="The following resource(s) failed to delete: [UsersTable]"),
    ]
    cloudformation = CloudFormation(
        "DELETE_FAILED", "DELETE_FAILED", "DELETE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED"
    )
    cloudformation.events = [event(1, "DELETE_FAILED")]
    cloudformation.happens = {"DELETE_IN_PROGRESS": failing}
    with pytest.raises(StackError, match=r"^UsersTable: it is protected$"):
        stack(cloudformation).delete(lambda _: None)


def test_a_stack_that_is_being_changed_is_not_deleted() -> None:
    cloudformation = CloudFormation("UPDATE_IN_PROGRESS")
    with pytest.raises(StackError, match="is being changed"):
        stack(cloudformation).delete(lambda _: None)
    assert not cloudformation.calls


def test_a_stack_that_there_is_not_says_what_creates_it() -> None:
    absent = stack(CloudFormation(""))
    refusal = f"^there is no stack {NAME} at {Meta.endpoint_url}; make deploy STAGE=dev creates it$"
    for ask in (absent.outputs, lambda: absent.delete(lambda _: None)):
        with pytest.raises(StackError, match=refusal):
            ask()
    assert absent.status() == ""
    assert not absent.is_protected()


def test_a_change_is_shown_in_a_line() -> None:
    change = Change(action="Modify", resource="JobsTable", kind="AWS::DynamoDB::Table", is_replaced=True)
    assert str(change).split(maxsplit=2) == ["Modify", "JobsTable", "AWS::DynamoDB::Table  (may be REPLACED)"]

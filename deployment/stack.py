"""One CloudFormation stack: what is in it, what a template would change, and the change itself."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
"""How CloudFormation says that a change set is empty; it calls that a failure."""

STACK = "AWS::CloudFormation::Stack"
CANCELLED = ("Resource creation cancelled", "Resource update cancelled")
"""What CloudFormation gives as the reason of those that failed only because another one did."""

CHANGED_SINCE = {"ChangeSetNotFound", "ChangeSetNotFoundException", "InvalidChangeSetStatus"}
"""How CloudFormation refuses a change set that was planned before somebody else's change."""

HALF_MADE = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
"""States of a stack that can only be deleted."""

STUCK = "UPDATE_ROLLBACK_FAILED"
"""The state of a stack whose change failed, and could not be put back either."""

Say = Callable[[str], None]
Sleep = Callable[[float], None]


class StackError(Exception):
    """The stack is not there or could not be changed; the message holds the reasons AWS gave."""


class ChangeFailed(StackError):
    """CloudFormation has begun the change and could not make it all; the message has its reasons."""


class OutcomeUnknown(StackError):
    """The change may have begun, and what became of it was not seen: CloudFormation goes on by itself."""


@contextmanager
def after_the_beginning() -> Iterator[None]:
    """
    Turn what goes wrong once CloudFormation may have begun a change into what it means.

    Raises:
        OutcomeUnknown: AWS refused something, did not answer, or has no such stack any longer.
    """
    try:
        yield
    except (BotoCoreError, ClientError, StackError) as error:
        raise OutcomeUnknown(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change set does to one resource. ``is_replaced`` may only be possible, as far as CloudFormation knows."""

    action: str
    resource: str
    kind: str
    is_replaced: bool

    def __str__(self) -> str:
        """Return the line that shows it."""
        return f"{self.action:<7} {self.resource:<34} {self.kind}{'  (may be REPLACED)' if self.is_replaced else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """
    Changes that CloudFormation has planned and not made.

    ``changes`` may be empty: outputs change by themselves too. ``parameters`` has those of the stack's parameters that
    would have another value, each with its present value and that one.
    """

    arn: str
    changes: Sequence[Change]
    parameters: Mapping[str, tuple[str, str]]
    creates_stack: bool


class Stack:
    """The stack of a name. Its methods raise boto3's errors as they are, besides `StackError`."""

    def __init__(
        self,
        cloudformation: Any,  # noqa: ANN401 - boto3's classes are made at run time
        name: str,
        *,
        made_by: str,
        look_every_s: float,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._cloudformation = cloudformation
        self._made_by = made_by
        self._look_every_s = look_every_s
        self._sleep = sleep
        self.name = name

    def status(self) -> str:
        """Return what state it is in, by CloudFormation's word; empty when there is none."""
        return str(self._described().get("StackStatus", ""))

    def is_protected(self) -> bool:
        """Tell whether CloudFormation refuses to delete it."""
        return bool(self._described().get("EnableTerminationProtection", False))

    def parameters(self) -> dict[str, str]:
        """Return the values of its template's parameters; none when there is no stack."""
        return {each["ParameterKey"]: each["ParameterValue"] for each in self._described().get("Parameters", [])}

    def outputs(self) -> dict[str, str]:
        """
        Return what its template puts out.

        Raises:
            StackError: There is no such stack.
        """
        described = self._described()
        if not described:
            raise StackError(self._absence())
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def resources(self) -> dict[str, tuple[str, str]]:
        """
        Return the type and the physical name of each of its resources, by its name in the template.

        What is gone is left out, and so is what never came to be: CloudFormation lists both, the latter without a name.
        """
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"])
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] != "DELETE_COMPLETE" and each.get("PhysicalResourceId")
        }

    def planned(self, template_url: str, parameters: Mapping[str, str]) -> ChangeSet | None:
        """
        Plan the change to a template; return ``None`` when nothing would change. Nothing is changed yet.

        When it is stopped, as by a Ctrl-C, nothing is left of the plan.

        Raises:
            StackError: CloudFormation refuses the template, is in the middle of something else, or left the stack in a
                state that it changes nothing in.
        """
        status = self.require_rest()
        if status in HALF_MADE:
            message = f"it is {status}, and can only be removed"
            raise StackError(message)
        if status == STUCK:
            raise StackError(self.way_out())
        creates_stack = status in {"", "REVIEW_IN_PROGRESS"}
        present = {} if creates_stack else self.parameters()
        arn = self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"change-{uuid4()}",
            ChangeSetType="CREATE" if creates_stack else "UPDATE",
            # By its address: in the request itself a template may have 51,200 bytes.
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )["Id"]
        try:
            described = self._planned(arn)
        except BaseException:
            with suppress(BotoCoreError, ClientError):  # what went wrong first is what is said
                self._settled(arn)  # until then CloudFormation does not let go of it
                self._forget(arn, creates_stack=creates_stack)
            raise
        if described["Status"] == "FAILED":
            self._forget(arn, creates_stack=creates_stack)
            reason = described.get("StatusReason", "")
            if any(words in reason for words in NO_CHANGES):
                return None
            message = f"CloudFormation refuses the change of {self.name}: {reason}"
            raise StackError(message)
        return ChangeSet(
            arn=arn,
            changes=[_change(each["ResourceChange"]) for each in described["Changes"]],
            parameters={
                name: (present[name], value)
                for name, value in parameters.items()
                if name in present and present[name] != value
            },
            creates_stack=creates_stack,
        )

    def way_out(self) -> str:
        """Return what to do about a stack that is `STUCK`."""
        return (
            f"{self.name} is {STUCK}: see to what its events complain of, then\n"
            f"  aws cloudformation continue-update-rollback --stack-name {self.name}"
        )

    def require_rest(self) -> str:
        """
        Return its status.

        Raises:
            StackError: CloudFormation is in the middle of something else.
        """
        status = self.status()
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            message = f"{self.name} is being changed ({status}); wait until that is done"
            raise StackError(message)
        return status

    def forget(self, change_set: ChangeSet) -> None:
        """
        Remove a change set that is not to be made, and the empty stack that came with it.

        The stack stays when somebody else has made or planned something of it in the meantime.
        """
        self._forget(change_set.arn, creates_stack=change_set.creates_stack)

    def change(self, change_set: ChangeSet, say: Say, *, keeps_data: bool) -> None:
        """
        Make the changes; ``say`` gets a line for each resource that is done.

        One that ``keeps_data`` is protected from being deleted as soon as it is being changed, however that ends.

        Raises:
            ChangeFailed: CloudFormation rolled back, or could not even do that.
            OutcomeUnknown: It has begun, or may have, and this could not see the end.
            StackError: Somebody else has changed the stack since this was planned. Nothing was changed, and nothing is
                left of the plan.
        """
        try:
            self.require_rest()
            seen = self._event_ids()
            self._execute(change_set)
        except StackError:  # with somebody else's change the plan is gone; with this one it is needed
            raise
        except BaseException:
            with suppress(BotoCoreError, ClientError):  # what went wrong first is what is said
                self.forget(change_set)
            raise
        with after_the_beginning():
            if keeps_data:
                self.protect(on=True)
            status = self._watched(self.name, seen, say)
            is_made = status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
            reasons = "" if is_made else self._reasons(self.name, seen)
        if not is_made:
            raise ChangeFailed(reasons or f"{self.name} is {status}")

    def _execute(self, change_set: ChangeSet) -> None:
        try:
            # By the token CloudFormation knows a request that boto3 sends again, and does not refuse it.
            self._cloudformation.execute_change_set(ChangeSetName=change_set.arn, ClientRequestToken=str(uuid4()))
        except BotoCoreError as unanswered:
            raise OutcomeUnknown(str(unanswered)) from unanswered
        except ClientError as refused:
            if refused.response["Error"]["Code"] not in CHANGED_SINCE:
                raise
            message = f"{self.name} is being changed, or was since this was planned, by somebody else; deploy again"
            raise StackError(message) from refused

    def protect(self, *, on: bool) -> None:
        """Let CloudFormation refuse to delete it, or no longer."""
        self._cloudformation.update_termination_protection(StackName=self.name, EnableTerminationProtection=on)

    def delete(self, say: Say, *, unprotected: AbstractContextManager[None] | None = None) -> None:
        """
        Delete it with all its resources; ``say`` gets a line for each that is gone.

        CloudFormation is told to within the block of ``unprotected``, which takes off what would keep the stack from
        being deleted: when the block ends with an exception, CloudFormation has not begun.

        Raises:
            StackError: There is none, it is being changed, or some resource could not be deleted.
        """
        self.require_rest()
        described = self._described()
        if not described:
            raise StackError(self._absence())
        arn = described["StackId"]  # by which a stack is known after its end
        seen = self._event_ids()
        with unprotected or nullcontext():
            self._cloudformation.delete_stack(StackName=arn)
        status = self._watched(arn, seen, say)
        if status != "DELETE_COMPLETE":
            raise StackError(self._reasons(arn, seen) or f"{self.name} is {status}")

    def _absence(self) -> str:
        where = self._cloudformation.meta.endpoint_url
        return f"there is no stack {self.name} at {where}; {self._made_by} creates it"

    def _described(self) -> dict[str, Any]:
        try:
            (described,) = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return {}
        return dict(described)

    def _planned(self, arn: str) -> dict[str, Any]:
        """Return a change set with all its changes, once CloudFormation has made it."""
        described = self._settled(arn)
        changes, token = list(described["Changes"]), described.get("NextToken")
        while token:
            page = self._cloudformation.describe_change_set(ChangeSetName=arn, NextToken=token)
            changes += page["Changes"]
            token = page.get("NextToken")
        return {**described, "Changes": changes}

    def _settled(self, arn: str) -> dict[str, Any]:
        """Return the first page of a change set, once CloudFormation has made it or failed to."""
        while True:
            described = self._cloudformation.describe_change_set(ChangeSetName=arn)
            if not described["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
                return dict(described)
            self._sleep(self._look_every_s)

    def _forget(self, arn: str, *, creates_stack: bool) -> None:
        self._cloudformation.delete_change_set(ChangeSetName=arn)
        described = self._described() if creates_stack else {}
        if described.get("StackStatus") != "REVIEW_IN_PROGRESS":
            return
        pages = self._cloudformation.get_paginator("list_change_sets").paginate(StackName=self.name)
        if any(each["ChangeSetId"] != arn for page in pages for each in page["Summaries"]):
            return
        stack = described["StackId"]
        self._cloudformation.delete_stack(StackName=stack)
        while self._status_of(stack).endswith("_IN_PROGRESS"):
            self._sleep(self._look_every_s)

    def _watched(self, name: str, seen: set[str], say: Say) -> str:
        """
        Return the stack's status once it is at rest.

        For a while after the call that set it going it may still be described as at rest, so a status counts when one
        of the new events says it too. ``DELETE_COMPLETE`` counts by itself, as there is no state before or after it; so
        does that the stack is no longer known, as of one that never had anything.
        """
        said = set(seen)
        reached: set[str] = set()
        while True:
            status = self._status_of(name)
            try:
                new = self._events(name, said)
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise
                return "DELETE_COMPLETE"
            for event in new:
                said.add(event["EventId"])
                if event["ResourceType"] == STACK:
                    reached.add(event["ResourceStatus"])
                elif not event["ResourceStatus"].endswith("_IN_PROGRESS"):
                    say(f"{event['ResourceStatus']:<16} {event['LogicalResourceId']}")
            if "DELETE_COMPLETE" in {status, *reached}:
                return "DELETE_COMPLETE"
            if status in reached and not status.endswith("_IN_PROGRESS"):
                return status
            self._sleep(self._look_every_s)

    def _status_of(self, arn: str) -> str:
        """Return the status by an ARN; a stack that is no longer known is gone."""
        try:
            return str(self._cloudformation.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return "DELETE_COMPLETE"

    def _event_ids(self) -> set[str]:
        return {event["EventId"] for event in self._events(self.name, set())}

    def _events(self, name: str, seen: set[str]) -> list[dict[str, Any]]:
        """Return the events that are not in ``seen``, the first first."""
        new: list[dict[str, Any]] = []
        for page in self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
            new += [event for event in page["StackEvents"] if event["EventId"] not in seen]
            if len(new) < len(page["StackEvents"]):
                break
        return new[::-1]

    def _reasons(self, name: str, seen: set[str]) -> str:
        """Return why its resources failed, but for those that failed because another one did."""
        failed = {
            event["LogicalResourceId"]: event.get("ResourceStatusReason", "no reason is given")
            for event in self._events(name, seen)
            if event["ResourceStatus"].endswith("FAILED") and event["ResourceType"] != STACK
        }
        causes = {name: reason for name, reason in failed.items() if not reason.startswith(CANCELLED)}
        return "; ".join(f"{name}: {reason}" for name, reason in (causes or failed).items())


def _change(described: Mapping[str, Any]) -> Change:
    return Change(
        action=described["Action"],
        resource=described["LogicalResourceId"],
        kind=described["ResourceType"],
        is_replaced=described.get("Replacement", "False") != "False",
    )

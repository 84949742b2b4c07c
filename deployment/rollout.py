"""From a packaged folder to a running stage: the same steps in AWS and an emulator."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.system import SystemPause
from deployment.artifacts import Artifacts
from deployment.emulated import add_emulator_actions, emulated_api_url, put_gateway_responses
from deployment.key_ring import KeyRingStore
from deployment.packaging import TEMPLATE_NAME, ZIP_NAME
from deployment.stack import Change, ChangeSet, Say, Stack, StackError, after_the_beginning
from deployment.stages import Session, Stage
from deployment.template import functions, without_functions

API_STAGE = "api"
"""Of API Gateway; ``.chalice/config.json`` names it."""

FUNCTION_KINDS = {"AWS::Lambda::Function", "AWS::Serverless::Function"}
"""AWS lists the one for a function of either kind, and an emulator may list the other."""

TABLE_KIND = "AWS::DynamoDB::Table"

Agree = Callable[[ChangeSet], bool]


class Declined(Exception):
    """Whoever was asked did not agree to the changes; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """
    A stage that is up: where its API answers, and what its template puts out.

    ``changes`` is what was changed of its resources: empty when it was something else, such as an output, and ``None``
    when nothing at all was to be changed.
    """

    api_url: str
    outputs: dict[str, str]
    changes: Sequence[Change] | None


def roll_out(stage: Stage, folder: Path, *, agree: Agree = lambda _: True, say: Say = lambda _: None) -> Deployed:
    """
    Create the stage's stack from a packaged ``folder``, or update the one that is there.

    ``agree`` is asked about the changes before the first is made, unless there is none; ``say`` gets a line for each
    resource that is done. The ring of signing keys is made once and stays, so tokens outlive an update. When ``agree``
    says no, or raises what it does, nothing is left of the plan.

    A stage that keeps data is protected from being deleted, as are its tables, and again if somebody has taken that
    from them. That ends when it is changed to one that keeps none; the protection that somebody gave the stack of
    another stage is left to them.

    Raises:
        Declined: ``agree`` said no.
        StageError: Nothing answers where the stage is to be.
        ChangeFailed: CloudFormation has begun the change, and it failed.
        OutcomeUnknown: It has begun, or may have, and then one of the services refused or did not answer.
        StackError: Anything else; the stack was not changed.
    """
    session = stage.session()
    try:
        return _rolled_out(stage, session, folder, agree, say)
    except (BotoCoreError, ClientError) as error:
        raise StackError(str(error)) from error


def roll_out_without_functions(
    stage: Stage, folder: Path, *, agree: Agree = lambda _: True, say: Say = lambda _: None
) -> dict[str, str]:
    """
    Create the stage's stack from a packaged ``folder`` for functions that Chalice deploys, or update the one there is.

    As `roll_out` does, but for the functions and their API.

    Returns:
        What the stack puts out, which has what Chalice must be told; see `deployment.template.without_functions`.

    Raises:
        Declined, StageError, ChangeFailed, OutcomeUnknown: As `roll_out`.
        StackError: As `roll_out`; or the stack has functions, which this would remove.
    """
    session = stage.session()
    stack = stage.stack()
    try:
        if stack.status() and FUNCTION_KINDS & {kind for kind, _ in stack.resources().values()}:
            message = (
                f"{stack.name} has its functions from make deploy, and this would remove them; make destroy"
                f" STAGE={stage.name} comes first"
            )
            raise StackError(message)
        changes = _changed(stage, session, folder, without_functions(_template(folder)), agree, say)
        with _after(changes):
            return stack.outputs()
    except (BotoCoreError, ClientError) as error:
        raise StackError(str(error)) from error


def api_url(stage: Stage, outputs: Mapping[str, str]) -> str:
    """Return where the API of a stage answers, without a slash at its end."""
    if stage.endpoint_url:
        return emulated_api_url(stage.endpoint_url, outputs["RestAPIId"], API_STAGE)
    return outputs["EndpointURL"].rstrip("/")


def _rolled_out(stage: Stage, session: Session, folder: Path, agree: Agree, say: Say) -> Deployed:
    template = _template(folder)
    changes = _changed(stage, session, folder, template, agree, say)
    with _after(changes):
        outputs = stage.stack().outputs()
        if stage.endpoint_url and "RestAPIId" in outputs:
            api: dict[str, Any] = template["Resources"]["RestAPI"]["Properties"]
            put_gateway_responses(session.client("apigateway"), outputs["RestAPIId"], API_STAGE, api)
    return Deployed(api_url=api_url(stage, outputs), outputs=outputs, changes=changes)


def _template(folder: Path) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads((folder / TEMPLATE_NAME).read_text())
    return rendered


def _changed(  # noqa: PLR0913, PLR0917 - the steps of both ways to roll out
    stage: Stage, session: Session, folder: Path, template: dict[str, Any], agree: Agree, say: Say
) -> Sequence[Change] | None:
    """Bring the stack to a template, whose functions have the folder's code; return what was changed, as `Deployed`."""
    parameters = {name: str(each["Default"]) for name, each in template["Parameters"].items()}
    stack = stage.stack()
    artifacts = Artifacts(stage, session)
    is_new_bucket = artifacts.make_bucket()
    try:
        if deployed := functions(template).values():
            code = {"Bucket": artifacts.bucket, "Key": artifacts.upload((folder / ZIP_NAME).read_bytes(), "zip")}
            for function in deployed:
                function["CodeUri"] = code
        if stage.endpoint_url:
            add_emulator_actions(template)
        template_url = artifacts.url(artifacts.upload(json.dumps(template).encode(), "json"))
        return _made(stage, session, stack.planned(template_url, parameters), parameters, agree, say)
    except BaseException:
        if is_new_bucket:
            _remove_unused(artifacts, stack)
        raise


def _made(  # noqa: PLR0913, PLR0917 - the later half of one function
    stage: Stage,
    session: Session,
    change_set: ChangeSet | None,
    parameters: Mapping[str, str],
    agree: Agree,
    say: Say,
) -> Sequence[Change] | None:
    """Make a planned change, if there is one and ``agree`` says yes, and protect the stage if it is to be."""
    stack = stage.stack()
    keeps_data = parameters["KeepsData"] == "true"
    has_kept_data = stack.parameters().get("KeepsData") == "true"

    def protect_tables() -> None:
        if keeps_data and has_kept_data:  # those that come to keep data are protected by the change itself
            _protect_tables(session.client("dynamodb"), stack, say)

    if change_set is None:
        protect_tables()
        if keeps_data:
            stack.protect(on=True)
        return None
    try:
        _require_agreement(agree, change_set)
        ring = KeyRingStore(session.client("ssm"), stage.signing_keys_parameter, SystemPause())
        ring.made(at=datetime.now(UTC))
        protect_tables()
    except BaseException:  # a Ctrl-C at the question too
        stack.forget(change_set)
        raise
    stack.change(change_set, say, keeps_data=keeps_data)
    if has_kept_data and not keeps_data:
        with after_the_beginning():
            stack.protect(on=False)
    return change_set.changes


def _require_agreement(agree: Agree, change_set: ChangeSet) -> None:
    if not agree(change_set):
        raise Declined


def _protect_tables(dynamodb: Any, stack: Stack, say: Say) -> None:  # noqa: ANN401 - boto3's classes are made at run time
    """
    Protect those tables of a stack that keeps data from which somebody took it: a removal that was stopped, say.

    CloudFormation compares a template with the one before, so it would not see that.
    """
    tables = [name for kind, name in stack.resources().values() if kind == TABLE_KIND]
    described = {name: dynamodb.describe_table(TableName=name)["Table"] for name in tables}
    bare = [name for name, table in described.items() if not table.get("DeletionProtectionEnabled", False)]
    for name in bare:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    for name in bare:
        dynamodb.get_waiter("table_exists").wait(TableName=name)
        say(f"PROTECTED AGAIN  {name}")


def _remove_unused(artifacts: Artifacts, stack: Stack) -> None:
    """Remove the bucket that was made for a stack, unless somebody has made or planned that stack in the meantime."""
    with suppress(BotoCoreError, ClientError):  # what went wrong before is what is said
        if not stack.status():
            artifacts.remove()


def _after(changes: Sequence[Change] | None) -> AbstractContextManager[None]:
    """Return what to do a step in after the changes were made, or were none."""
    return nullcontext() if changes is None else after_the_beginning()

"""
Deploy a stage, or change it to what is here: ``make deploy STAGE=dev``.

Packages, checks, shows what would change and asks, changes it, and tries the API from outside. The stage is in the
account of the operator's AWS credentials, or in the emulator at ``AWS_ENDPOINT_URL``. ``YES=1`` or ``CI=true`` agrees
beforehand.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from deployment.chalice_project import chalice_command, chalice_functions, project_of
from deployment.consent import NobodyToAsk, agreement, require_somebody
from deployment.outputs import table
from deployment.packaging import BUILD, TEMPLATE_NAME, ZIP_NAME, PackagingError, package
from deployment.rollout import Declined, Deployed, roll_out
from deployment.smoke import SmokeError, smoke
from deployment.stack import HALF_MADE, STUCK, ChangeFailed, OutcomeUnknown, StackError
from deployment.stages import Session, Stage, StageError, named_stage


class DeployError(Exception):
    """Nothing was changed; the message says what to do first."""


def whereabouts(session: Session) -> str:
    """
    Return the account and the region of a session, in words.

    Raises:
        DeployError: It has no credentials, or AWS takes them for none.
    """
    sts = session.client("sts")
    try:
        account = sts.get_caller_identity()["Account"]
    except NoCredentialsError as none:
        message = "no AWS credentials are found: run aws configure or aws sso login, or set AWS_PROFILE"
        raise DeployError(message) from none
    except (BotoCoreError, ClientError) as error:
        message = f"AWS does not know these credentials: {error}"
        raise DeployError(message) from error
    return f"account {account}, region {sts.meta.region_name}"


def lint(template: Path, region: str) -> None:
    """
    Check the rendered template as CloudFormation would.

    Raises:
        DeployError: It is not right; the message is cfn-lint's.
    """
    program = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([program, "--regions", region, "--", template], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"cfn-lint refuses the template that make package writes:\n{done.stdout}{done.stderr}"
        raise DeployError(message)


def require_account_role(parameters: dict[str, str], apigateway: Any) -> None:  # noqa: ANN401 - boto3's classes are made at run time
    """
    Look for what API Gateway needs in the account before a stage can have access logs: CloudFormation cannot know.

    Raises:
        DeployError: It is not there.
    """
    if parameters["KeepsAccessLogs"] == "true" and not apigateway.get_account().get("cloudwatchRoleArn"):
        message = (
            "the stage keeps access logs, and API Gateway has no role to write them with in this account and region:"
            " docs/deployment.md, Access logs, says how to make it once, or set KeepsAccessLogs to false"
        )
        raise DeployError(message)


def require_no_chalice_functions(stage: Stage, session: Session) -> None:
    """
    Look for functions that ``chalice deploy`` has made: beside those of the stack, both would take the messages.

    Raises:
        DeployError: There are some.
    """
    if names := chalice_functions(stage, session):
        message = (
            f"chalice deploy has made {', '.join(names)}; with the functions of {stage.stack_name} there would be two"
            " APIs, and both would take messages from the queues. First, where make infra wrote Chalice's project:\n"
            f"  {chalice_command(stage, project_of(stage), 'delete')}"
        )
        raise DeployError(message)


def deploy(stage: Stage) -> Deployed:
    """
    Deploy a stage as the operator is asked for it, and try it; return what is up.

    Raises:
        DeployError, PackagingError, NobodyToAsk, Declined, StageError: Nothing was changed.
        StackError: As `roll_out`.
        SmokeError: The change is made, and the API does not do its part.
    """
    session = stage.session()
    where = whereabouts(session)
    require_somebody()
    require_no_chalice_functions(stage, session)
    BUILD.mkdir(exist_ok=True)
    # A folder of its own: another deployment from here must not change what this one has looked at.
    with TemporaryDirectory(dir=BUILD) as name:
        return _deployed(stage, session, where, Path(name))


def _deployed(stage: Stage, session: Session, where: str, folder: Path) -> Deployed:
    _say(f"Packaging {stage.stack_name}")
    package(stage.name, folder)
    _say(f"  {(folder / ZIP_NAME).stat().st_size / 1e6:.2f} MB, and its template")
    lint(folder / TEMPLATE_NAME, session.client("cloudformation").meta.region_name)
    template = json.loads((folder / TEMPLATE_NAME).read_text())
    parameters = {name: str(each["Default"]) for name, each in template["Parameters"].items()}
    if not stage.endpoint_url:
        require_account_role(parameters, session.client("apigateway"))

    _say("Planning the change")
    agree = agreement(f"Change {stage.stack_name} in {where}?", _say)
    deployed = roll_out(stage, folder, agree=agree, say=lambda line: _say(f"  {line}"))
    if deployed.changes is None:
        _say("Nothing changes.")
    _say(f"Smoke test of {deployed.api_url}")
    smoke(deployed.api_url, _say)
    return deployed


def _say(line: str) -> None:
    print(line, flush=True)


FAULTS = (
    Declined,
    DeployError,
    PackagingError,
    NobodyToAsk,
    StageError,
    StackError,
    SmokeError,
    BotoCoreError,
    ClientError,
)
"""What can keep a stage from being deployed; `told` says each to the operator."""


STOPPED = "\nStopped. A change that CloudFormation has begun goes on without this."
"""What to say after a Ctrl-C."""


def told(stage: Stage, fault: Exception, *, program: str = "make deploy") -> str:
    """Return what to say to the operator of a fault of a ``program`` that changes the stage's stack."""
    if isinstance(fault, Declined):
        return "Nothing was changed."
    if not isinstance(fault, StackError):
        return str(fault)
    again = f"{program} STAGE={stage.name}"
    if isinstance(fault, OutcomeUnknown):
        return (
            f"A change of {stage.stack_name} that CloudFormation has begun goes on without this: {fault}\n"
            f"make outputs STAGE={stage.name} shows what became of it; {again} does what is missing"
        )
    if isinstance(fault, ChangeFailed):
        return f"The change of {stage.stack_name} failed: {fault}\n{_state_after(stage, again)}"
    return f"{stage.stack_name} was not changed: {fault}{_way_out(stage, again)}"


def _state_after(stage: Stage, again: str) -> str:
    """Return what a change that failed has left, and what to do about it."""
    status = _status(stage)
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return "CloudFormation has put back what there was before."
    if status == STUCK:
        return stage.stack().way_out()
    return f"It is {status or 'in a state that is not known'}.{_way_out(stage, again)}"


def _way_out(stage: Stage, again: str) -> str:
    if _status(stage) not in HALF_MADE:
        return ""
    return f"\nmake destroy STAGE={stage.name} removes what is left of it; then {again}"


def _status(stage: Stage) -> str:
    try:
        return stage.stack().status()
    except (BotoCoreError, ClientError, StageError):  # what went wrong before is what is said
        return ""


def main() -> int:
    """Deploy the stage that ``STAGE`` names; return the exit status."""
    try:
        stage = named_stage()
    except StageError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        deployed = deploy(stage)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 1
    except FAULTS as fault:
        print(told(stage, fault), file=sys.stderr)
        return 1
    print(*table(deployed.api_url, deployed.outputs), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

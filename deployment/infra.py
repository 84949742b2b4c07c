"""
The stack of a stage for those who deploy its functions with Chalice: ``make infra STAGE=dev``.

Makes all but the functions and their API, then writes the project from which ``chalice deploy`` makes these, and says
how. ``docs/chalice-deploy.md`` says what that way lacks.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import BotoCoreError, ClientError

from deployment.chalice_project import IncompleteStack, chalice_command, project_of, write_project
from deployment.consent import NobodyToAsk, agreement, require_somebody
from deployment.deploy import STOPPED, DeployError, told, whereabouts
from deployment.packaging import BUILD, PROJECT, TEMPLATE_NAME, PackagingError, package
from deployment.rollout import Declined, roll_out_without_functions
from deployment.stack import StackError
from deployment.stages import Stage, StageError, named_stage


def make_infra(stage: Stage) -> Path:
    """
    Bring a stage's stack up without functions; return the project from which Chalice deploys them.

    Raises:
        DeployError: There are no credentials.
        NobodyToAsk, Declined: The operator did not agree to the changes.
        PackagingError: The product cannot be packaged for that stage.
        StageError: Nothing answers where the stage is to be.
        StackError: As `roll_out_without_functions`.
        IncompleteStack: It does not put out what Chalice must be told.
    """
    session = stage.session()
    where = whereabouts(session)
    require_somebody()
    BUILD.mkdir(exist_ok=True)
    project = project_of(stage)
    with TemporaryDirectory(dir=BUILD) as name:
        packaged = Path(name)
        package(stage.name, packaged)
        agree = agreement(f"Change {stage.stack_name} in {where}?", print)
        outputs = roll_out_without_functions(stage, packaged, agree=agree, say=print)
        template = json.loads((packaged / TEMPLATE_NAME).read_text())
    write_project(PROJECT, project, stage=stage, template=template, outputs=outputs)
    return project


FAULTS = (
    Declined,
    DeployError,
    IncompleteStack,
    NobodyToAsk,
    PackagingError,
    StackError,
    StageError,
    BotoCoreError,
    ClientError,
)
"""What can keep the stack from being made; `told` says each to the operator."""


def main() -> int:
    """Make the stack and the project, and say what comes next; return the exit status."""
    try:
        stage = named_stage()
    except StageError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        project = make_infra(stage)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 1
    except FAULTS as fault:
        print(told(stage, fault, program="make infra"), file=sys.stderr)
        return 1
    print(f"{stage.stack_name} is up, without functions. They are deployed by\n")
    print(chalice_command(stage, project, "deploy"), end="\n\n")
    print("and, before the stage is removed, deleted by\n")
    print(chalice_command(stage, project, "delete"), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

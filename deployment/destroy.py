"""
Remove a stage with all it has: ``make destroy STAGE=dev``.

Shows what goes and asks; ``YES=1`` or ``CI=true`` agrees beforehand. A stage that keeps data goes only when its stack
is named besides: ``DESTROY_DATA=job-backend-prod``. A stage that is only half there, after a deployment that failed or
an earlier removal that was stopped, goes in the same way. Functions that ``chalice deploy`` has made are Chalice's to
remove, and come first.
"""

import os
import sys

from botocore.exceptions import BotoCoreError, ClientError

from deployment.belongings import Belongings, belongings, has_no_items, unprotected
from deployment.chalice_project import chalice_command, chalice_functions, project_of
from deployment.consent import NobodyToAsk, agreed, require_somebody
from deployment.deploy import DeployError, whereabouts
from deployment.packaging import PackagingError
from deployment.protections import ProtectionLost
from deployment.rollout import Declined
from deployment.stack import HALF_MADE, StackError
from deployment.stages import Session, Stage, StageError, named_stage


class DataKept(Exception):
    """The stage keeps data, and nobody has said that it is to go; nothing was changed."""


class FunctionsLeft(Exception):
    """The stage has functions that Chalice has made, and must remove; nothing was changed."""


FAULTS = (
    DataKept,
    DeployError,
    FunctionsLeft,
    NobodyToAsk,
    PackagingError,
    ProtectionLost,
    StackError,
    StageError,
    BotoCoreError,
    ClientError,
)
"""What can keep a stage from being removed; each message is for the operator."""


def destroy(stage: Stage) -> bool:
    """
    Remove a stage as the operator is asked for it; return whether there was anything of it.

    Raises:
        DataKept, DeployError, FunctionsLeft, NobodyToAsk, Declined, StageError: Nothing was changed.
        ProtectionLost: The removal has not begun, and something is no longer protected from it.
        StackError: CloudFormation could not remove all of the stack. What is beside it is still there too.
    """
    session = stage.session()
    where = whereabouts(session)
    stack = stage.stack()
    stack.require_rest()
    _require_no_functions_of_chalice(stage, session)
    there = belongings(stage, session)
    if not there:
        return False
    for line in described(stage, there):
        _say(line)
    _require_data_is_given_up(stage, session, there)
    require_somebody()
    if not agreed(f"Remove all of this from {where}, for good?"):
        raise Declined
    if there.status:
        stack.delete(lambda line: _say(f"  {line}"), unprotected=unprotected(stage, session, there))
    # Anew, with what the stack has left behind.
    for leftover in belongings(stage, session).leftovers:
        if leftover.is_removed():
            _say(f"  removed {leftover.what}")
    return True


def described(stage: Stage, there: Belongings) -> list[str]:
    """Return what there is of a stage, line by line."""
    lines = []
    if there.status:
        lines.append(f"the stack {stage.stack_name} ({there.status}), {sum(there.kinds.values())} resources:")
        lines += [f"  {number:>3} {kind}" for kind, number in sorted(there.kinds.items())]
    lines += [f"the table {table.name}, about {table.items} items" for table in there.tables if table.is_in_stack]
    return lines + [leftover.what for leftover in there.leftovers]


def _require_no_functions_of_chalice(stage: Stage, session: Session) -> None:
    if not (functions := chalice_functions(stage, session)):
        return
    message = (
        f"{stage.stack_name} has functions that chalice deploy has made, which need what would go, and nothing was"
        f" changed: {', '.join(functions)}. Chalice removes them; where it lacks its project, make infra"
        f" STAGE={stage.name} writes that:\n"
        f"  {chalice_command(stage, project_of(stage), 'delete')}"
    )
    raise FunctionsLeft(message)


def _require_data_is_given_up(stage: Stage, session: Session, there: Belongings) -> None:
    given = os.environ.get("DESTROY_DATA", "")
    if not there.keeps_data or given == stage.stack_name:
        return
    is_empty = there.status in HALF_MADE and has_no_items(session, there.tables)
    empty = f" It is half made ({there.status}) and holds no data: none of its tables has an item." if is_empty else ""
    not_that = f", not {given}" if given else ""
    message = (
        f"{stage.stack_name} keeps data, and nothing was changed.{empty}"
        f" To remove it with its data, name it as well{not_that}:\n"
        f"  make destroy STAGE={stage.name} DESTROY_DATA={stage.stack_name}"
    )
    raise DataKept(message)


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Remove the stage that ``STAGE`` names; return the exit status."""
    try:
        stage = named_stage()
        was_there = destroy(stage)
    except KeyboardInterrupt:
        print(
            "\nStopped. What CloudFormation has begun goes on without this; run it again for the rest.", file=sys.stderr
        )
        return 1
    except Declined:
        print("Nothing was changed.", file=sys.stderr)
        return 1
    except FAULTS as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Nothing is left of {stage.stack_name}." if was_there else f"There is nothing of {stage.stack_name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

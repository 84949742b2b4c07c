"""Whether the person at the keyboard agrees, before anything is changed."""

import os
import sys
from collections.abc import Callable

from deployment.stack import ChangeSet, Say

KEEPS_WHAT_IS_IN_IT = {
    "AWS::DynamoDB::Table": "the items",
    "AWS::Logs::LogGroup": "the lines",
    "AWS::SQS::Queue": "the messages",
}
"""Types of the resources whose replacement or removal takes something away, and what."""

ANSWERS = {"y", "yes"}


class NobodyToAsk(Exception):
    """There is no terminal to ask at, and nothing that stands for an answer."""


def require_somebody() -> None:
    """
    See to it that `agreed` will have an answer, before the work that leads to the question.

    Raises:
        NobodyToAsk: It will not.
    """
    if not _is_given() and not sys.stdin.isatty():
        message = "there is no terminal to ask at, and nothing was changed; YES=1 or CI=true agrees beforehand"
        raise NobodyToAsk(message)


def agreed(question: str) -> bool:
    """
    Ask; only ``y`` or ``yes`` agrees. With ``YES=1`` or ``CI=true`` nobody is asked, and everything is agreed to.

    Raises:
        NobodyToAsk: As `require_somebody`.
    """
    require_somebody()
    if _is_given():
        return True
    try:
        return input(f"{question} [y/N] ").strip().lower() in ANSWERS
    except EOFError:
        print()
        return False


def warnings(change_set: ChangeSet) -> list[str]:
    """Return what to say of changes that take something away from the stage; empty if none does."""
    said = []
    if change_set.parameters.get("KeepsData") == ("true", "false"):
        said.append(
            "WARNING: KeepsData goes from true to false: tables and stack can be deleted by mistake, and no table can"
            " be put back to an earlier time any more, nor to one before this change."
        )
    for change in change_set.changes:
        what = KEEPS_WHAT_IS_IN_IT.get(change.kind)
        if what and change.action == "Remove":
            said.append(f"WARNING: {change.resource} is REMOVED, with {what} in it.")
        elif what and change.is_replaced:
            where = "stay in the old one, outside the stack" if change.kind.endswith("Table") else "go with the old one"
            said.append(f"WARNING: {change.resource} may be REPLACED by an empty one; {what} {where}.")
    return said


def agreement(question: str, say: Say) -> Callable[[ChangeSet], bool]:
    """Return what shows changes to a person, warns of each that takes something away, and asks about them."""

    def agree(change_set: ChangeSet) -> bool:
        number = len(change_set.changes)
        if number:
            say(f"{number} resource{'' if number == 1 else 's'} would change:")
        else:
            say("No resource would change, but what the stack puts out or says of itself.")
        for change in change_set.changes:
            say(f"  {change}")
        for warning in warnings(change_set):
            say(warning)
        if not agreed(question):
            return False
        say("Changing it")
        return True

    return agree


def _is_given() -> bool:
    return os.environ.get("YES") == "1" or os.environ.get("CI") == "true"

"""What refuses that something of a stage is deleted: taken off for as long as it takes to delete it, else put back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

GONE = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "ParameterNotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
"""What the services say of a thing that is there no more."""

LOOK_AT_TABLES = {"Delay": 2, "MaxAttempts": 60}
"""How long to wait for a table that is being changed: two minutes, in seconds and looks."""


class ProtectionLost(Exception):
    """What was to be deleted is still there, and its protection is not; the message has the reason first."""


class Switch(Protocol):
    """Puts a protection on, or takes it off."""

    def __call__(self, *, on: bool) -> None:
        """Return once it is so."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What refuses that ``what`` is deleted."""

    what: str
    put: Switch

    def is_put_back(self) -> bool:
        """Put it back; return whether that was possible, or is needed no more."""
        try:
            self.put(on=True)
        except ClientError as error:
            return says_gone(error)
        except BotoCoreError:
            return False
        return True


@contextmanager
def without(protections: Sequence[Protection]) -> Iterator[None]:
    """
    Take protections off for the block; put them back if that, or the block, ends with an exception.

    Raises:
        ProtectionLost: One could not be put back.
    """
    taken: list[Protection] = []
    try:
        for each in protections:
            taken.append(each)
            each.put(on=False)
        yield
    except BaseException as error:  # a Ctrl-C too
        if lost := [each.what for each in taken if not each.is_put_back()]:
            message = f"{str(error) or 'stopped'}\nand there is no protection any more of {', '.join(lost)}"
            raise ProtectionLost(message) from error
        raise


def protect_table(dynamodb: Any, name: str, *, on: bool) -> None:  # noqa: ANN401 - boto3's classes are made at run time
    """Let a table refuse to be deleted, or no longer; what else is being done to it is waited for, before and after."""
    settled = partial(dynamodb.get_waiter("table_exists").wait, TableName=name, WaiterConfig=LOOK_AT_TABLES)
    try:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=on)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        settled()
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=on)
    settled()


def says_gone(error: ClientError) -> bool:
    """Tell whether a service refused because the thing is there no more."""
    return error.response["Error"]["Code"] in GONE

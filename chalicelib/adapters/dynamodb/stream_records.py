"""Records of the jobs table's stream, to the changes that they tell of."""

from typing import TYPE_CHECKING, Any

from chalicelib.adapters.dynamodb.items import from_job_item
from chalicelib.domain.job_events import Change, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.adapters.dynamodb.keys import Item
    from chalicelib.domain.jobs import Job


def change_of(record: "Mapping[str, Any]") -> Change | Unreadable:
    """
    Return the change that a record of an event source mapping's event tells of; its position is the sequence number.

    One that later code wrote, with a status or a transition that this version does not know, is `Unreadable`: the
    others of its batch must not wait for it. Of a row that is gone nothing is read.
    """
    change = record["dynamodb"]
    position = change["SequenceNumber"]
    if "NewImage" not in change:
        return Change(position=position, before=None, after=None)
    try:
        return Change(position=position, before=_job(change.get("OldImage")), after=_job(change["NewImage"]))
    except (KeyError, TypeError, ValueError, ArithmeticError) as unknown:
        job_id = change.get("Keys", {}).get("job_id", {}).get("S", "?")
        return Unreadable(position=position, reason=f"the row of job {job_id} cannot be read: {_fault(unknown)}")


def _job(image: "Item | None") -> "Job | None":
    return None if image is None else from_job_item(image)


def _fault(error: Exception) -> str:
    """Return what is wrong, without any value of the row: a `KeyError` has the name of an attribute, others may not."""
    return f"no {error}" if isinstance(error, KeyError) else type(error).__name__

"""What a request of the product does to a job: the one place of the harness that knows the product's expressions."""

from collections.abc import Mapping
from typing import Any

FINAL = frozenset({"SUCCESS", "FAILED", "CANCELLED"})


def step_of(operation: str, request: Mapping[str, Any]) -> str | None:
    """
    Name the step that a request takes; ``None`` when it changes no job's state.

    ``operation`` is AWS's name, such as ``UpdateItem``. ``finish`` is every write of a final state, be it a good one.
    """
    if operation == "SendMessage":
        return "send"
    if operation == "PutItem" and "job_id" in request["Item"]:
        return "add"
    if operation != "UpdateItem" or "job_id" not in request["Key"]:
        return None
    values = request["ExpressionAttributeValues"]
    if ":in_progress" in values:
        return "claim"
    if ":status" in values:
        return "finish" if values[":status"]["S"] in FINAL else "retry"
    return None

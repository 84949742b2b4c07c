"""The operation ``script``: a test says in Python what the operation shall do."""

from typing import Any

from chalicelib.domain.operations import OperationPolicy, RunningJob

POLICY = OperationPolicy(final_errors=(LookupError,))


def script(data: str, job: RunningJob) -> Any:
    """What the script in ``data`` leaves as ``answer``; it knows the job as ``job``."""
    scope: dict[str, Any] = {"job": job}
    exec(data, scope)
    return scope.get("answer")

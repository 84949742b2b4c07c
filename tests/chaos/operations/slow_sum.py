"""The operation ``slow_sum``."""

import time

import msgspec

from chalicelib.domain.operations import OperationPolicy, RunningJob

POLICY = OperationPolicy(max_attempts=20, timeout_s=2, final_errors=(LookupError,))
"""So many attempts that no run kills one job's consumers in all of them."""


class Work(msgspec.Struct, forbid_unknown_fields=True):
    """What the job is to do: rest, fail in its first ``failures`` attempts or for good, else sum up."""

    numbers: list[int]
    rest_ms: int = 0
    failures: int = 0
    is_refused: bool = False


def slow_sum(data: Work, job: RunningJob) -> int:
    """Sum of a list of integers, after a rest."""
    time.sleep(data.rest_ms / 1000)
    if data.is_refused:
        message = "refused, as told"
        raise LookupError(message)
    if job.attempt <= data.failures:
        message = "failed, as told"
        raise RuntimeError(message)
    return sum(data.numbers)

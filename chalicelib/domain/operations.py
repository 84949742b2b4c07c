"""What an operation says about its attempts, and what it may ask of the job it runs for."""

from dataclasses import dataclass
from typing import Protocol

ATTEMPTS_MAX = 20
"""More attempts than this only repeat a fault."""

TIMEOUT_MAX_S = 840
"""A Lambda function lives for 900 s at most; the rest is for starting, and for writing how the attempt ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationPolicy:
    """
    How often and for how long an operation is tried.

    An attempt that takes longer than ``timeout_s`` seconds is stopped. An exception of one of ``final_errors``, or of a
    subclass, ends the job at once; any other is tried again until ``max_attempts`` attempts are used up.

    Raises:
        ValueError: A value is out of its range; the message says what to change.
    """

    max_attempts: int = 3
    timeout_s: int = 60
    final_errors: tuple[type[Exception], ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no attempt could keep to."""
        _require_between("max_attempts", self.max_attempts, ATTEMPTS_MAX)
        _require_between("timeout_s", self.timeout_s, TIMEOUT_MAX_S)
        _require_exception_classes("final_errors", self.final_errors)


class RunningJob(Protocol):
    """The job that an operation runs for, as the operation sees it."""

    @property
    def attempt(self) -> int:
        """Number of this attempt: 1, 2, …."""
        ...

    def is_cancelled(self) -> bool:
        """
        Tell whether the job's owner has cancelled it; what the operation does after that is of no account.

        Cheap enough for a loop: the answer is looked up at most once a second, and once true stays true.
        """
        ...

    def time_left_s(self) -> float:
        """Return the seconds until this attempt is stopped, never less than 0."""
        ...


def _require_between(name: str, value: object, most: int) -> None:
    # ``True`` is an int to Python, and certainly a mistake here.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        message = f"{name} must be a whole number from 1 to {most}; it is {value!r}"
        raise ValueError(message)


def _require_exception_classes(name: str, value: object) -> None:
    if isinstance(value, tuple) and all(isinstance(each, type) and issubclass(each, Exception) for each in value):
        return
    message = f"{name} must be a tuple of exception classes, such as (ValueError,); it is {value!r}"
    raise ValueError(message)

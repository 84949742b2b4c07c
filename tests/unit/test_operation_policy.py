from typing import Any

import pytest

from chalicelib.domain.operations import OperationPolicy


def test_three_attempts_of_a_minute_unless_said_otherwise() -> None:
    assert OperationPolicy() == OperationPolicy(max_attempts=3, timeout_s=60, final_errors=())


@pytest.mark.parametrize("value", [1, 20])
def test_attempts_reach_from_1_to_20(value: int) -> None:
    assert OperationPolicy(max_attempts=value).max_attempts == value


@pytest.mark.parametrize("value", [1, 840])
def test_the_time_reaches_from_a_second_to_what_lambda_leaves(value: int) -> None:
    assert OperationPolicy(timeout_s=value).timeout_s == value


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("max_attempts", 0, "max_attempts must be a whole number from 1 to 20; it is 0"),
        ("max_attempts", 21, "from 1 to 20; it is 21"),
        ("max_attempts", True, "it is True"),
        ("max_attempts", 1.0, "whole number"),
        ("timeout_s", 0, "timeout_s must be a whole number from 1 to 840; it is 0"),
        ("timeout_s", 841, "from 1 to 840; it is 841"),
        ("timeout_s", 0.5, "whole number"),
        ("timeout_s", "60", "it is '60'"),
        ("final_errors", ValueError, r"final_errors must be a tuple of exception classes, such as \(ValueError,\)"),
        ("final_errors", (ValueError("an instance"),), "tuple of exception classes"),
        ("final_errors", (SystemExit,), "tuple of exception classes"),
        ("final_errors", [ValueError], "tuple of exception classes"),
    ],
)
def test_other_values_are_refused_with_what_to_change(field: str, value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        OperationPolicy(**{field: value})

"""The operation ``square_sum``."""

from chalicelib.domain.numbers import power_sum


def square_sum(data: list[int | float]) -> int | float:
    """Sum of the squares of a list of numbers; 0 for an empty list."""
    return power_sum(data, 2)

"""The operation ``cube_sum``."""

from chalicelib.domain.numbers import power_sum


def cube_sum(data: list[int | float]) -> int | float:
    """Sum of the cubes of a list of numbers; 0 for an empty list."""
    return power_sum(data, 3)

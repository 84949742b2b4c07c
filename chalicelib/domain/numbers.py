"""
Exact arithmetic on the numbers of a job.

JSON knows one kind of number; here an integer stays an integer however large (within `INTEGER_MAX_DIGITS`), and a
float is exactly the binary fraction it stands for, so a sum is rounded once, at the end.
"""

from collections.abc import Sequence

INTEGER_MAX_DIGITS = 1000
"""
Decimal digits an integer of a job's data may have.

Python converts at most 4,300 digits between text and int by default; the cube of a number of 1,000 digits, summed over
any list a request can carry, stays below that.
"""

INTEGER_BOUND = 10**INTEGER_MAX_DIGITS
"""The least positive integer with too many digits."""


def power_sum(numbers: Sequence[int | float], exponent: int) -> int | float:
    """
    Sum of the ``exponent``-th powers of finite numbers, without an intermediate rounding.

    An empty sequence gives the integer 0. Integers alone give the exact integer. With a float among them the result is
    the float nearest to the exact sum: CPython's division of two integers is correctly rounded.

    Raises:
        OverflowError: A float is involved and the sum is beyond the largest float.

    >>> power_sum([10**20, 1], 2)
    10000000000000000000000000000000000000001
    >>> power_sum([0.1, 0.2, 0.3], 2)
    0.14
    """
    if not any(isinstance(number, float) for number in numbers):
        total: int = sum(int(number) ** exponent for number in numbers)
        return total
    ratios = [number.as_integer_ratio() for number in numbers]
    denominator: int = max(bottom for _, bottom in ratios) ** exponent
    numerator: int = sum(top**exponent * (denominator // bottom**exponent) for top, bottom in ratios)
    return numerator / denominator

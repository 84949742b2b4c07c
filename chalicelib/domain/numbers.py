"""
Exact arithmetic on the numbers of a job.

JSON knows one kind of number; here an integer stays an integer however large (within `INTEGER_MAX_DIGITS`), and floats
are added without the error that grows with the length of a list.
"""

import math
from collections.abc import Sequence

from chalicelib.domain.errors import JobFailed

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
    Sum of the ``exponent``-th powers of finite numbers.

    An empty sequence gives the integer 0. Integers alone give the exact integer. With a float among them each power is
    rounded to a float, and their sum is rounded once (`math.fsum`), whatever their order and however they cancel.

    Raises:
        JobFailed: A float is involved, and a power, the sum, or a sum on the way there is beyond the largest float.

    >>> power_sum([10**20, 1], 2)
    10000000000000000000000000000000000000001
    >>> power_sum([0.1] * 10, 1)
    1.0
    """
    try:
        powers = [number**exponent for number in numbers]
        if any(isinstance(power, float) for power in powers):
            return math.fsum(powers)
    except OverflowError as overflow:
        detail = "the result is beyond the largest float"
        raise JobFailed(detail) from overflow
    return sum(powers)

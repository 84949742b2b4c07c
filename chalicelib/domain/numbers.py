"""
Exact arithmetic on the numbers of a job.

JSON knows one kind of number; here an integer stays an integer however large (within `INTEGER_MAX_DIGITS`), and what
involves a float is computed exactly and rounded once.
"""

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

    An empty sequence gives the integer 0. Integers alone give the exact integer. With a float among them the result is
    the float nearest to the exact sum, so neither their order nor terms that cancel make a difference.

    Raises:
        JobFailed: A float is involved, and the sum is beyond the largest float.

    >>> power_sum([10**20, 1], 2)
    10000000000000000000000000000000000000001
    >>> power_sum([0.1] * 10, 2)
    0.1
    """
    if not any(isinstance(number, float) for number in numbers):
        return sum(number**exponent for number in numbers)
    ratios = [number.as_integer_ratio() for number in numbers]
    # A float's denominator is a power of two, so the largest of them is a common one.
    common = max(denominator for _, denominator in ratios)
    total = sum((numerator * (common // denominator)) ** exponent for numerator, denominator in ratios)
    try:
        # Python rounds the quotient of two integers once, to the nearest float.
        nearest: float = total / common**exponent
    except OverflowError as overflow:
        detail = "the result is beyond the largest float"
        raise JobFailed(detail) from overflow
    return nearest

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import JobFailed
from chalicelib.domain.numbers import power_sum

FLOATS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100)
MIXED: st.SearchStrategy[list[int | float]] = st.lists(FLOATS | st.integers(-(10**30), 10**30), min_size=1).filter(
    lambda numbers: any(isinstance(number, float) for number in numbers)
)


def test_the_examples_of_the_readme() -> None:
    assert power_sum([1, 2, 3], 2) == 14
    assert power_sum([1, 2, 3], 3) == 36


def test_the_sum_of_nothing_is_the_integer_zero() -> None:
    assert power_sum([], 2) == 0
    assert isinstance(power_sum([], 2), int)


def test_integers_stay_exact_however_large() -> None:
    assert power_sum([10**20, 1], 2) == 10**40 + 1
    assert power_sum([-(10**20), 1], 3) == 1 - 10**60


def test_one_float_makes_the_result_a_float() -> None:
    result = power_sum([1, 2.0], 2)
    assert result == 5.0
    assert isinstance(result, float)


@pytest.mark.parametrize(
    ("numbers", "exponent", "result"),
    [
        ([1e16, 1.0, -1e16], 3, 1.0),  # added in turn, 1.0 would drown
        ([10**20 + 1, 0.5, -(10**20)], 3, 3e40),  # so would what two integers differ by
        ([94906267.0, 0.5, -94906266.0], 3, 27021598262907067.125),  # and what is lost by rounding each power
        ([5e102, 5e102, -5e102, -5e102, 1.0], 3, 1.0),  # a sum on the way is beyond the largest float
        ([1e200, -1e200, 2.0], 3, 8.0),  # so is each power
        ([0.1] * 10, 2, 0.1),
        ([-0.0], 3, 0.0),
    ],
)
def test_with_a_float_the_exact_sum_is_rounded_once(numbers: list[int | float], exponent: int, result: float) -> None:
    assert power_sum(numbers, exponent) == result


@given(st.lists(st.integers(-(10**30), 10**30)), st.sampled_from([2, 3]))
def test_integers_are_summed_as_python_sums_them(numbers: list[int], exponent: int) -> None:
    assert power_sum(numbers, exponent) == sum(number**exponent for number in numbers)


@given(MIXED, st.sampled_from([2, 3]))
def test_no_float_is_nearer_to_the_exact_sum(numbers: list[int | float], exponent: int) -> None:
    exact = sum(Fraction(number) ** exponent for number in numbers)
    result = power_sum(numbers, exponent)
    assert isinstance(result, float)
    distance = abs(exact - Fraction(result))
    assert all(distance <= abs(exact - Fraction(math.nextafter(result, end))) for end in (-math.inf, math.inf))


@given(MIXED.flatmap(lambda numbers: st.tuples(st.just(numbers), st.permutations(numbers))))
def test_the_order_does_not_matter(both: tuple[list[int | float], list[int | float]]) -> None:
    numbers, shuffled = both
    assert power_sum(numbers, 3) == power_sum(shuffled, 3)


@pytest.mark.parametrize("numbers", [[1e200], [1e154, 1e154, 1e154], [10**400, 0.5], [10**154, 1e154, 10**154]])
def test_what_is_beyond_the_largest_float_is_an_error(numbers: list[int | float]) -> None:
    with pytest.raises(JobFailed, match="the result is beyond the largest float"):
        power_sum(numbers, 2)

"""That lists, claims and limits cost the same however many jobs there are; `benchmarks.scale` takes many more."""

import pytest

from benchmarks.loading import Owners
from benchmarks.scale import CLAIM, FILTERS, LIMIT, UnitsDiffer, costs_of

UNSELECTIVE = {name: FILTERS[name] for name in ("none", "created_after")}
"""What finds all that it looks for on its way, so that few jobs are enough for a page."""


@pytest.mark.parametrize("jobs_each", [None, 10])
def test_read_and_write_units_are_the_same_at_ten_times_the_jobs(ministack: str, jobs_each: int | None) -> None:
    owners = Owners(name="one or many", jobs_each=jobs_each)
    costs = costs_of(ministack, owners, [10, 100], page=5, filters=UNSELECTIVE)
    assert {cost.write_units for what in (CLAIM, LIMIT) for cost in costs[what].values()} == {1.0}
    assert all(cost.read_units > 0 for what in costs if "page" in what for cost in costs[what].values())


def test_units_that_differ_are_told_of(ministack: str) -> None:
    """Where there are fewer jobs than a page looks at, a page costs less."""
    owners = Owners(name="one owner", jobs_each=None)
    selective = {"tag": FILTERS["a tag that none has"]}
    with pytest.raises(UnitsDiffer, match=r"first page, filter: tag of one owner: \{25: .*, 100: "):
        costs_of(ministack, owners, [25, 100], filters=selective)

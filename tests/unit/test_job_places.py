from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.system import SystemIds
from chalicelib.domain.job_places import instant_of, place_of

MILLISECOND = timedelta(milliseconds=1)
INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + milliseconds * MILLISECOND)


@given(INSTANTS, INSTANTS)
def test_a_place_tells_its_instant_whenever_the_job_was_made(at: datetime, made_at: datetime) -> None:
    assert instant_of(place_of(at, SystemIds().new_job_id(made_at))) == at


@given(INSTANTS, INSTANTS, INSTANTS)
def test_places_sort_by_the_instant_and_no_two_jobs_share_one(
    one: datetime, other: datetime, made_at: datetime
) -> None:
    ids = SystemIds()
    first, second = ids.new_job_id(made_at), ids.new_job_id(made_at)
    if one != other:
        assert (place_of(one, second) < place_of(other, first)) == (one < other)
    assert place_of(one, first) != place_of(one, second)

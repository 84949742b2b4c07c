from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.job_places import Place, parsed_place
from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.domain.users import UserId

MILLISECOND = timedelta(milliseconds=1)
INSTANTS = st.integers(0, 2**43).map(lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + milliseconds * MILLISECOND)
KEYS = st.builds(JobKey, owner_id=st.uuids().map(str).map(UserId), job_id=st.uuids().map(str).map(JobId))
PLACES = st.builds(Place, at=INSTANTS, partition=st.integers(0, 8), key=KEYS)


@given(PLACES)
def test_a_place_is_what_its_text_says(place: Place) -> None:
    assert parsed_place(place.text) == place
    assert len([UUID(each) for each in place.text.split(".")]) == 3, "which is what a cursor can hold"


@given(PLACES, PLACES)
def test_places_sort_by_the_instant_and_then_by_the_partition(one: Place, other: Place) -> None:
    if (one.at, one.partition) != (other.at, other.partition):
        assert (one.text < other.text) == ((one.at, one.partition) < (other.at, other.partition))

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.jobs import parsed_job_id
from chalicelib.domain.stable_ids import first_id, stable_id

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@given(INSTANTS, st.lists(st.text(), max_size=3))
def test_the_same_names_of_the_same_millisecond_have_the_same_id_of_a_job_s_form(
    at: datetime, names: list[str]
) -> None:
    assert stable_id(at, *names) == stable_id(at, *names)
    assert parsed_job_id(stable_id(at, *names))


def test_other_names_or_another_millisecond_have_another() -> None:
    ids = {
        stable_id(NOON, "a", "b"),
        stable_id(NOON, "ab"),
        stable_id(NOON, "a", "b", ""),
        stable_id(NOON, "", "a", "b"),
        stable_id(NOON + MILLISECOND, "a", "b"),
    }
    assert len(ids) == 5


@given(INSTANTS, st.text())
def test_ids_sort_by_their_time_and_the_first_comes_before_all_of_its_millisecond(at: datetime, name: str) -> None:
    later = at + MILLISECOND
    assert first_id(at) <= stable_id(at, name) < first_id(later) <= stable_id(later, name)

from dataclasses import replace
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.cursors import CURSOR_CHARACTERS, HmacCursorSeal
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import JobId, JobStatus
from chalicelib.domain.users import UserId
from tests.factories import KEY, OWNER
from tests.fakes import NOON

KEY_BYTES = bytes(range(32))
SEAL = HmacCursorSeal(lambda: KEY_BYTES)
FILTER = JobFilter(status=JobStatus.FAILED, operation="cube_sum", created_after=NOON, created_before=NOON, tag="blue")
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def sealed(wanted: JobFilter = FILTER, after: JobId = KEY.job_id) -> str:
    return SEAL.sealed(after, owner_id=OWNER, wanted=wanted)


def opened(cursor: str, wanted: JobFilter = FILTER, owner_id: UserId = OWNER) -> JobId | None:
    return SEAL.opened(cursor, owner_id=owner_id, wanted=wanted)


@given(st.uuids(version=4).map(str).map(JobId))
def test_what_is_sealed_is_opened(job_id: JobId) -> None:
    cursor = sealed(after=job_id)
    assert opened(cursor) == job_id
    assert len(cursor) == CURSOR_CHARACTERS == 48
    assert set(cursor) <= set(BASE64), "it needs no encoding in a URL"


def test_no_character_of_a_cursor_can_be_another() -> None:
    cursor = sealed()
    for place, character in enumerate(cursor):
        for other in BASE64 + "+/=. \n\0é":
            if other != character:
                assert opened(cursor[:place] + other + cursor[place + 1 :]) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        KEY.job_id,
        sealed()[:-1],
        sealed() + "A",
        sealed() + "=",
        " " + sealed(),
        sealed() + "\n",
        sealed().swapcase(),
        "A" * CURSOR_CHARACTERS,
        "é" * CURSOR_CHARACTERS,
        "\ud800" * CURSOR_CHARACTERS,
        "A" * 1_000_000,
    ],
)
def test_what_no_list_gave_is_not_opened(cursor: str) -> None:
    assert opened(cursor) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(FILTER, status=JobStatus.CANCELLED),
        replace(FILTER, status=None),
        replace(FILTER, operation="square_sum"),
        replace(FILTER, operation=None),
        replace(FILTER, created_after=NOON - timedelta(milliseconds=1)),
        replace(FILTER, created_before=NOON + timedelta(milliseconds=1)),
        replace(FILTER, tag="red"),
        replace(FILTER, tag=None),
        replace(FILTER, operation="blue", tag="cube_sum"),
        JobFilter(),
    ],
)
def test_a_cursor_is_good_for_its_own_list_only(other: JobFilter) -> None:
    assert opened(sealed(), other) is None
    assert opened(sealed(other)) is None
    assert opened(sealed(other), other) == KEY.job_id


def test_a_cursor_is_good_for_its_own_user_only() -> None:
    assert opened(sealed(), owner_id=UserId("another")) is None


def test_no_text_of_a_filter_can_pass_for_two() -> None:
    split = [JobFilter(operation='a", "b', tag="c"), JobFilter(operation="a", tag='b", "c'), JobFilter(operation="a")]
    assert len({sealed(each)[-27:] for each in split}) == len(split)


def test_the_same_instant_in_another_zone_is_the_same_list() -> None:
    elsewhere = replace(FILTER, created_after=NOON.astimezone(timezone(timedelta(hours=5))))
    assert opened(sealed(), elsewhere) == KEY.job_id
    assert NOON.tzinfo is UTC


def test_a_cursor_of_another_key_is_not_opened() -> None:
    other = HmacCursorSeal(lambda: bytes(32))
    assert opened(other.sealed(KEY.job_id, owner_id=OWNER, wanted=FILTER)) is None


def test_the_key_is_asked_for_once_and_not_before_it_is_needed() -> None:
    asked: list[bytes] = []

    def key() -> bytes:
        asked.append(KEY_BYTES)
        return KEY_BYTES

    seal = HmacCursorSeal(key)
    assert seal.opened("nonsense", owner_id=OWNER, wanted=FILTER) is None
    assert not asked
    assert seal.sealed(KEY.job_id, owner_id=OWNER, wanted=FILTER) == sealed()
    seal.sealed(KEY.job_id, owner_id=OWNER, wanted=FILTER)
    assert len(asked) == 1

import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.cursors import (
    CURSOR_CHARACTERS,
    ID_BYTES,
    PLACE_CURSOR_CHARACTERS,
    PURPOSE,
    SEAL_BYTES,
    HmacCursorSeal,
)
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import JobId, JobStatus
from chalicelib.domain.signing_keys import SigningKey
from chalicelib.domain.users import UserId
from tests.factories import KEY, OWNER, make_ring
from tests.fakes import NOON, FixedClock, FixedKeys

RING = make_ring()
SEAL = HmacCursorSeal(FixedKeys(RING, FixedClock()))
FILTER = JobFilter(status=JobStatus.FAILED, operation="cube_sum", created_after=NOON, created_before=NOON, tag="blue")
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def sealed(wanted: JobFilter = FILTER, after: JobId = KEY.job_id) -> str:
    return SEAL.sealed(after, owner_id=OWNER, wanted=wanted)


def opened(cursor: str, wanted: JobFilter = FILTER, owner_id: UserId = OWNER) -> str | None:
    return SEAL.opened(cursor, owner_id=owner_id, wanted=wanted)


@given(st.uuids(version=4).map(str).map(JobId))
def test_what_is_sealed_is_opened(job_id: JobId) -> None:
    cursor = sealed(after=job_id)
    assert opened(cursor) == job_id
    assert len(cursor) == CURSOR_CHARACTERS == 48
    assert set(cursor) <= set(BASE64), "it needs no encoding in a URL"


@given(st.lists(st.uuids().map(str), min_size=3, max_size=3).map(".".join))
def test_a_place_of_three_ids_is_opened_whole(place: str) -> None:
    cursor = SEAL.sealed(place, owner_id=OWNER, wanted=FILTER)
    assert opened(cursor) == place
    assert len(cursor) == PLACE_CURSOR_CHARACTERS == 91
    assert set(cursor) <= set(BASE64)


@pytest.mark.parametrize("cursor", [sealed(), SEAL.sealed(".".join([KEY.job_id] * 3), owner_id=OWNER, wanted=FILTER)])
def test_no_character_of_a_cursor_can_be_another(cursor: str) -> None:
    assert opened(cursor) is not None
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
        "A" * PLACE_CURSOR_CHARACTERS,
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
        replace(FILTER, error_code="blue"),
        replace(FILTER, is_dead=True),
        replace(FILTER, is_open=True),
        JobFilter(),
    ],
)
def test_a_cursor_is_good_for_its_own_list_only(other: JobFilter) -> None:
    assert opened(sealed(), other) is None
    assert opened(sealed(other)) is None
    assert opened(sealed(other), other) == KEY.job_id


def test_a_cursor_of_a_list_that_has_a_name_is_good_for_that_list_only() -> None:
    named = SEAL.sealed(KEY.job_id, owner_id=OWNER, wanted="schedules")
    assert SEAL.opened(named, owner_id=OWNER, wanted="schedules") == KEY.job_id
    assert SEAL.opened(named, owner_id=UserId("another"), wanted="schedules") is None
    assert SEAL.opened(named, owner_id=OWNER, wanted="others") is None
    assert opened(named, JobFilter()) is None
    assert SEAL.opened(sealed(JobFilter()), owner_id=OWNER, wanted="schedules") is None


@pytest.mark.asvs("8.2.2", "8.4.1")
def test_a_cursor_is_good_for_its_own_user_only() -> None:
    assert opened(sealed(), owner_id=UserId("another")) is None


@pytest.mark.asvs("1.1.2")
def test_no_text_of_a_filter_can_pass_for_two() -> None:
    split = [JobFilter(operation='a", "b', tag="c"), JobFilter(operation="a", tag='b", "c'), JobFilter(operation="a")]
    assert len({sealed(each)[-27:] for each in split}) == len(split)


def test_the_same_instant_in_another_zone_is_the_same_list() -> None:
    elsewhere = replace(FILTER, created_after=NOON.astimezone(timezone(timedelta(hours=5))))
    assert opened(sealed(), elsewhere) == KEY.job_id
    assert NOON.tzinfo is UTC


def test_a_cursor_of_another_key_is_not_opened() -> None:
    other = HmacCursorSeal(FixedKeys(make_ring(secret=bytes(32)), FixedClock()))
    assert opened(other.sealed(KEY.job_id, owner_id=OWNER, wanted=FILTER)) is None


def test_a_rotation_breaks_no_list_that_is_being_paged() -> None:
    clock = FixedClock()
    seal = HmacCursorSeal(FixedKeys(RING.rotated(kid="second", secret=bytes(32), at=NOON), clock))
    before = seal.sealed(KEY.job_id, owner_id=OWNER, wanted=FILTER)
    assert before == sealed(), "the old key seals until the new one signs"
    clock.advance(minutes=6)
    after = seal.sealed(KEY.job_id, owner_id=OWNER, wanted=FILTER)
    assert after != before
    for cursor in (before, after):
        assert seal.opened(cursor, owner_id=OWNER, wanted=FILTER) == KEY.job_id
    clock.advance(hours=2)
    assert seal.opened(before, owner_id=OWNER, wanted=FILTER) is None, "the old key verifies no more"
    assert seal.opened(after, owner_id=OWNER, wanted=FILTER) == KEY.job_id


@pytest.mark.asvs("11.6.1")
def test_a_cursor_is_sealed_by_a_key_that_signs_nothing_else() -> None:
    tokens_key = RING.keys[0].secret
    after, seal = urlsafe_b64decode(sealed())[:ID_BYTES], urlsafe_b64decode(sealed())[ID_BYTES:]
    bound_to = [OWNER, FILTER.status, FILTER.operation, FILTER.ids.first, FILTER.ids.last, FILTER.tag]
    signed = after + json.dumps(bound_to).encode()
    own = hmac.digest(tokens_key, PURPOSE, "sha256")
    assert seal == hmac.digest(own, signed, "sha256")[:SEAL_BYTES]
    assert seal != hmac.digest(tokens_key, signed, "sha256")[:SEAL_BYTES]


def test_no_key_is_asked_for_before_it_is_needed() -> None:
    class NoKeys(FixedKeys):
        def all_verifying(self) -> Sequence[SigningKey]:
            pytest.fail("the keys were asked for")

    seal = HmacCursorSeal(NoKeys(RING, FixedClock()))
    assert seal.opened("nonsense", owner_id=OWNER, wanted=FILTER) is None

"""The rules of the key ring."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.signing_keys import (
    KEYS_MAX,
    PUBLISHED_BEFORE_SIGNING,
    RING_MAX_AGE,
    VERIFIES_AFTER_SIGNING,
    KeyRing,
    RingFull,
    SigningKey,
)
from chalicelib.domain.tokens import ACCESS_TOKEN_TTL_MAX, CLOCK_LEEWAY
from tests.factories import make_ring
from tests.fakes import NOON

SECRET = bytes(range(32))
TICK = timedelta(milliseconds=1)


def key(kid: str, *, signs_from: datetime = NOON, until: datetime | None = None) -> SigningKey:
    return SigningKey(kid=kid, algorithm="HS256", secret=SECRET, signs_from=signs_from, verifies_until=until)


def rotated(ring: KeyRing, kid: str = "second", at: datetime = NOON) -> KeyRing:
    return ring.rotated(kid=kid, secret=bytes(32), at=at)


@pytest.mark.asvs("16.2.5")
def test_no_secret_is_ever_shown() -> None:
    assert repr(SECRET) not in repr(make_ring())
    assert "secret" not in repr(make_ring())


@pytest.mark.parametrize("kid", ["", "a" * 33, "../x", "a b", "é", "a\n", "a.b"])
def test_a_kid_is_short_and_plain(kid: str) -> None:
    with pytest.raises(ValueError, match="the kid of a signing key must be of the form"):
        key(kid)
    key("Az09_-" + "a" * 26)


@pytest.mark.asvs("11.2.3", "11.6.1")
@pytest.mark.parametrize(("algorithm", "bytes_least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_is_as_long_as_its_algorithms_digest(algorithm: str, bytes_least: int) -> None:
    SigningKey(kid="a", algorithm=algorithm, secret=bytes(bytes_least), signs_from=NOON)
    with pytest.raises(ValueError, match="as many bytes"):
        SigningKey(kid="a", algorithm=algorithm, secret=bytes(bytes_least - 1), signs_from=NOON)


@pytest.mark.asvs("9.1.2")
@pytest.mark.parametrize("algorithm", ["none", "None", "", "RS256", "ES256", "hs256"])
def test_an_algorithm_is_one_of_three(algorithm: str) -> None:
    with pytest.raises(ValueError, match="one of these algorithms"):
        SigningKey(kid="a", algorithm=algorithm, secret=bytes(512), signs_from=NOON)


def test_a_ring_has_keys_each_with_its_kid() -> None:
    for keys in ((), (key("a"), key("a", signs_from=NOON + TICK))):
        with pytest.raises(ValueError, match="a key ring must have a key, and each of its keys a kid of its own"):
            KeyRing(keys)


def test_the_first_key_signs_at_once_even_where_the_clock_is_behind() -> None:
    ring = make_ring()
    assert ring.signing_at(NOON - CLOCK_LEEWAY).kid == "first"
    assert ring.signing_at(NOON + timedelta(days=10_000)).kid == "first"
    with pytest.raises(LookupError, match="no signing key signs at 2026-11-23T11:59:29"):
        ring.signing_at(NOON - CLOCK_LEEWAY - timedelta(seconds=1))


def test_of_two_that_could_sign_the_later_does_and_a_past_one_never() -> None:
    ring = KeyRing(
        (
            key("late", signs_from=NOON + TICK),
            key("past", signs_from=NOON, until=NOON + timedelta(hours=1)),
            key("old", signs_from=NOON - timedelta(days=1)),
        )
    )
    assert ring.signing_at(NOON - TICK).kid == "old"
    assert ring.signing_at(NOON).kid == "past"
    assert ring.signing_at(NOON + TICK).kid == "late"
    without_late = KeyRing(ring.keys[1:])
    assert without_late.signing_at(NOON + timedelta(hours=1)).kid == "old"


def test_keys_that_begin_at_once_are_told_apart_in_the_same_way_everywhere() -> None:
    keys = (key("a"), key("b"))
    assert KeyRing(keys).signing_at(NOON) == KeyRing(keys[::-1]).signing_at(NOON) == keys[1]


def test_a_key_verifies_before_it_signs_and_until_its_end() -> None:
    ring = KeyRing((key("a", signs_from=NOON + timedelta(minutes=6), until=NOON + timedelta(hours=1)), key("b")))
    assert ring.verifying("a", NOON) == ring.keys[0]
    assert ring.verifying("a", NOON + timedelta(hours=1) - TICK) == ring.keys[0]
    assert ring.verifying("a", NOON + timedelta(hours=1)) is None
    assert ring.has("a")
    assert not ring.has("c")
    assert ring.verifying("c", NOON) is None


def test_all_that_verify_are_listed_the_one_that_signs_first() -> None:
    ring = KeyRing(
        (
            key("past", signs_from=NOON - timedelta(hours=3), until=NOON),
            key("old", signs_from=NOON - timedelta(hours=2), until=NOON + TICK),
            key("now", signs_from=NOON - timedelta(hours=1)),
            key("next", signs_from=NOON + timedelta(hours=1)),
        )
    )
    assert [each.kid for each in ring.all_verifying(NOON)] == ["now", "next", "old"]


def test_a_rotation_waits_until_all_have_read_and_keeps_what_tokens_need() -> None:
    ring = rotated(make_ring())
    first, second = ring.keys
    assert second.signs_from == NOON + PUBLISHED_BEFORE_SIGNING > NOON + RING_MAX_AGE
    assert second.verifies_until is None
    assert first.verifies_until == second.signs_from + ACCESS_TOKEN_TTL_MAX + CLOCK_LEEWAY
    assert ring.signing_at(second.signs_from - TICK) == first
    assert ring.signing_at(second.signs_from) == second
    assert (second.algorithm, second.secret) == ("HS256", bytes(32))


@given(st.lists(st.integers(min_value=0, max_value=200_000), min_size=1, max_size=12), st.integers(0, 300))
def test_whatever_a_container_signed_every_container_verifies_for_as_long_as_it_holds(
    pauses_s: list[int], cache_age_s: int
) -> None:
    """Rings are read up to five minutes late, by clocks that differ by up to the leeway."""
    at, rings = NOON, [(NOON, make_ring())]
    for number, pause_s in enumerate(pauses_s):
        at += timedelta(seconds=pause_s)
        try:
            rings.append((at, rotated(rings[-1][1], f"key-{number}", at)))
        except RingFull:
            continue

    def read_at(instant: datetime) -> KeyRing:
        return next((ring for written, ring in reversed(rings) if written <= instant), rings[0][1])

    for written, _ in rings:
        for after_s in (0, 300, 359, 360, 361, 390):
            signed_at = written + timedelta(seconds=after_s)
            signing = read_at(signed_at - timedelta(seconds=cache_age_s)).signing_at(signed_at)
            for checked_at in (signed_at, signed_at + ACCESS_TOKEN_TTL_MAX):
                for age_s in (0, cache_age_s):
                    ring = read_at(checked_at - timedelta(seconds=age_s))
                    assert ring.verifying(signing.kid, checked_at) is not None


def test_what_is_past_is_dropped_by_the_next_rotation() -> None:
    ring = rotated(make_ring())
    end = ring.keys[0].verifies_until
    assert end is not None
    assert [each.kid for each in rotated(ring, "third", end - TICK).keys] == ["first", "second", "third"]
    assert [each.kid for each in rotated(ring, "third", end).keys] == ["second", "third"]


def test_a_key_that_was_retired_is_not_retired_again() -> None:
    ring = rotated(rotated(make_ring()), "third", NOON + timedelta(minutes=1))
    first, second, third = ring.keys
    assert first.verifies_until == second.signs_from + VERIFIES_AFTER_SIGNING
    assert second.verifies_until == third.signs_from + VERIFIES_AFTER_SIGNING


def test_a_rotation_by_a_clock_that_is_behind_still_comes_last() -> None:
    ring = rotated(rotated(make_ring()), "third", NOON - timedelta(hours=1))
    assert ring.keys[2].signs_from > ring.keys[1].signs_from
    assert ring.signing_at(NOON + timedelta(hours=1)).kid == "third"


def test_a_ring_cannot_grow_without_end() -> None:
    ring = make_ring()
    for number in range(1, KEYS_MAX):
        ring = rotated(ring, f"key-{number}")
    with pytest.raises(RingFull, match="the ring has 8 keys") as full:
        rotated(ring, "one-more")
    assert full.value.room_at == ring.keys[0].verifies_until
    assert full.value.room_at is not None
    assert rotated(ring, "one-more", full.value.room_at).has("one-more")
    unending = KeyRing(tuple(key(f"key-{number}") for number in range(KEYS_MAX)))
    with pytest.raises(RingFull) as full:
        rotated(unending)
    assert full.value.room_at is None


def test_a_replacement_leaves_nothing_and_signs_at_once() -> None:
    ring = rotated(make_ring()).replaced_by(kid="new", secret=bytes(32), at=NOON)
    assert [each.kid for each in ring.keys] == ["new"]
    assert ring.signing_at(NOON).kid == "new"
    assert ring.replaced == {"first", "second"}
    assert ring.verifying("first", NOON) is None
    again = rotated(ring, "third")
    assert again.replaced == ring.replaced


def test_rings_made_of_one_at_the_same_time_merge_into_one_with_the_keys_of_both() -> None:
    ring = make_ring()
    mine, theirs = rotated(ring, "mine"), rotated(ring, "theirs", NOON + timedelta(seconds=5))
    merged = mine.merged(theirs)
    assert {each.kid for each in merged.keys} == {"first", "mine", "theirs"}
    first = next(each for each in merged.keys if each.kid == "first")
    assert first.verifies_until == theirs.keys[0].verifies_until, "the later end"
    assert set(merged.keys) == set(theirs.merged(mine).keys)
    assert mine.merged(ring).keys == mine.keys


def test_what_either_threw_out_does_not_come_back() -> None:
    ring = make_ring()
    replaced, added = ring.replaced_by(kid="new", secret=bytes(32), at=NOON), rotated(ring)
    for merged in (replaced.merged(added), added.merged(replaced)):
        assert {each.kid for each in merged.keys} == {"new", "second"}
        assert merged.replaced == {"first"}
        assert merged.signing_at(NOON).kid == "new"

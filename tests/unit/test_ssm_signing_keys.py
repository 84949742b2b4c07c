"""When the ring is read, and what counts while it cannot be."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.aws_calls import AwsAway, AwsRefusal
from chalicelib.adapters.signing_keys import READS_APART, STALE_RING_MAX_AGE, SsmSigningKeys, from_text, to_text
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.signing_keys import RING_MAX_AGE, KeyRing, SigningKey
from tests.aws import by_sdk
from tests.factories import make_ring
from tests.fakes import NOON, FixedClock
from tests.parameter_store import ParameterStore

NAME = "/stack/signing-keys"
RING = make_ring()
NEWER = RING.rotated(kid="second", secret=bytes(32), at=NOON)
REPLACED = RING.replaced_by(kid="new", secret=bytes(32), at=NOON)


class Container:
    """What one container has: a clock, and the keys as it has read them."""

    def __init__(self, ring: KeyRing = RING) -> None:
        self.store = ParameterStore(stack=to_text(ring))
        self.clock = FixedClock()
        self.keys = SsmSigningKeys(
            lambda: by_sdk(self.store), lambda: by_sdk(self.store), parameter=NAME, clock=self.clock
        )

    def write(self, ring: KeyRing) -> None:
        self.store.versions[NAME].append(to_text(ring))


def test_a_ring_is_written_and_read_as_it_is() -> None:
    ring = KeyRing(
        (
            *NEWER.keys,
            SigningKey(kid="a", algorithm="HS512", secret=bytes(range(64)), signs_from=NOON),
        ),
        replaced=frozenset({"old", "older"}),
    )
    assert from_text(to_text(ring), parameter=NAME) == ring


def test_eight_keys_fit_a_parameter_of_the_standard_tier() -> None:
    ring = RING
    for number in range(7):
        ring = ring.rotated(kid=f"{number:032}", secret=bytes(32), at=NOON)
    assert len(to_text(KeyRing(ring.keys, replaced=frozenset(f"{number:032}" for number in range(8))))) < 4096


def test_nothing_is_asked_before_the_first_use_and_the_ring_is_read_once() -> None:
    container = Container()
    assert container.store.reads == 0
    assert container.keys.signing() == container.keys.verifying("first") == RING.keys[0]
    assert container.keys.all_verifying() == RING.keys
    assert container.store.reads == 1


def test_the_first_read_may_take_several_tries_and_later_ones_may_not() -> None:
    first, later = ParameterStore(stack=to_text(RING)), ParameterStore(stack=to_text(NEWER))
    clock = FixedClock()
    keys = SsmSigningKeys(lambda: by_sdk(first), lambda: by_sdk(later), parameter=NAME, clock=clock)
    keys.signing()
    clock.advance(minutes=5)
    assert len(keys.all_verifying()) == 2
    assert (first.reads, later.reads) == (1, 1)


def test_the_ring_is_read_again_when_it_is_five_minutes_old() -> None:
    container = Container()
    container.keys.signing()
    container.write(NEWER)
    container.clock.advance(seconds=RING_MAX_AGE.total_seconds() - 0.001)
    assert len(container.keys.all_verifying()) == 1
    container.clock.advance(seconds=0.001)
    assert len(container.keys.all_verifying()) == 2
    assert container.store.reads == 2
    container.clock.advance(seconds=RING_MAX_AGE.total_seconds() - 0.001)
    container.keys.signing()
    assert container.store.reads == 2


def test_a_clock_that_was_set_back_does_not_keep_a_ring_for_ever() -> None:
    container = Container()
    container.clock.advance(days=1)
    container.keys.signing()
    container.write(NEWER)
    container.clock.advance(days=-1)
    assert len(container.keys.all_verifying()) == 2


def test_a_new_key_signs_when_its_time_has_come() -> None:
    container = Container(NEWER)
    assert container.keys.signing().kid == "first"
    container.clock.advance(minutes=6)
    assert container.keys.signing().kid == "second"


def test_an_unknown_kid_has_the_ring_read_again_so_a_replacement_counts_at_once() -> None:
    container = Container()
    container.keys.signing()
    container.write(REPLACED)
    container.clock.advance(seconds=READS_APART.total_seconds())
    assert container.keys.verifying("new") == REPLACED.keys[0]
    assert container.keys.verifying("first") is None
    assert container.keys.signing().kid == "new"
    assert container.store.reads == 2


def test_a_flood_of_made_up_kids_is_one_read_in_ten_seconds() -> None:
    container = Container()
    container.keys.signing()
    for second in range(100):
        for number in range(10):
            assert container.keys.verifying(f"made-up-{second}-{number}") is None
        container.clock.advance(seconds=1)
    assert container.store.reads == 10, "the one at the start, and one each ten seconds after"


def test_a_kid_whose_key_is_past_needs_no_read() -> None:
    container = Container(
        KeyRing(
            (
                *RING.keys,
                SigningKey(
                    kid="past",
                    algorithm="HS256",
                    secret=bytes(32),
                    signs_from=NOON - timedelta(days=1),
                    verifies_until=NOON,
                ),
            )
        )
    )
    container.keys.signing()
    container.clock.advance(seconds=60)
    assert container.keys.verifying("past") is None
    assert container.store.reads == 1


def test_while_the_store_is_away_the_ring_serves_for_an_hour_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    container = Container()
    container.keys.signing()
    container.store.away = True
    with caplog.at_level(logging.WARNING, logger="chalicelib"):
        for _ in range(59):
            container.clock.advance(minutes=1)
            assert container.keys.signing() == container.keys.verifying("first") == RING.keys[0]
    (line,) = caplog.records
    assert line.getMessage() == "the signing keys cannot be read again"
    assert line.__dict__["going_on_with_those_of"] == NOON.isoformat()
    assert container.store.reads == 1 + 55, "one try a request, from the fifth minute on"
    container.clock.advance(minutes=1)
    with pytest.raises(Unavailable, match="the parameter store does not answer") as away:
        container.keys.signing()
    assert isinstance(away.value.__cause__, AwsAway), "what the try found, for the log"
    with pytest.raises(Unavailable, match="the parameter store does not answer"):
        container.keys.signing()
    assert container.store.reads == 1 + 55 + 1
    assert timedelta(hours=1) == STALE_RING_MAX_AGE

    container.store.away = False
    container.clock.advance(seconds=10)
    assert container.keys.signing() == RING.keys[0]
    container.store.away = True
    container.clock.advance(minutes=5)
    with caplog.at_level(logging.WARNING, logger="chalicelib"):
        container.keys.signing()
    assert len(caplog.records) == 2, "once for each time that it is away"


def test_a_store_that_is_away_is_asked_at_most_once_in_ten_seconds() -> None:
    container = Container()
    container.keys.signing()
    container.store.away = True
    container.clock.advance(minutes=5)
    for _ in range(100):
        container.keys.signing()
        container.clock.advance(seconds=1)
    assert container.store.reads == 1 + 10


def test_of_an_unknown_kid_nothing_is_said_while_the_store_is_away() -> None:
    """It may be a new key's, whose tokens must not be taken for forged: that would sign their owners out."""
    container = Container()
    container.keys.signing()
    container.store.away = True
    container.clock.advance(seconds=10)
    for _ in range(100):
        with pytest.raises(Unavailable, match="the parameter store does not answer"):
            container.keys.verifying("unknown")
    assert container.store.reads == 2
    assert container.keys.verifying("first") == RING.keys[0]


@pytest.mark.parametrize("value", [None, "garbled"])
def test_a_ring_that_was_deleted_or_garbled_leaves_the_one_that_was_read_for_an_hour(
    value: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    container = Container()
    container.keys.signing()
    if value is None:
        del container.store.versions[NAME]
    else:
        container.store.versions[NAME].append(value)
    for _ in range(3):
        container.clock.advance(seconds=RING_MAX_AGE.total_seconds())
        assert container.keys.signing() == RING.keys[0]
        with pytest.raises(Unavailable):
            container.keys.verifying("made-up")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert "garbled" not in caplog.text
    container.clock.advance(seconds=STALE_RING_MAX_AGE.total_seconds())
    with pytest.raises(Unavailable):
        container.keys.signing()


def test_without_a_ring_a_store_that_is_away_is_asked_again() -> None:
    container = Container()
    container.store.away = True
    for _ in range(2):
        with pytest.raises(Unavailable, match="the parameter store does not answer"):
            container.keys.signing()
    container.store.away = False
    assert container.keys.signing() == RING.keys[0]
    assert container.store.reads == 3


def test_a_missing_parameter_is_the_operators_business() -> None:
    container = Container()
    container.store.versions.clear()
    with pytest.raises(AwsRefusal, match="ParameterNotFound"):
        container.keys.signing()


GOOD: dict[str, Any] = json.loads(to_text(RING))
GOOD_KEY: dict[str, Any] = GOOD["keys"][0]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sesame",
        "ab" * 32,
        "[]",
        "null",
        "[" * 100_000,
        '"\ud800"',
        json.dumps({**GOOD, "keys": []}),
        json.dumps({"keys": [GOOD_KEY]}),
        json.dumps({**GOOD, "sesame": 1}),
        json.dumps({**GOOD, "replaced": [7]}),
        json.dumps({**GOOD, "keys": [GOOD_KEY, GOOD_KEY]}),
        *(
            json.dumps({**GOOD, "keys": [{**GOOD_KEY, **changed}]})
            for changed in (
                {"kid": "../sesame"},
                {"kid": None},
                {"algorithm": "none"},
                {"algorithm": "sesame"},
                {"algorithm": "HS512"},
                {"secret": "c2VzYW1l"},
                {"secret": "sesame!"},
                {"secret": None},
                {"signs_from": "sesame"},
                {"signs_from": "2026-11-23T12:00:00"},
                {"signs_from": None},
                {"verifies_until": "2026-11-23T12:00:00"},
                {"sesame": 1},
            )
        ),
    ],
)
def test_a_parameter_without_a_ring_is_named_and_nothing_of_its_content_is(value: str) -> None:
    container = Container()
    container.store.versions[NAME] = [value]
    with pytest.raises(ValueError, match="the parameter /stack/signing-keys does not hold a key ring") as wrong:
        container.keys.signing()
    assert "sesame" not in str(wrong.value)
    assert wrong.value.__cause__ is None
    assert wrong.value.__suppress_context__, "a traceback would show msgspec's words"


def test_threads_that_need_the_ring_at_once_read_it_once() -> None:
    container = Container()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: container.keys.signing(), range(64)))
    assert found == [RING.keys[0]] * 64
    assert container.store.reads == 1


def test_threads_with_unknown_kids_read_once() -> None:
    container = Container()
    container.keys.signing()
    container.write(REPLACED)
    container.clock.advance(seconds=10)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: container.keys.verifying("new"), range(64)))
    assert found == [REPLACED.keys[0]] * 64
    assert container.store.reads == 2

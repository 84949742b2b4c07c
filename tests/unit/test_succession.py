import hmac

from chalicelib.adapters.cursors import PURPOSE as OF_CURSORS
from chalicelib.adapters.succession import PURPOSE, HmacSuccession
from tests.factories import make_ring
from tests.fakes import NOON, FixedClock, FixedKeys

SECRET = bytes(range(32))
RING = make_ring().rotated(kid="second", secret=bytes(32), at=NOON)


def test_a_secret_has_the_same_successor_whenever_it_is_asked_for() -> None:
    succession = HmacSuccession(FixedKeys(make_ring(), FixedClock()))
    (successor,) = succession.successors(SECRET)
    assert succession.successors(SECRET) == [successor]
    assert len(successor) == 32
    assert successor != SECRET


def test_secrets_and_keys_each_lead_elsewhere() -> None:
    succession = HmacSuccession(FixedKeys(RING, FixedClock()))
    other = HmacSuccession(FixedKeys(make_ring(secret=bytes(range(1, 33))), FixedClock()))
    found = [*succession.successors(SECRET), *succession.successors(bytes(32)), *other.successors(SECRET)]
    assert len(set(found)) == 5
    assert PURPOSE != OF_CURSORS


def test_the_key_that_signs_tokens_signs_no_secret_itself() -> None:
    key = make_ring().keys[0].secret
    (successor,) = HmacSuccession(FixedKeys(make_ring(), FixedClock())).successors(SECRET)
    assert successor == hmac.digest(hmac.digest(key, PURPOSE, "sha256"), SECRET, "sha256")
    assert successor != hmac.digest(key, SECRET, "sha256")


def test_the_first_is_of_the_key_that_signs_and_a_rotation_loses_none() -> None:
    clock = FixedClock()
    succession = HmacSuccession(FixedKeys(RING, clock))
    (before,) = HmacSuccession(FixedKeys(make_ring(), clock)).successors(SECRET)
    assert succession.successors(SECRET)[0] == before
    clock.advance(minutes=6)
    after = succession.successors(SECRET)
    assert after[0] != before
    assert after[1] == before
    clock.advance(hours=2)
    assert succession.successors(SECRET) == after[:1]

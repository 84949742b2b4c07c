"""How the ring is written: what concurrent changes leave, and what is said about it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.adapters.signing_keys import from_text, to_text
from chalicelib.domain.signing_keys import KeyRing
from deployment.key_ring import PUTS, Change, KeyRingStore
from deployment.keys import described
from tests.fakes import NOON, FixedClock, PassingTime
from tests.parameter_store import ParameterStore

NAME = "/stack/signing-keys"


class Operator:
    """One who changes the ring of a store that others change too."""

    def __init__(self, store: ParameterStore | None = None) -> None:
        self.store = store or ParameterStore()
        self.pause = PassingTime(FixedClock())
        self.ring = KeyRingStore(self.store, "/stack/signing-keys", self.pause)

    def written(self) -> KeyRing:
        return from_text(self.store.versions[NAME][-1], parameter=NAME)

    def kids(self) -> set[str]:
        return {key.kid for key in self.written().keys}


def made() -> tuple[Operator, Change]:
    operator = Operator()
    change = operator.ring.made(at=NOON)
    assert change is not None
    return operator, change


@pytest.mark.asvs("11.2.3", "11.5.1", "11.6.1")
def test_the_first_ring_has_one_key_of_256_random_bits() -> None:
    operator, change = made()
    (key,) = operator.written().keys
    assert (change.kid, change.before, change.after) == (key.kid, None, operator.written())
    assert len(key.secret) == 32
    assert operator.written().signing_at(NOON) == key
    assert made()[0].written().keys[0].secret != key.secret


def test_a_ring_that_is_there_stays() -> None:
    operator, _ = made()
    before = list(operator.store.versions[NAME])
    assert operator.ring.made(at=NOON + timedelta(days=1)) is None
    assert operator.store.versions[NAME] == before


def test_a_rotation_adds_a_key_and_a_replacement_leaves_one() -> None:
    operator, first = made()
    second = operator.ring.rotated(at=NOON)
    assert (second.before, second.after) == (first.after, operator.written())
    assert operator.kids() == {first.kid, second.kid}
    third = operator.ring.replaced(at=NOON)
    assert (third.before, third.after) == (second.after, operator.written())
    assert operator.kids() == {third.kid}
    secrets = {key.secret for change in (first, second, third) for key in change.after.keys}
    assert len(secrets) == 3


def test_of_two_rotations_at_once_neither_key_is_lost() -> None:
    operator, first = made()
    theirs: list[Change] = []
    operator.store.before_put = lambda: theirs.append(Operator(operator.store).ring.rotated(at=NOON))
    mine = operator.ring.rotated(at=NOON)
    assert operator.kids() == {first.kid, mine.kid, theirs[0].kid}
    assert mine.after == operator.written()


@pytest.mark.parametrize("is_quicker", [True, False])
def test_what_a_replacement_threw_out_stays_out_whoever_was_quicker(is_quicker: bool) -> None:  # noqa: FBT001
    operator, first = made()
    other = Operator(operator.store).ring

    def meanwhile() -> None:
        (other.replaced if is_quicker else other.rotated)(at=NOON)

    operator.store.before_put = meanwhile
    (operator.ring.rotated if is_quicker else operator.ring.replaced)(at=NOON)
    assert first.kid not in operator.kids()
    assert len(operator.kids()) == 2
    assert operator.written().replaced == {first.kid}


def test_of_many_at_once_each_within_the_others_write_nothing_is_lost() -> None:
    """The one that wrote last, but had read first, finds every version that it has overwritten."""
    operator, first = made()
    changes: list[Change] = []

    def nest(depth: int) -> Callable[[], None]:
        def quicker() -> None:
            if depth:
                operator.store.before_put = nest(depth - 1)
            changes.append(Operator(operator.store).ring.rotated(at=NOON))

        return quicker

    operator.store.before_put = nest(3)
    changes.append(operator.ring.rotated(at=NOON))
    assert len(changes) == 5
    assert operator.kids() == {first.kid, *(change.kid for change in changes)}


def test_a_store_that_is_busy_is_asked_again_and_not_for_ever() -> None:
    operator, _ = made()
    operator.store.busy = PUTS - 1
    operator.ring.rotated(at=NOON)
    assert len(operator.pause.slept) == PUTS - 1
    assert len(operator.kids()) == 2
    operator.store.busy = PUTS
    with pytest.raises(operator.store.exceptions.TooManyUpdates):
        operator.ring.rotated(at=NOON)
    assert len(operator.kids()) == 2


def test_what_is_no_ring_is_not_overwritten() -> None:
    operator = Operator(ParameterStore(stack="ab" * 32))
    for change in (operator.ring.rotated, operator.ring.replaced):
        with pytest.raises(ValueError, match="/stack/signing-keys does not hold a key ring"):
            change(at=NOON)
    assert operator.store.versions[NAME] == ["ab" * 32]


def test_each_change_says_what_was_done_and_what_comes_next_but_no_secret() -> None:
    operator, first = made()
    assert described(first) == f"Made the key ring {NAME}: key {first.kid} signs from now on."
    second = operator.ring.rotated(at=NOON)
    assert described(second).splitlines() == [
        f"Added key {second.kid} to {NAME}. It begins to sign at 2026-11-23 12:06:00 UTC, when all have read it.",
        f"What key {first.kid} signs until then counts until 2026-11-23 13:06:30 UTC.",
        "Nobody is signed out, and nothing else is to be done.",
    ]
    third = operator.ring.rotated(at=NOON + timedelta(days=1))
    assert f"Dropped key {first.kid}, whose tokens have all expired." in described(third)
    fourth = operator.ring.replaced(at=NOON + timedelta(days=1))
    said = described(fourth)
    assert said.startswith(
        f"Replaced all keys of {NAME} by {fourth.kid}, which signs at once. Thrown out: {second.kid}, {third.kid}.\n"
    )
    assert "void" in said
    for change in (first, second, third, fourth):
        for key in change.after.keys:
            assert key.secret.hex() not in described(change)
        assert to_text(change.after)[-20:] not in described(change)

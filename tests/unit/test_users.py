import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.users import (
    ADDRESS_SEEN_AGAIN,
    ADDRESSES_KNOWN_MAX,
    PASSWORD_SENT_MAX_CHARACTERS,
    Role,
    address_digest,
    checked_password,
    checked_username,
    normalised_password,
    sign_in_holder,
    username_digest,
    username_key,
)
from tests.factories import make_user
from tests.fakes import NOON


def test_the_example_of_the_readme_is_accepted() -> None:
    assert checked_username("yourname") == "yourname"
    assert checked("yourpassword", username="yourname") == "yourpassword"


@pytest.mark.parametrize("username", ["ada", "Ada.Lovelace", "ada@example.com", "a" * 64, "0-0"])
def test_names_and_mail_addresses_are_accepted(username: str) -> None:
    assert checked_username(username) == username


@pytest.mark.parametrize(
    "username", ["", "ad", "a" * 65, "ada lovelace", "ada\n", "ad\N{CYRILLIC SMALL LETTER A}", "_ada"]
)
def test_other_names_are_refused_with_the_rule(username: str) -> None:
    with pytest.raises(InvalidInput, match="must be 3 to 64") as refused:
        checked_username(username)
    assert refused.value.pointer == "#/username"


def test_names_that_differ_by_case_are_one() -> None:
    assert username_key("Ada") == username_key("aDA")


def checked(password: str, *, username: str = "grace") -> str:
    return checked_password(password, username=username, is_common={"password1"}.__contains__)


def refusal(password: str, *, username: str = "grace") -> str:
    """What is said of a password that is refused."""
    with pytest.raises(InvalidInput) as refused:
        checked(password, username=username)
    assert refused.value.pointer == "#/password"
    return str(refused.value)


@pytest.mark.asvs("6.2.5", "6.2.8", "6.2.9")
@pytest.mark.parametrize(
    "password",
    [
        "87654321",
        "lowercase",
        "UPPERCASE",
        "!!!!!!!?",
        "ab" * 4,
        "ab" * 64,
        " " * 7 + "\N{NO-BREAK SPACE}",
        "\N{GRINNING FACE}" * 7 + "\N{SMILING FACE WITH SUNGLASSES}",
        "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}" * 32,
        "\0" * 7 + "\n",
        "\U0001fadf" * 7 + "\U0001fae9",
        "password1 ",
    ],
)
def test_any_unicode_makes_a_password_which_stays_as_it_is(password: str) -> None:
    assert checked(password) == password


@pytest.mark.parametrize("password", ["", "7654321", "ab" * 64 + "c", "ab" * 256, "ab" * 500_000, "cafe\u0301 la"])
def test_other_lengths_are_refused_with_the_rule(password: str) -> None:
    assert refusal(password) == "the password must have 8 to 128 characters"


def test_characters_are_counted_after_normalising() -> None:
    """Four of these are one: the most that NFC ever makes one of."""
    decomposed = "\N{GREEK SMALL LETTER ALPHA}\u0313\u0300\u0345"
    longest = decomposed * 64 + "ab" * 32
    assert len(longest) == 320
    assert len(checked(longest)) == 128
    assert refusal(longest + "c") == "the password must have 8 to 128 characters"
    assert len(decomposed * 128) == PASSWORD_SENT_MAX_CHARACTERS
    assert normalised_password(decomposed * 128) == "\u1f82" * 128


def test_two_spellings_of_one_character_are_one_password() -> None:
    assert checked("caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait") == checked("cafe\u0301 au lait")


def test_characters_that_look_different_stay_different() -> None:
    wide = "\N{FULLWIDTH DIGIT ONE}\N{SUPERSCRIPT TWO}\N{LATIN SMALL LIGATURE FI}" * 3
    assert normalised_password(wide) == wide


@pytest.mark.parametrize("password", ["\ud800", "correct \udfff horse", "\ud83d\ude00 as two halves"])
def test_half_a_surrogate_pair_is_refused_clearly_and_is_nobodys(password: str) -> None:
    assert refusal(password) == "the password has half of a surrogate pair, which is no character; leave it out"
    assert normalised_password(password) is None


@pytest.mark.parametrize("password", ["a" * 8, "aA" * 8, " " * 8, "\N{GRINNING FACE}" * 8, "e\u0301" * 8, "7" * 128])
def test_one_character_again_and_again_is_refused(password: str) -> None:
    assert refusal(password) == "the password is one character again and again; use different ones"


@pytest.mark.asvs("6.2.11")
@pytest.mark.parametrize("password", ["Ada.Lovelace", "ada.lovelace1", "my ADA.LOVELACE", "ADA.lovelace ada.lovelace"])
def test_the_username_in_a_password_is_refused(password: str) -> None:
    assert refusal(password, username="Ada.Lovelace") == "the password contains the username; leave it out"
    assert checked(password, username="grace") == password


def test_a_part_of_the_username_is_not_refused() -> None:
    assert checked("lovelace and ada", username="ada.lovelace")


@pytest.mark.asvs("6.2.11")
@pytest.mark.parametrize("password", ["job-backend", "Job Backend 1", "my_jobbackend", "J-o-b Backend"])
def test_the_name_of_the_service_in_a_password_is_refused(password: str) -> None:
    assert refusal(password) == "the password contains the name of this service; leave it out"


def test_a_common_password_is_refused() -> None:
    said = refusal("password1")
    assert said == "this password is one that many people have, and is tried first; choose another, such as a few words"


def test_it_is_asked_of_the_normalised_password_whether_it_is_common() -> None:
    asked: list[str] = []

    def noted(password: str) -> bool:
        asked.append(password)
        return False

    checked_password("cafe\u0301 au lait", username="grace", is_common=noted)
    assert asked == ["caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait"]


@pytest.mark.parametrize("password", ["short", "a" * 8, "password1", "\ud800", "x" * 1000])
def test_a_refusal_points_at_where_the_password_stands(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_password(password, username="ada", is_common={"password1"}.__contains__, pointer="#/new_password")
    assert refused.value.pointer == "#/new_password"


ADDRESSES = st.one_of(st.ip_addresses().map(str), st.text(max_size=20))


@given(st.lists(st.tuples(ADDRESSES, st.integers(0, 3 * 86400)), max_size=40))
def test_no_more_addresses_are_known_than_the_most_and_they_are_the_latest(visits: list[tuple[str, int]]) -> None:
    user, at = make_user(), NOON
    for address, wait_s in visits:
        at += timedelta(seconds=wait_s)
        user = user.signed_in_from(address, at=at)
        assert len(user.known_addresses) <= ADDRESSES_KNOWN_MAX
        assert address_digest(address) in user.known_addresses
        assert at - user.known_addresses[address_digest(address)] < ADDRESS_SEEN_AGAIN


def test_the_address_that_was_seen_longest_ago_makes_room() -> None:
    user = make_user()
    for number in range(ADDRESSES_KNOWN_MAX + 1):
        user = user.signed_in_from(f"192.0.2.{number}", at=NOON + timedelta(seconds=number))
    assert address_digest("192.0.2.0") not in user.known_addresses
    assert address_digest("192.0.2.1") in user.known_addresses


def test_a_known_address_is_noted_anew_once_a_day() -> None:
    user = make_user().signed_in_from("192.0.2.1", at=NOON)
    assert user.signed_in_from("192.0.2.1", at=NOON + ADDRESS_SEEN_AGAIN - timedelta(milliseconds=1)) is user
    later = user.signed_in_from("192.0.2.1", at=NOON + ADDRESS_SEEN_AGAIN)
    assert later.known_addresses == {address_digest("192.0.2.1"): NOON + ADDRESS_SEEN_AGAIN}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:0:0::1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("no address", "no address", True),
        ("no address", "another", False),
        ("", "", True),
    ],
)
def test_whose_address_it_is(one: str, other: str, is_same: bool) -> None:  # noqa: FBT001
    assert (address_digest(one) == address_digest(other)) is is_same


@given(ADDRESSES)
def test_what_stands_for_an_address_does_not_show_it(address: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", address_digest(address))


def test_attempts_count_by_name_whoever_has_it_and_in_whatever_case() -> None:
    user = make_user()
    holder = sign_in_holder("ada", user, "192.0.2.1")
    assert holder == sign_in_holder("ADA", None, "192.0.2.2") == username_digest("ada")
    assert holder != sign_in_holder("bob", None, "192.0.2.1")


def test_from_a_known_address_attempts_count_apart_for_each_account_and_address() -> None:
    ada = make_user().signed_in_from("192.0.2.1", at=NOON).signed_in_from("192.0.2.2", at=NOON)
    bob = make_user(username="bob").signed_in_from("192.0.2.1", at=NOON)
    holders = {
        sign_in_holder("ada", ada, "192.0.2.1"),
        sign_in_holder("ada", ada, "192.0.2.2"),
        sign_in_holder("ada", ada, "192.0.2.3"),
        sign_in_holder("bob", bob, "192.0.2.1"),
    }
    assert len(holders) == 4
    assert sign_in_holder("ADA", ada, "192.0.2.1") in holders


@pytest.mark.parametrize(
    ("changes", "is_unchanged"),
    [
        ({}, True),
        ({"known_addresses": {"digest": NOON}}, True),
        ({"password_hash": "another"}, False),
        ({"role": Role.ADMIN}, False),
        ({"is_disabled": True}, False),
        ({"user_id": "another"}, False),
    ],
)
def test_an_account_is_changed_by_its_password_and_its_rights_and_not_by_a_sign_in(
    changes: dict[str, Any],
    is_unchanged: bool,  # noqa: FBT001
) -> None:
    assert make_user(**changes).is_unchanged_since(make_user()) is is_unchanged


def test_an_administrator_changes_what_is_named_and_nothing_else() -> None:
    user = make_user()
    assert user.administered(role=None, is_disabled=None) == user
    assert user.administered(role=Role.ADMIN, is_disabled=None) == make_user(role=Role.ADMIN)
    assert user.administered(role=None, is_disabled=True) == make_user(is_disabled=True)

import pytest

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.users import checked_password, checked_username, username_key


def test_the_example_of_the_readme_is_accepted() -> None:
    assert checked_username("yourname") == "yourname"
    assert checked_password("yourpassword") == "yourpassword"


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


@pytest.mark.parametrize("password", ["12345678", "\N{GRINNING FACE}" * 8, "a" * 128, " " * 8])
def test_any_unicode_makes_a_password(password: str) -> None:
    assert checked_password(password) == password


@pytest.mark.parametrize("password", ["", "1234567", "a" * 129, "a" * 1_000_000])
def test_other_lengths_are_refused_with_the_rule(password: str) -> None:
    with pytest.raises(InvalidInput, match="must have 8 to 128 characters") as refused:
        checked_password(password)
    assert refused.value.pointer == "#/password"


def test_two_spellings_of_one_character_are_one_password() -> None:
    assert checked_password("caf\N{LATIN SMALL LETTER E WITH ACUTE} au lait") == checked_password("cafe\u0301 au lait")

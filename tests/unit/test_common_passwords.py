import unicodedata

import pytest

from chalicelib.adapters.common_passwords import LIST, CommonPasswords
from chalicelib.domain.users import PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS

LINES = LIST.read_text(encoding="utf-8").splitlines()


@pytest.mark.asvs("6.2.4", "6.2.12")
@pytest.mark.parametrize("password", ["password", "PASSWORD1", "12345678", "iloveyou", "Liverpool", "1qaz2wsx3edc"])
def test_what_many_people_have_is_in_the_list_whatever_its_case(password: str) -> None:
    assert CommonPasswords().contains(password)


@pytest.mark.parametrize("password", ["correct horse", "yourpassword", "", "pass\nword", "password\n12345678"])
def test_other_passwords_are_not(password: str) -> None:
    assert not CommonPasswords().contains(password)


@pytest.mark.asvs("6.2.4")
def test_the_list_has_far_more_than_three_thousand_that_could_be_chosen() -> None:
    """ASVS 5.0, 6.2.4; each line is a password as it is compared."""
    assert len(LINES) > 16_000
    assert sorted(set(LINES)) == LINES
    for line in LINES:
        assert PASSWORD_MIN_CHARACTERS <= len(line) <= PASSWORD_MAX_CHARACTERS
        assert line == unicodedata.normalize("NFC", line).casefold()


def test_the_list_says_where_it_is_from_and_under_which_licences() -> None:
    notice = LIST.with_name("common_passwords.NOTICE.txt").read_text()
    for holder in ("Django Software Foundation", "Dan Wheeler and Dropbox", "Daniel Wolf", "Royce Williams"):
        assert holder in notice
    assert notice.count('"AS IS"') == 2


def test_nothing_is_read_before_the_first_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.adapters.common_passwords.LIST", LIST.with_name("nowhere.txt"))
    common = CommonPasswords()
    with pytest.raises(FileNotFoundError):
        common.contains("password")

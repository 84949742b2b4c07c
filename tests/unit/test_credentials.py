import string
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.domain.credentials import (
    API_KEY_PREFIX,
    FAMILY_BYTES,
    GRACE,
    KEY_SCOPES,
    REFRESH_PREFIX,
    SECRET_BYTES,
    Caller,
    Credential,
    CredentialId,
    Presented,
    Scope,
    Session,
    api_key,
    api_keys,
    digest,
    is_credential_id,
    refresh_token,
    sessions,
)
from chalicelib.domain.users import UserId
from tests.factories import OWNER, make_api_key, make_session
from tests.fakes import NOON

ID = CredentialId("6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a44")
FAMILY = bytes(range(FAMILY_BYTES))
ALPHABET = string.ascii_letters + string.digits + "-_"
MOMENT = timedelta(milliseconds=1)

PRESENTED = st.builds(
    Presented,
    user_id=st.uuids().map(lambda each: UserId(str(each))),
    credential_id=st.uuids().map(lambda each: CredentialId(str(each))),
    secret=st.binary(min_size=FAMILY_BYTES + SECRET_BYTES, max_size=FAMILY_BYTES + SECRET_BYTES),
)
KEYS = st.builds(
    Presented,
    user_id=st.uuids().map(lambda each: UserId(str(each))),
    credential_id=st.uuids().map(lambda each: CredentialId(str(each))),
    secret=st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
)


def token(number: int = 1, family: bytes = FAMILY) -> Presented:
    return Presented(user_id=OWNER, credential_id=ID, secret=family + number.to_bytes(SECRET_BYTES))


def session_of(first: Presented) -> Session:
    return make_session(family_digest=digest(first.secret[:FAMILY_BYTES]), current_digest=digest(first.secret))


@given(PRESENTED)
def test_a_refresh_token_is_read_as_it_was_written(shown: Presented) -> None:
    text = shown.text(REFRESH_PREFIX)
    assert refresh_token(text) == shown
    assert text.startswith("jbr_")
    assert set(text) <= set(ALPHABET)


@given(KEYS)
def test_an_api_key_is_read_as_it_was_written(shown: Presented) -> None:
    text = shown.text(API_KEY_PREFIX)
    assert api_key(text) == shown
    assert text.startswith("jbk_")


@given(KEYS, PRESENTED)
def test_neither_is_taken_for_the_other(key: Presented, refresh: Presented) -> None:
    for text in (key.text(API_KEY_PREFIX), key.text(REFRESH_PREFIX), refresh.text(API_KEY_PREFIX)):
        assert refresh_token(text) is None
    for text in (refresh.text(REFRESH_PREFIX), refresh.text(API_KEY_PREFIX), key.text(REFRESH_PREFIX)):
        assert api_key(text) is None


@given(PRESENTED, st.data())
def test_a_text_with_another_character_is_another_token_or_none(shown: Presented, data: st.DataObject) -> None:
    text = shown.text(REFRESH_PREFIX)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.one_of(st.sampled_from(ALPHABET + "=+/ \n"), st.characters()))
    assume(other != text[place])
    changed = text[:place] + other + text[place + 1 :]
    found = refresh_token(changed)
    assert found != shown
    assert found is None or found.text(REFRESH_PREFIX) == changed


@given(st.text(st.sampled_from(ALPHABET + "=+/\n\N{KELVIN SIGN}"), min_size=86, max_size=107))
def test_whatever_is_read_is_what_would_be_written(body: str) -> None:
    for text, found, prefix in (
        (REFRESH_PREFIX + body, refresh_token(REFRESH_PREFIX + body), REFRESH_PREFIX),
        (API_KEY_PREFIX + body[:86], api_key(API_KEY_PREFIX + body[:86]), API_KEY_PREFIX),
    ):
        assert found is None or found.text(prefix) == text


@pytest.mark.parametrize(
    "altered",
    [
        lambda text: text + "=",
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: "jbk_" + text[4:],
        lambda text: text[4:],
        lambda text: text.replace("-", "+").replace("_", "/").replace("jbr/", "jbr_"),
        lambda text: text[:-4] + "====",
        lambda text: text[:-1] + "=",
        lambda text: text[:50] + "!" + text[51:],
        lambda text: text[:50] + "\N{CYRILLIC SMALL LETTER A}" + text[51:],
        lambda _text: "",
        lambda _text: "jbr_",
        lambda _text: "jbr_" * 1000,
    ],
)
def test_any_other_text_is_no_refresh_token(altered: object) -> None:
    text = Presented(user_id=OWNER, credential_id=ID, secret=b"\xff\xef\xbe" * 16).text(REFRESH_PREFIX)
    assert "-" in text
    assert "_" in text[4:]
    assert refresh_token(text)
    assert callable(altered)
    assert refresh_token(altered(text)) is None


@pytest.mark.parametrize(("prefix", "secret"), [(REFRESH_PREFIX, bytes(48)), (API_KEY_PREFIX, bytes(32))])
def test_the_bits_that_the_last_character_has_too_many_must_be_zero(prefix: str, secret: bytes) -> None:
    """Else several texts would be one token, and a log of one would not be found by another."""
    text = Presented(user_id=OWNER, credential_id=ID, secret=secret).text(prefix)
    body = text.removeprefix(prefix)
    same = [each for each in ALPHABET if decoded(body[:-1] + each) == decoded(body)]
    assert len(same) in {4, 16}
    read = refresh_token if prefix == REFRESH_PREFIX else api_key
    assert [each for each in same if read(text[:-1] + each)] == ["A"]


def decoded(body: str) -> bytes:
    return urlsafe_b64decode(body + "=" * (-len(body) % 4))


@given(st.uuids())
def test_ids_of_credentials_are_uuids_in_their_usual_form(uuid: UUID) -> None:
    assert is_credential_id(str(uuid))
    for other in (str(uuid)[:-1], f"{uuid}\n", f"{{{uuid}}}", uuid.hex, f" {uuid}"):
        assert not is_credential_id(other)


@given(
    idle_s=st.integers(1, 10**7),
    longest_s=st.integers(1, 10**7),
    waits_s=st.lists(st.integers(0, 10**6), max_size=20),
)
def test_no_session_outlives_its_end(idle_s: int, longest_s: int, waits_s: list[int]) -> None:
    ends_at = NOON + timedelta(seconds=longest_s)
    session = make_session(expires_at=min(NOON + timedelta(seconds=idle_s), ends_at), ends_at=ends_at)
    at = NOON
    for number, wait_s in enumerate(waits_s):
        at += timedelta(seconds=wait_s)
        if not session.is_active(at):
            return
        session = session.refreshed(token(number), at=at, idle=timedelta(seconds=idle_s))
        assert at < ends_at
        assert session.expires_at <= session.ends_at == ends_at
        assert session.expires_at in {at + timedelta(seconds=idle_s), ends_at}


def test_a_session_is_over_at_the_instant_at_which_it_expires() -> None:
    session = make_session()
    assert session.is_active(session.expires_at - MOMENT)
    assert not session.is_active(session.expires_at)


def test_a_refresh_replaces_the_token_and_remembers_the_one_before() -> None:
    session = session_of(token(1)).refreshed(token(2), at=NOON, idle=timedelta(days=1))
    assert (session.current_digest, session.previous_digest) == (digest(token(2).secret), digest(token(1).secret))
    assert session.refreshed_at == NOON


def test_of_the_family_are_the_tokens_that_begin_alike() -> None:
    session = session_of(token(1))
    assert session.is_of_family(token(7))
    assert not session.is_of_family(token(1, family=bytes(FAMILY_BYTES)))


@pytest.mark.parametrize(
    ("number", "at", "is_repeated"),
    [
        (1, NOON, True),
        (1, NOON + GRACE - MOMENT, True),
        (1, NOON + GRACE, False),
        (2, NOON, False),
        (0, NOON, False),
    ],
)
def test_only_the_token_before_the_current_one_is_repeated_and_only_for_a_while(
    number: int,
    at: datetime,
    is_repeated: bool,  # noqa: FBT001
) -> None:
    session = session_of(token(1)).refreshed(token(2), at=NOON, idle=timedelta(days=1))
    assert session.repeats(token(number), at=at) is is_repeated


def test_before_its_first_refresh_a_session_has_no_token_to_repeat() -> None:
    assert not session_of(token(1)).repeats(token(1), at=NOON)


def test_a_key_is_opened_by_its_secret_until_it_expires() -> None:
    shown = Presented(user_id=OWNER, credential_id=ID, secret=bytes(SECRET_BYTES))
    key = make_api_key(digest=digest(shown.secret))
    assert key.is_opened_by(shown)
    assert not key.is_opened_by(token())
    assert key.is_active(key.expires_at - MOMENT)
    assert not key.is_active(key.expires_at)
    assert key.used(NOON).last_used_at == NOON


def test_a_session_is_good_for_everything_and_a_key_for_what_it_says_but_never_for_the_account() -> None:
    by_session, by_key = Caller.by(make_session()), Caller.by(make_api_key(scopes=frozenset({Scope.JOBS_READ})))
    assert by_session.scopes == set(Scope)
    assert by_key.scopes == {Scope.JOBS_READ}
    assert Scope.ACCOUNT not in KEY_SCOPES
    assert (by_session.signed_in_at, by_key.signed_in_at) == (NOON, None)
    assert (by_key.user_id, by_key.username) == (OWNER, "ada")


def test_sessions_and_keys_that_have_not_ended_are_listed_apart_and_newest_first() -> None:
    later = NOON + timedelta(days=1)
    old, new = make_session(), make_session(credential_id=ID, started_at=later)
    old_key, new_key = make_api_key(), make_api_key(credential_id=ID, created_at=later)
    ended: list[Credential] = [make_session(expires_at=later), make_api_key(expires_at=later)]
    everything: list[Credential] = [old, old_key, *ended, new, new_key]
    assert sessions(everything, at=later) == [new, old]
    assert api_keys(everything, at=later) == [new_key, old_key]


@pytest.mark.asvs("11.4.1")
def test_what_is_kept_of_a_secret_is_its_sha_256() -> None:
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

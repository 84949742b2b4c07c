"""What PyJWT accepts and this service must not, and what nobody may accept: each is a plain 401."""

import logging
import re

import pytest

from chalicelib.adapters.tokens import JwtCodec
from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.errors import NotAuthenticated
from tests.api.client import Answer, Api
from tests.api.hostile_tokens import EXPIRED, GOOD, HOSTILE, ISSUER, RING, SESSION_ID, VALID
from tests.factories import World, make_session
from tests.fakes import FixedClock, FixedKeys

NOT_OURS = "the token is not one of this service's; log in again"
NO_TOKEN = "send the header Authorization: Bearer <token>, with the access_token that POST /login returns"


def codec() -> JwtCodec:
    clock = FixedClock()
    return JwtCodec(issuer=ISSUER, keys=FixedKeys(RING, clock), clock=clock)


@pytest.fixture(scope="module")
def api() -> Api:
    """Where the session that all tokens name is there, so that nothing but the token itself can be refused."""
    world = World(tokens=codec(), read_quota=1_000_000)
    session = make_session(credential_id=CredentialId(SESSION_ID))
    world.credentials.rows[session.user_id, session.credential_id] = session
    return Api(world)


def asked(api: Api, token: str) -> Answer:
    return api.get("/jobs", token=token)


def test_the_corpus_is_large_and_no_token_is_in_it_twice() -> None:
    assert len(HOSTILE) >= 70
    tokens = [*HOSTILE.values(), *GOOD.values(), *EXPIRED.values()]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_opens(api: Api, name: str) -> None:
    assert asked(api, GOOD[name]).status == 200


@pytest.mark.parametrize("name", EXPIRED)
def test_an_expired_token_is_told_so(api: Api, name: str) -> None:
    answer = asked(api, EXPIRED[name])
    assert (answer.status, answer.problem["detail"]) == (401, "the token has expired; log in again")


@pytest.mark.asvs("9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.2.2", "9.2.3")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_is_a_401_that_repeats_nothing_of_it(
    api: Api, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = asked(api, HOSTILE[name])
    assert (answer.status, answer.problem["code"]) == (401, "NOT_AUTHENTICATED")
    assert answer.problem["detail"] in {NOT_OURS, NO_TOKEN}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for segment in re.split(r"[.\s]", HOSTILE[name]):
        assert len(segment) < 20 or segment not in caplog.text


@pytest.mark.asvs("9.1.1", "9.1.2", "9.1.3")
@pytest.mark.parametrize("name", HOSTILE)
def test_the_codec_itself_refuses_it_with_nothing_but_its_own_error(name: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        codec().verify(HOSTILE[name])
    assert str(refused.value) == NOT_OURS


def test_no_other_character_can_stand_anywhere_in_a_token() -> None:
    own = codec()
    for place, character in enumerate(VALID):
        for other in ("A", "B", "-", "=", ".", "\n", "é"):
            if other != character:
                with pytest.raises(NotAuthenticated):
                    own.verify(VALID[:place] + other + VALID[place + 1 :])
    own.verify(VALID)


class NotedKeys(FixedKeys):
    """Knows no key; ``asked_for`` are the kids."""

    def __init__(self) -> None:
        super().__init__(RING, FixedClock())
        self.asked_for: list[str] = []

    def verifying(self, kid: str) -> None:
        self.asked_for.append(kid)


@pytest.mark.parametrize(("characters", "is_read"), [(4096, True), (4097, False), (1_000_000, False)])
def test_what_is_too_long_is_not_even_looked_at(characters: int, is_read: bool) -> None:  # noqa: FBT001
    keys = NotedKeys()
    head, _, signature = VALID.split(".")
    with pytest.raises(NotAuthenticated):
        JwtCodec(issuer=ISSUER, keys=keys, clock=FixedClock()).verify(
            f"{head}.{'A' * (characters - len(head) - len(signature) - 2)}.{signature}"
        )
    assert keys.asked_for == (["first"] if is_read else [])


@pytest.mark.asvs("9.1.3")
def test_only_a_kid_of_the_right_form_is_looked_up() -> None:
    """Looking up one that is unknown may ask the parameter store."""
    keys = NotedKeys()
    own = JwtCodec(issuer=ISSUER, keys=keys, clock=FixedClock())
    for name, token in HOSTILE.items():
        if name.startswith("kid "):
            with pytest.raises(NotAuthenticated):
                own.verify(token)
    assert sorted(keys.asked_for) == ["FIRST", "unknown"]

"""Guessing passwords: what it costs the guesser, and that it keeps no user out."""

import pytest

from tests.api.client import PASSWORD, Answer, Api
from tests.factories import World

HOME = "198.51.100.7"
ELSEWHERE = "203.0.113.9"


def guessed(api: Api, username: str, address: str, times: int) -> list[Answer]:
    return [api.log_in(username, "a wrong password", address=address) for _ in range(times)]


def strangers(count: int) -> list[str]:
    """Addresses of an attacker with many machines."""
    return [f"192.0.2.{number}" for number in range(count)]


def test_a_name_that_nobody_has_is_answered_as_one_that_somebody_has_to_the_last_header() -> None:
    """Also when its limit is spent: neither the answers nor the counting tell the two apart."""

    def answers(username: str) -> list[Answer]:
        api = Api(World(sign_in_quota=3, address_quota=5))
        api.registered("ada")
        return [*guessed(api, username, ELSEWHERE, 4), api.log_in(username, address=HOME), *guessed(api, "x", HOME, 6)]

    known, unknown = answers("ada"), answers("eve")
    assert [answer.status for answer in known] == [401, 401, 401, 429, 429, *[401] * 3, 429, 429, 429]
    assert known == unknown


def test_a_disabled_account_is_answered_as_a_wrong_password() -> None:
    api = Api()
    api.registered("root")
    api.made_admin("root")
    api.registered("ada")
    wrong = api.log_in("ada", "a wrong password")
    administrator = api.signed_in("root").access
    assert api.send("PATCH", "/users/ada", '{"is_disabled": true}', token=administrator).status == 200
    right = api.log_in("ada")
    assert (right.status, right.text) == (wrong.status, wrong.text)


@pytest.mark.asvs("6.3.1")
def test_whoever_uses_up_the_attempts_of_a_name_keeps_nobody_out_who_has_signed_in_from_where_he_is() -> None:
    api = Api(World(sign_in_quota=10))
    api.registered("ada")
    api.signed_in("ada", address=HOME)
    refused = [guessed(api, "ada", address, 1)[0].status for address in strangers(30)]
    assert refused == [401] * 9 + [429] * 21, "one attempt was the owner's own"
    assert api.log_in("ada", address=ELSEWHERE).status == 429, "nobody knows yet who that is"
    assert api.log_in("ada", address=HOME).status == 200


@pytest.mark.asvs("6.3.1")
def test_an_address_that_an_account_knows_has_a_limit_too() -> None:
    """A thief at the owner's desk does not have more attempts than others."""
    api = Api(World(sign_in_quota=3))
    api.registered("ada")
    api.signed_in("ada", address=HOME)
    assert [answer.status for answer in guessed(api, "ada", HOME, 4)] == [401, 401, 401, 429]
    assert api.log_in("ada", address=HOME).status == 429


def test_an_address_is_known_to_the_account_that_signed_in_from_it_and_to_no_other() -> None:
    api = Api(World(sign_in_quota=3))
    api.registered("ada")
    api.registered("eve")
    api.signed_in("eve", address=ELSEWHERE)
    guessed(api, "ada", HOME, 3)
    assert api.log_in("ada", address=ELSEWHERE).status == 429
    assert api.log_in("eve", address=ELSEWHERE).status == 200


def test_a_wrong_password_makes_no_address_known() -> None:
    api = Api(World(sign_in_quota=3))
    api.registered("ada")
    guessed(api, "ada", ELSEWHERE, 3)
    assert api.log_in("ada", address=ELSEWHERE).status == 429


@pytest.mark.asvs("2.4.1", "6.3.1")
def test_one_address_has_so_many_attempts_whatever_the_names() -> None:
    api = Api(World(address_quota=3))
    answers = [api.log_in(f"user-{number}", address=ELSEWHERE) for number in range(5)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].problem["detail"].startswith("the limit sign-in-address is 3 in any 3600 s")
    assert api.log_in("user-0", address=HOME).status == 401


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2::2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
def test_an_address_is_one_of_ipv4_and_a_64_of_ipv6(first: str, second: str, is_one: bool) -> None:  # noqa: FBT001
    api = Api(World(address_quota=1, registration_quota=1))
    for path in ("/login", "/register"):
        credentials = {"username": "ada", "password": PASSWORD}
        assert api.post(path, credentials, address=first).status != 429
        again = api.post(path, credentials | {"username": "eve"}, address=second)
        assert (again.status == 429) is is_one


@pytest.mark.asvs("4.1.3", "15.3.4")
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"])
def test_an_address_is_what_api_gateway_saw_and_no_header(name: str) -> None:
    api = Api(World(address_quota=1, registration_quota=1))
    body = f'{{"username": "ada", "password": "{PASSWORD}"}}'
    for path in ("/login", "/register"):
        statuses = [
            api.send("POST", path, body, headers={name: address}, address=ELSEWHERE).status for address in strangers(3)
        ]
        assert statuses[1:] == [429, 429]
    assert {event.address for event in api.world.audit.all()} == {ELSEWHERE}


def test_what_is_refused_by_a_limit_looks_at_no_password_and_leaves_no_event() -> None:
    api = Api(World(sign_in_quota=2))
    api.registered("ada")
    guessed(api, "ada", ELSEWHERE, 2)
    checks, events = len(api.hashed), len(api.world.audit.all())
    refused = api.log_in("ada", address=ELSEWHERE)
    assert refused.status == 429
    assert (len(api.hashed), len(api.world.audit.all())) == (checks, events)
    api.world.clock.advance(seconds=int(refused.headers["Retry-After"]) - 1)
    assert api.log_in("ada", address=ELSEWHERE).status == 429
    api.world.clock.advance(seconds=1)
    assert api.log_in("ada", address=ELSEWHERE).status == 200


@pytest.mark.asvs("16.3.1")
def test_a_name_that_nobody_has_costs_a_look_at_a_hash_and_an_event_as_a_wrong_password_does() -> None:
    """So it takes the same time; and the event is nobody's to read."""
    api = Api()
    api.registered("ada")
    for username, events in (("ada", 1), ("eve", 1), ("no name#at all", 1)):
        checks, before = len(api.hashed), len(api.world.audit.all())
        api.log_in(username, "a wrong password")
        assert len(api.hashed) == checks + 1
        assert len(api.world.audit.all()) == before + events
    actors = [event.actor for event in api.world.audit.all() if event.action == "SIGN_IN_FAILED"]
    assert actors == ["ada", "(unknown)", "(unknown)"], "what was typed as a name may be a password"

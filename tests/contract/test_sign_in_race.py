"""
Attempts to sign in, a thousand at once: exactly the quota of them gets as far as the password.

Each thread is a container: it has services of its own, and only the store of the limits is common, as the tables are.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest

from chalicelib.bootstrap import Services
from chalicelib.domain.errors import NotAuthenticated, RateLimited
from chalicelib.domain.users import ADDRESSES_KNOWN_MAX, address_digest
from chalicelib.ports import RateLimitStore
from chalicelib.services.rate_limiting import RateLimiter
from tests.api.client import Api
from tests.contract.conftest import Ports
from tests.events import api_event
from tests.factories import World
from tests.fakes import NOON, FixedClock, ReversedPasswords
from tests.sign_in import ELSEWHERE, HOME, PASSWORD, logged_in, registered

AHEAD = NOON.replace(year=2100)
"""Ahead of the emulators' own clock, by which they delete what has expired."""

ATTEMPTS = 1000
CONTAINERS = 64
QUOTA = 20
WRONG = "incorrect horse"
ALL_BACK = timedelta(hours=1, minutes=10)
"""The window and an interval: by then all permits have come back."""

Mine = TypeVar("Mine")


class SharedLimits(World):
    """A world whose limits are counted in a given store."""

    store: RateLimitStore

    def services(self) -> Services:
        services = super().services()
        services.rate_limiter = RateLimiter(self.store, self.clock, self.ids)
        return services


def world_over(store: RateLimitStore, *, sign_in_quota: int = QUOTA, address_quota: int = 10**6) -> SharedLimits:
    world = SharedLimits(
        clock=FixedClock(AHEAD),
        passwords=ReversedPasswords(),
        sign_in_quota=sign_in_quota,
        address_quota=address_quota,
    )
    world.store = store
    return world


def hashed(world: World) -> int:
    """How many attempts took the work of a hash."""
    assert isinstance(world.passwords, ReversedPasswords)
    return len(world.passwords.worked_on)


def begin_counting(world: World) -> None:
    assert isinstance(world.passwords, ReversedPasswords)
    world.passwords.worked_on.clear()


def addresses(number: int = ATTEMPTS) -> list[str]:
    return [f"198.18.{each // 250}.{each % 250 + 1}" for each in range(number)]


def at_once(
    container: Callable[[], Mine], attempt: Callable[[Mine, str, str], str], pairs: Sequence[tuple[str, str]]
) -> Counter[str]:
    """Make an attempt of each pair of a name and an address, all containers released together; count the outcomes."""
    gate = threading.Barrier(CONTAINERS)

    def serve(number: int) -> list[str]:
        mine = container()
        gate.wait(timeout=60)
        return [attempt(mine, *pair) for pair in pairs[number::CONTAINERS]]

    with ThreadPoolExecutor(CONTAINERS) as pool:
        return Counter(outcome for outcomes in pool.map(serve, range(CONTAINERS)) for outcome in outcomes)


def by_services(services: Services, username: str, address: str) -> str:
    """Try a wrong password in the order of ``POST /login``; whatever else is raised fails the test."""
    accounts, limiter = services.accounts, services.rate_limiter
    try:
        limiter.admit(address_digest(address), services.sign_in_address_limit)
        attempt = accounts.sign_in(username, address)
        limiter.admit(attempt.holder, services.sign_in_limit)
        accounts.log_in(attempt, WRONG)
    except RateLimited:
        return "limited"
    except NotAuthenticated:
        return "refused"
    return "signed in"


def by_http(api: Api, username: str, address: str) -> str:
    """Try a wrong password by ``POST /login``."""
    answer = posted(api, username, WRONG, address)
    return {429: "limited", 401: "refused"}.get(answer, str(answer))


def posted(api: Api, username: str, password: str, address: str) -> int:
    body = f'{{"username": "{username}", "password": "{password}"}}'
    context = api_event("POST", "/login")["requestContext"]
    context["identity"]["sourceIp"] = address
    return api.send("POST", "/login", body, overrides={"requestContext": context}).status


@pytest.mark.parametrize("is_registered", [True, False])
def test_of_a_thousand_attempts_for_one_name_from_as_many_addresses_the_quota_is_hashed(
    atomic_ports: Ports,
    is_registered: bool,  # noqa: FBT001
) -> None:
    world = world_over(atomic_ports.limits)
    if is_registered:
        registered(world.services())
    begin_counting(world)
    outcomes = at_once(world.services, by_services, [("ada", address) for address in addresses()])
    assert outcomes == {"refused": QUOTA, "limited": ATTEMPTS - QUOTA}
    assert hashed(world) == QUOTA


def test_of_a_thousand_attempts_for_as_many_names_from_one_address_the_quota_is_hashed(atomic_ports: Ports) -> None:
    world = world_over(atomic_ports.limits, address_quota=QUOTA)
    outcomes = at_once(world.services, by_services, [(f"name{each}", ELSEWHERE) for each in range(ATTEMPTS)])
    assert outcomes == {"refused": QUOTA, "limited": ATTEMPTS - QUOTA}
    assert hashed(world) == QUOTA


def test_of_a_thousand_calls_for_one_name_from_as_many_addresses_the_quota_is_hashed(atomic_ports: Ports) -> None:
    world = world_over(atomic_ports.limits)
    registered(world.services())
    begin_counting(world)
    outcomes = at_once(lambda: Api(world), by_http, [("ada", address) for address in addresses()])
    assert outcomes == {"refused": QUOTA, "limited": ATTEMPTS - QUOTA}
    assert hashed(world) == QUOTA


def test_of_a_thousand_calls_for_as_many_names_from_one_address_the_quota_is_hashed(atomic_ports: Ports) -> None:
    world = world_over(atomic_ports.limits, address_quota=QUOTA)
    outcomes = at_once(lambda: Api(world), by_http, [(f"name{each}", ELSEWHERE) for each in range(ATTEMPTS)])
    assert outcomes == {"refused": QUOTA, "limited": ATTEMPTS - QUOTA}
    assert hashed(world) == QUOTA


def test_nobody_is_locked_out_for_good_and_the_owner_not_even_meanwhile(atomic_ports: Ports) -> None:
    world = world_over(atomic_ports.limits)
    services = world.services()
    registered(services)
    logged_in(services, address=HOME)
    at_once(world.services, by_services, [("ada", address) for address in addresses(10 * QUOTA)])
    api = Api(world)
    assert posted(api, "ada", PASSWORD, ELSEWHERE) == 429, "the right password from a new address waits too"
    assert [posted(api, "ada", PASSWORD, HOME) for _ in range(QUOTA + 1)] == [200] * QUOTA + [429]
    world.clock.advance(seconds=ALL_BACK.total_seconds())
    assert posted(api, "ada", PASSWORD, ELSEWHERE) == 200


def test_no_number_of_wrong_passwords_makes_an_address_known_or_pushes_one_out(atomic_ports: Ports) -> None:
    world = world_over(atomic_ports.limits, sign_in_quota=10**6)
    services = world.services()
    registered(services)
    logged_in(services, address=HOME)
    before = world.users.find("ada")
    outcomes = at_once(
        world.services, by_services, [("ada", address) for address in addresses(10 * ADDRESSES_KNOWN_MAX)]
    )
    assert outcomes == {"refused": 10 * ADDRESSES_KNOWN_MAX}
    assert world.users.find("ada") == before
    assert before is not None
    assert set(before.known_addresses) == {address_digest(HOME)}

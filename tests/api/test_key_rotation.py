"""Rotation and replacement of the signing keys, as signed-in users see them, over two containers that read at odds."""

import copy
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib.adapters.signing_keys import SsmSigningKeys
from chalicelib.adapters.succession import HmacSuccession
from chalicelib.adapters.tokens import JwtCodec
from chalicelib.domain.signing_keys import PUBLISHED_BEFORE_SIGNING, RING_MAX_AGE, VERIFIES_AFTER_SIGNING
from deployment.key_ring import KeyRingStore
from tests.api.client import Api
from tests.aws import by_sdk
from tests.factories import World, make_session_limits
from tests.fakes import FixedClock, PassingTime
from tests.parameter_store import ParameterStore

CREDENTIALS = {"username": "ada", "password": "correct horse"}
STEP = timedelta(seconds=15)
TTL = timedelta(hours=1)
"""The longest that there may be."""


class Deployment:
    """Two containers of one deployment, which share all but the ring that each has read, and its operator."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.store = ParameterStore()
        self.operator = KeyRingStore(self.store, "/stack/signing-keys", PassingTime(self.clock))
        assert self.operator.made(at=self.clock.now())
        shared = World(clock=self.clock, session_limits=make_session_limits(token_ttl=TTL))
        self.readers = [self._reader(), self._reader()]
        self.containers = [self._container(shared, keys) for keys in self.readers]
        assert self.containers[0].post("/register", CREDENTIALS).status == 201

    def _reader(self) -> SsmSigningKeys:
        store = self.store
        return SsmSigningKeys(
            lambda: by_sdk(store), lambda: by_sdk(store), parameter="/stack/signing-keys", clock=self.clock
        )

    def _container(self, shared: World, keys: SsmSigningKeys) -> Api:
        world = copy.copy(shared)
        world.tokens = JwtCodec(issuer="stack", keys=keys, clock=self.clock)
        world.keys = keys
        world.succession = HmacSuccession(keys)
        return Api(world)

    def pass_time(self, duration: timedelta) -> Iterator[None]:
        """Let time pass, step by step."""
        for _ in range(duration // STEP):
            self.clock.advance(seconds=STEP.total_seconds())
            yield

    def token(self, container: int) -> str:
        answer = self.containers[container].post("/login", CREDENTIALS)
        assert answer.status == 200
        return str(answer.json["access_token"])

    def statuses(self, token: str) -> list[int]:
        """What each container answers to a token."""
        return [container.get("/jobs", token=token).status for container in self.containers]


@pytest.fixture
def deployment() -> Deployment:
    deployment = Deployment()
    # The second container reads half an age after the first, and so always holds a ring of another age.
    deployment.token(0)
    deployment.clock.advance(seconds=RING_MAX_AGE.total_seconds() / 2)
    deployment.token(1)
    return deployment


def test_a_rotation_signs_nobody_out(deployment: Deployment) -> None:
    """Every token of either container, made at any time around the rotation, opens both until it expires."""
    deployment.operator.rotated(at=deployment.clock.now())
    tokens = [(deployment.clock.now(), deployment.token(container)) for container in (0, 1)]
    for _ in deployment.pass_time(PUBLISHED_BEFORE_SIGNING + RING_MAX_AGE):
        tokens += [(deployment.clock.now(), deployment.token(container)) for container in (0, 1)]
    for made_at, token in tokens:
        assert deployment.clock.now() < made_at + TTL
        assert deployment.statuses(token) == [200, 200]
    last_of_old = deployment.clock.now()
    for _ in deployment.pass_time(TTL):
        now = deployment.clock.now()
        for made_at, token in tokens[::10]:
            assert deployment.statuses(token) == (
                [200, 200] if now < made_at + TTL + timedelta(seconds=30) else [401] * 2
            )
    assert last_of_old + TTL == deployment.clock.now()


@pytest.mark.asvs("11.2.2")
def test_the_old_key_signs_until_all_know_the_new_one_and_is_gone_in_the_end(deployment: Deployment) -> None:
    readers = deployment.readers
    assert [len(keys.all_verifying()) for keys in readers] == [1, 1]
    change = deployment.operator.rotated(at=deployment.clock.now())
    signing = [[keys.signing().kid for keys in readers] for _ in deployment.pass_time(PUBLISHED_BEFORE_SIGNING)]
    assert signing[-1] == [change.kid, change.kid]
    assert all(change.kid not in kids for kids in signing[:-1]), "not a step before"
    deployment.clock.advance(seconds=VERIFIES_AFTER_SIGNING.total_seconds())
    assert [[key.kid for key in keys.all_verifying()] for keys in readers] == [[change.kid], [change.kid]]


def test_two_rotations_soon_after_one_another_sign_nobody_out_either(deployment: Deployment) -> None:
    tokens = [deployment.token(0)]
    for _ in range(2):
        deployment.operator.rotated(at=deployment.clock.now())
        for _ in deployment.pass_time(timedelta(minutes=2)):
            tokens += [deployment.token(0), deployment.token(1)]
    for _ in deployment.pass_time(timedelta(minutes=15)):
        tokens += [deployment.token(0), deployment.token(1)]
    for token in tokens:
        assert deployment.statuses(token) == [200, 200]


def test_a_rotation_breaks_no_list_that_is_being_paged(deployment: Deployment) -> None:
    token = deployment.token(0)
    for _ in range(3):
        deployment.containers[0].submitted(token)
    first = deployment.containers[0].get("/jobs", token=token, query="limit=1").json
    deployment.operator.rotated(at=deployment.clock.now())
    for _ in deployment.pass_time(PUBLISHED_BEFORE_SIGNING + STEP):
        pass
    for container in deployment.containers:
        second = container.get("/jobs", token=token, query=f"limit=1&cursor={first['next_cursor']}").json
        third = container.get("/jobs", token=token, query=f"limit=1&cursor={second['next_cursor']}").json
        assert len({page["jobs"][0]["job_id"] for page in (first, second, third)}) == 3


@pytest.mark.asvs("11.2.2")
def test_a_replacement_ends_the_tokens_of_the_old_key_within_the_age_of_a_ring(deployment: Deployment) -> None:
    old = deployment.token(0)
    deployment.operator.replaced(at=deployment.clock.now())
    # Who signs in where the new ring is read first is known at once where it is not: an unknown kid has it read.
    deployment.clock.advance(seconds=RING_MAX_AGE.total_seconds() / 2)
    new = deployment.token(0)
    assert deployment.statuses(new) == [200, 200]
    assert deployment.statuses(old) == [401, 401]
    refusal = deployment.containers[0].get("/jobs", token=old)
    assert refusal.problem["detail"] == "the token is not one of this service's; log in again"


def test_without_a_call_that_tells_it_a_container_goes_by_the_old_ring_for_five_minutes_at_most(
    deployment: Deployment,
) -> None:
    old = deployment.token(1)
    deployment.operator.replaced(at=deployment.clock.now())
    for _ in deployment.pass_time(RING_MAX_AGE - STEP):
        assert deployment.containers[1].get("/jobs", token=old).status == 200
    deployment.clock.advance(seconds=STEP.total_seconds())
    assert deployment.statuses(old) == [401, 401]


def test_with_the_parameter_store_away_who_is_signed_in_stays_so_for_an_hour(deployment: Deployment) -> None:
    deployment.store.away = True
    for _ in deployment.pass_time(timedelta(minutes=55)):
        assert deployment.statuses(deployment.token(1)) == [200, 200]
    for _ in deployment.pass_time(timedelta(minutes=6)):
        pass
    answer = deployment.containers[0].post("/login", CREDENTIALS)
    assert (answer.status, answer.problem["code"]) == (503, "UNAVAILABLE")
    deployment.store.away = False
    deployment.clock.advance(seconds=10)
    assert deployment.statuses(deployment.token(0)) == [200, 200]


def test_a_token_of_a_key_that_cannot_be_looked_up_is_a_503_and_no_reason_to_sign_in_again(
    deployment: Deployment,
) -> None:
    deployment.operator.replaced(at=deployment.clock.now())
    deployment.clock.advance(seconds=RING_MAX_AGE.total_seconds() / 2)
    new = deployment.token(0)
    deployment.store.away = True
    assert deployment.statuses(new) == [200, 503]
    deployment.store.away = False
    deployment.clock.advance(seconds=10)
    assert deployment.statuses(new) == [200, 200]


def test_refresh_tokens_go_on_through_a_rotation_and_a_replacement(deployment: Deployment) -> None:
    """Also one whose answer was lost: asked again, either container gives the successor that the first one gave."""

    def refreshed(container: int, token: str) -> str:
        answer = deployment.containers[container].post("/token/refresh", {"refresh_token": token})
        assert answer.status == 200
        return str(answer.json["refresh_token"])

    token = str(deployment.containers[0].post("/login", CREDENTIALS).json["refresh_token"])
    deployment.operator.rotated(at=deployment.clock.now())
    for step, _ in enumerate(deployment.pass_time(PUBLISHED_BEFORE_SIGNING + RING_MAX_AGE)):
        following = refreshed(step % 2, token)
        assert refreshed((step + 1) % 2, token) == following
        token = following
    deployment.operator.replaced(at=deployment.clock.now())
    for container, _ in zip((0, 1, 0, 1), deployment.pass_time(RING_MAX_AGE * 2), strict=False):
        token = refreshed(container, token)

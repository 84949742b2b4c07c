"""The key ring in a real parameter store: written by the operator's code, read by a container's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.adapters.signing_keys import SsmSigningKeys
from chalicelib.adapters.system import SystemPause
from chalicelib.domain.errors import Unavailable
from deployment.key_ring import KeyRingStore
from tests.aws import by_sdk, client, nowhere, product_client
from tests.fakes import NOON, FixedClock

NUMBERS = count(1)


class Deployment:
    """One parameter, which an operator writes and a container reads."""

    def __init__(self, ssm: Any, own: Any = None) -> None:
        self.ssm = ssm
        self._own = own or by_sdk(ssm)
        self.parameter = f"/stack-{next(NUMBERS)}/signing-keys"
        self.clock = FixedClock()
        self.operator = KeyRingStore(ssm, self.parameter, SystemPause())

    def container(self, ssm: Any = None) -> SsmSigningKeys:
        own = by_sdk(ssm) if ssm else self._own
        return SsmSigningKeys(lambda: own, lambda: own, parameter=self.parameter, clock=self.clock)


@pytest.fixture(params=["moto", "ministack"])
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    if request.param == "moto":
        with mock_aws():
            yield Deployment(client("ssm"))
    else:
        url = request.getfixturevalue("ministack")
        yield Deployment(client("ssm", url), product_client("ssm", url))


def test_what_is_written_is_read_and_encrypted_at_rest(deployment: Deployment) -> None:
    made = deployment.operator.made(at=NOON)
    assert made is not None
    assert deployment.container().signing() == made.after.keys[0]
    stored = deployment.ssm.get_parameter(Name=deployment.parameter, WithDecryption=False)["Parameter"]
    assert stored["Type"] == "SecureString"


def test_a_ring_is_made_once(deployment: Deployment) -> None:
    made = deployment.operator.made(at=NOON)
    assert deployment.operator.made(at=NOON) is None
    assert made is not None
    assert deployment.container().signing() == made.after.keys[0]


def test_a_rotation_and_a_replacement_arrive(deployment: Deployment) -> None:
    deployment.operator.made(at=NOON)
    container = deployment.container()
    old = container.signing()
    rotated = deployment.operator.rotated(at=NOON)
    deployment.clock.advance(minutes=5)
    assert container.signing() == rotated.after.verifying(old.kid, NOON)
    deployment.clock.advance(minutes=1)
    assert container.signing().kid == rotated.kid
    replaced = deployment.operator.replaced(at=deployment.clock.now())
    deployment.clock.advance(seconds=10)
    assert container.verifying(replaced.kid) == container.signing() == replaced.after.keys[0]
    assert container.verifying(old.kid) is None


def test_concurrent_runs_lose_no_key(ministack: str) -> None:
    """By the numbers of the versions and the history. Not on moto, which may give two writes one number."""
    deployment = Deployment(client("ssm", ministack))
    deployment.operator.made(at=NOON)
    with ThreadPoolExecutor(5) as pool:
        changes = list(pool.map(lambda _: deployment.operator.rotated(at=NOON), range(5)))
    kids = {key.kid for key in deployment.container().all_verifying()}
    assert {change.kid for change in changes} < kids
    assert len(kids) == 6


def test_a_version_that_was_overwritten_is_merged_in(deployment: Deployment) -> None:
    made = deployment.operator.made(at=NOON)
    assert made is not None
    late = KeyRingStore(_WritesLate(deployment), deployment.parameter, SystemPause())
    rotated = late.rotated(at=NOON)
    kids = {key.kid for key in deployment.container().all_verifying()}
    assert made.kid not in kids, "a replacement came in between"
    assert rotated.kid in kids
    assert len(kids) == 2


class _WritesLate:
    """A client before whose first write somebody else replaces the ring."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._is_first = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._deployment.ssm, name)

    def put_parameter(self, **arguments: Any) -> Any:
        if self._is_first:
            self._is_first = False
            self._deployment.operator.replaced(at=NOON)
        return self._deployment.ssm.put_parameter(**arguments)


def test_a_parameter_that_is_not_there_is_the_operators_business(deployment: Deployment) -> None:
    with pytest.raises(AwsRefusal, match="ParameterNotFound"):
        deployment.container().signing()
    with pytest.raises(ClientError, match="ParameterNotFound"):
        deployment.operator.rotated(at=NOON)


def test_without_the_parameter_store_nothing_is_signed() -> None:
    deployment = Deployment(client("ssm", nowhere()), product_client("ssm", nowhere()))
    with pytest.raises(Unavailable, match="the parameter store does not answer"):
        deployment.container().signing()

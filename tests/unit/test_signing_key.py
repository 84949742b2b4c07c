from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.adapters.signing_key import SsmSigningKey
from chalicelib.domain.errors import Unavailable


class ParameterStore:
    """Answers each call with the next of what it is given."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def get_parameter(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Parameter": {"Value": answer}}


def key_in(store: Any) -> SsmSigningKey:
    return SsmSigningKey(lambda: store, parameter="/stack/signing-key")


def test_the_key_is_read_once() -> None:
    store = ParameterStore("ab" * 32)
    key = key_in(store)
    assert key() == key() == bytes([0xAB]) * 32
    assert store.calls == [{"Name": "/stack/signing-key", "WithDecryption": True}]


@pytest.mark.parametrize("value", ["", "ab" * 31, "not hexadecimal"])
def test_a_key_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"at least 32 bytes|hexadecimal"):
        key_in(ParameterStore(value))()


def test_a_store_that_is_away_is_asked_again() -> None:
    key = key_in(ParameterStore(EndpointConnectionError(endpoint_url="http://nowhere"), "ab" * 32))
    with pytest.raises(Unavailable, match="the parameter store does not answer"):
        key()
    assert key()


def test_a_missing_parameter_is_the_operators_business() -> None:
    missing = ClientError({"Error": {"Code": "ParameterNotFound", "Message": "no"}}, "GetParameter")
    with pytest.raises(ClientError, match="ParameterNotFound"):
        key_in(ParameterStore(missing))()


def test_nothing_is_asked_before_the_first_use() -> None:
    def no_client() -> Any:
        pytest.fail("a client was made")

    SsmSigningKey(no_client, parameter="/stack/signing-key")

"""The key that signs access tokens, kept as a SecureString in Systems Manager's parameter store."""

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_ssm import SSMClient

KEY_MIN_BYTES = 32


class SsmSigningKey:
    """Reads the key once and keeps it for the life of the container."""

    def __init__(self, client: "Callable[[], SSMClient]", *, parameter: str) -> None:
        self._client = client
        self._parameter = parameter

    def __call__(self) -> bytes:
        """
        Return the key.

        Raises:
            Unavailable: The parameter store does not answer.
            ValueError: The parameter holds fewer than `KEY_MIN_BYTES` bytes of hexadecimal text.
        """
        return self._key

    @cached_property
    def _key(self) -> bytes:
        client = self._client()
        with unavailable_when_away("the parameter store"):
            answer = client.get_parameter(Name=self._parameter, WithDecryption=True)
        key = bytes.fromhex(answer["Parameter"]["Value"])
        if len(key) < KEY_MIN_BYTES:
            message = f"the signing key in {self._parameter} must be at least {KEY_MIN_BYTES} bytes as hexadecimal text"
            raise ValueError(message)
        return key

"""Systems Manager's parameter store in memory, as far as the key ring asks it: numbered versions and their history."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable


class _AlreadyExists(Exception):
    pass


class _TooManyUpdates(Exception):
    pass


class _Exceptions:
    ParameterAlreadyExists = _AlreadyExists
    TooManyUpdates = _TooManyUpdates


class ParameterStore:
    """
    A client of it.

    ``reads`` counts what `get_parameter` was asked, answered or not. ``before_put`` is called before each write, as if
    others were quicker; ``busy`` writes are refused because others are at it.
    """

    exceptions = _Exceptions

    def __init__(self, **values: str) -> None:
        self.versions: dict[str, list[str]] = {f"/{stack}/signing-keys": [value] for stack, value in values.items()}
        self.reads = 0
        self.busy = 0
        self.away = False
        self.before_put: Callable[[], None] = lambda: None

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803 - AWS's own names
        self.reads += 1
        assert WithDecryption, "else AWS answers with the encrypted text"
        if self.away:
            raise EndpointConnectionError(endpoint_url="http://nowhere")
        name, _, version = Name.partition(":")
        if name not in self.versions:
            answer: Any = {
                "Error": {"Code": "ParameterNotFound", "Message": "no"},
                "ResponseMetadata": {"HTTPStatusCode": HTTPStatus.BAD_REQUEST},
            }
            raise ClientError(answer, "GetParameter")
        number = int(version or len(self.versions[name]))
        return {"Parameter": {"Value": self.versions[name][number - 1], "Version": number}}

    def put_parameter(self, *, Name: str, Type: str, Value: str, Overwrite: bool) -> dict[str, Any]:  # noqa: N803
        assert Type == "SecureString"
        hook, self.before_put = self.before_put, lambda: None
        hook()
        if self.busy:
            self.busy -= 1
            raise _TooManyUpdates
        if Name in self.versions and not Overwrite:
            raise _AlreadyExists
        self.versions.setdefault(Name, []).append(Value)
        return {"Version": len(self.versions[Name])}

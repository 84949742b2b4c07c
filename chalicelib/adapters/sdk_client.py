"""AWS's SDK, for credentials, proxies and endpoints that `chalicelib.adapters.aws_calls` does not know."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - its names

from chalicelib.adapters.aws_calls import Answer, AwsAway, AwsRefusal


class SdkClient:
    """A client of boto3 whose errors are those of `AwsClient`."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - boto3 makes its classes at run time
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        """Return the method of an operation."""
        method: Callable[..., Answer] = getattr(self._client, name)

        def call(**parameters: Any) -> Answer:  # noqa: ANN401 - of any operation
            try:
                return method(**parameters)
            except ClientError as error:
                said = error.response
                status = said.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
                code, message = said["Error"]["Code"], said["Error"].get("Message", "")
                raise AwsRefusal(operation=name, code=code, status=status, message=message, members=said) from error
            except (ConnectionError, HTTPClientError) as error:
                raise AwsAway(str(error)) from error

        return call

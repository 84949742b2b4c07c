"""
Clients of AWS, and what their errors mean.

They are botocore's, as boto3's are, without boto3 itself, which takes a seventh of the time until the first call.

Each is made on first use and kept for the life of the container; botocore is imported then, so a call that needs no
AWS, such as ``GET /health``, never pays for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import Unavailable

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

CONNECT_TIMEOUT_S = 1
READ_TIMEOUT_S = 2
ATTEMPTS = 3
"""
Tries of one call, the first included; between them botocore waits up to 1 s, then up to 2 s.

A request ends with its first call that fails, but for the message of a job whose row stands. Two calls that time out
in every try stay below API Gateway's 29 s.
"""


class AwsClients:
    """
    The clients this deployment uses.

    ``make`` is ``client`` of a boto3 session; without it, all are made by one session of what the environment says.
    """

    def __init__(self, make: Callable[..., Any] | None = None) -> None:
        self._make = make

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB's low-level client."""
        client: DynamoDBClient = self._client("dynamodb")
        return client

    @cached_property
    def dynamodb_once(self) -> "DynamoDBClient":
        """DynamoDB's client for calls that are not worth another try; each ends within 3 s."""
        client: DynamoDBClient = self._client("dynamodb", attempts=1)
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS's client."""
        client: SQSClient = self._client("sqs")
        return client

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge's client."""
        client: EventBridgeClient = self._client("events")
        return client

    @cached_property
    def ssm(self) -> "SSMClient":
        """Systems Manager's client, for the first read of the signing keys."""
        client: SSMClient = self._client("ssm")
        return client

    @cached_property
    def ssm_once(self) -> "SSMClient":
        """Systems Manager's client for reading them again, which is not worth another try."""
        client: SSMClient = self._client("ssm", attempts=1)
        return client

    def _client(self, service: str, *, attempts: int = ATTEMPTS) -> Any:  # noqa: ANN401 - botocore makes its classes at run time
        from botocore.config import Config  # noqa: PLC0415 - see the module

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        make: Callable[..., Any] = self._make or self._session.create_client
        return make(service, config=config)

    @cached_property
    def _session(self) -> "Session":
        from chalicelib.adapters import aws_models  # noqa: PLC0415 - see the module

        return aws_models.new_session()


TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "InternalFailure",
        "InternalError",
        "InternalException",
        "KmsThrottled",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
"""Error codes after which the same call may go through later, whatever their HTTP status."""

TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500


@contextmanager
def unavailable_when_away(service: str) -> Iterator[None]:
    """
    Raise `Unavailable` for throttling, server errors and a network that does not answer.

    Every other error of AWS is a fault of the deployment (a missing table, a missing permission) and passes unchanged.
    """
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004, PLC0415 - see the module

    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response["Error"]["Code"] in TRANSIENT_CODES or status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
            raise _away(service) from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise _away(service) from error


def _away(service: str) -> Unavailable:
    return Unavailable(f"{service} does not answer")

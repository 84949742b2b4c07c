"""
Clients of AWS, and what their errors mean.

Each client is made on first use and kept for the life of the container.
"""

import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.adapters.aws_calls import SERVICES, AwsAway, AwsClient, AwsRefusal, Policy, Service, Surroundings
from chalicelib.adapters.aws_signature import Credentials
from chalicelib.adapters.system import SystemClock, SystemIds, SystemPause, SystemRandomness
from chalicelib.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

CONNECT_TIMEOUT_S = 1
READ_TIMEOUT_S = 2
"""Until a host takes a connection, and between two parts of its answer, of which there is one as a rule."""

ATTEMPTS = 3
"""
Tries of one call, the first included; between them is a wait of up to 1 s, then up to 2 s.

A request ends with its first call that fails, but for the message of a job whose row stands. Two calls that time out
in every try stay below API Gateway's 29 s.
"""

SUFFIXES: Final[Mapping[str, str]] = {
    r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+": "amazonaws.com",
    r"us-gov-\w+-\d+": "amazonaws.com",
    r"cn-\w+-\d+": "amazonaws.com.cn",
}
"""How the names of hosts end, by the form of the region's name; a test compares them with botocore's."""

ONLY_THE_SDK_KNOWS: Final = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
"""Variables that have AWS reached in another way than its services' own hosts or a configured one."""


class AwsClients:
    """
    The clients this deployment uses.

    They go by the environment, as AWS's SDKs do. In one like Lambda's, with keys and a region in its variables, calls
    are made by `AwsClient`. With other credentials, a proxy, or endpoints of another kind, boto3 makes them, slower.
    ``make`` is ``client`` of a boto3 session, for who has one of his own.
    """

    def __init__(self, make: Callable[..., Any] | None = None, *, environment: Mapping[str, str] | None = None) -> None:
        self._make = make
        self._environment = os.environ if environment is None else environment

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB's low-level client."""
        client: DynamoDBClient = self.client("dynamodb")
        return client

    @cached_property
    def dynamodb_once(self) -> "DynamoDBClient":
        """DynamoDB's client for calls that are not worth another try."""
        client: DynamoDBClient = self.client("dynamodb", attempts=1)
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS's client."""
        client: SQSClient = self.client("sqs")
        return client

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge's client."""
        client: EventBridgeClient = self.client("events")
        return client

    @cached_property
    def ssm(self) -> "SSMClient":
        """Systems Manager's client, for the first read of the signing keys."""
        client: SSMClient = self.client("ssm")
        return client

    @cached_property
    def ssm_once(self) -> "SSMClient":
        """Systems Manager's client for reading them again, which is not worth another try."""
        client: SSMClient = self.client("ssm", attempts=1)
        return client

    def client(self, service: str, *, attempts: int = ATTEMPTS) -> Any:  # noqa: ANN401 - of the type that boto3's has
        """Return a new client of a service, by its name in `SERVICES`, that tries each call so often."""
        environment = self._environment
        region = environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION")
        url = endpoint_url(SERVICES[service], region, environment)
        key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        if self._make or not (region and url and key and secret):
            return self._sdk_client(service, attempts)
        return AwsClient(
            SERVICES[service],
            endpoint_url=url,
            region=region,
            credentials=Credentials(
                access_key=key, secret_key=secret, token=environment.get("AWS_SESSION_TOKEN") or None
            ),
            policy=Policy(connect_timeout_s=CONNECT_TIMEOUT_S, read_timeout_s=READ_TIMEOUT_S, attempts=attempts),
            tls=lambda: self._tls,
            around=Surroundings(
                environment=environment,
                clock=SystemClock(),
                pause=SystemPause(),
                randomness=SystemRandomness(),
                ids=SystemIds(),
            ),
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Whom all clients trust; reading that takes a while."""
        authorities = self._environment.get("AWS_CA_BUNDLE") or self._environment.get("REQUESTS_CA_BUNDLE")
        return ssl.create_default_context(cafile=authorities)

    def _sdk_client(self, service: str, attempts: int) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        import boto3  # noqa: PLC0415 - it takes a quarter of a second
        from botocore.config import Config  # noqa: PLC0415 - as boto3

        from chalicelib.adapters.sdk_client import SdkClient  # noqa: PLC0415 - as boto3

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        make: Callable[..., Any] = self._make or boto3.client
        return SdkClient(make(service, config=config))


def endpoint_url(service: Service, region: str | None, environment: Mapping[str, str]) -> str | None:
    """Return where a service is reached, or ``None`` where only AWS's SDK knows."""
    if any(environment.get(name) for name in ONLY_THE_SDK_KNOWS):
        return None
    given = environment.get(f"AWS_ENDPOINT_URL_{service.variable}") or environment.get("AWS_ENDPOINT_URL")
    if given:
        parts = urlsplit(given)
        is_plain = parts.scheme in {"http", "https"} and parts.hostname and parts.path in {"", "/"} and "@" not in given
        return given if is_plain else None
    suffixes = [suffix for form, suffix in SUFFIXES.items() if re.fullmatch(form, region or "")]
    return f"https://{service.name}.{region}.{suffixes[0]}" if suffixes else None


@contextmanager
def unavailable_when_away(service: str) -> Iterator[None]:
    """
    Raise `Unavailable` for throttling, server errors and a network that does not answer.

    Every other error of AWS is a fault of the deployment (a missing table, a missing permission) and passes unchanged.
    """
    try:
        yield
    except AwsRefusal as refusal:
        if refusal.is_transient:
            raise _away(service) from refusal
        raise
    except AwsAway as away:
        raise _away(service) from away


def _away(service: str) -> Unavailable:
    return Unavailable(f"{service} does not answer")

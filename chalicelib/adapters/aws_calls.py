"""
Calls of AWS: signed, over connections that are kept, tried again where that may help.

The services in use speak one protocol: a POST to the root of their host, with the operation's name in a header, and
JSON both ways. That is all there is here. AWS's own SDK does much more, of which each call pays for all: five times the
processor time, and a quarter of a second before the first (docs/adr/0019).
"""

import ssl
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from chalicelib.adapters.aws_connection import Connection, NoAnswer, Response
from chalicelib.adapters.aws_signature import Credentials, Scope, signed
from chalicelib.ports import Clock, IdSource, Pause, Randomness

Parameters = Mapping[str, Any]
Answer = dict[str, Any]

_PLAIN_IN_TRACES: Final = "-=;:+&[]{}\"',"
"""Characters that stand for themselves in X-Ray's header, as the SDKs have it."""

KEPT_CONNECTIONS: Final = 10
"""Of one client, while nobody uses them: a container serves one event at a time, a local server several."""

TRANSIENT_CODES: Final = frozenset(
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
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
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


class AwsRefusal(Exception):
    """
    AWS answered with an error.

    ``code`` is its name without a namespace, such as ``ConditionalCheckFailedException``; ``members`` are what the
    answer has besides, such as the ``Item`` that a condition was refused by.
    """

    def __init__(self, *, operation: str, code: str, status: int, message: str, members: Parameters) -> None:
        super().__init__(f"{operation} was refused with {status} {code}: {message}")
        self.code = code
        self.status = status
        self.members = members

    @property
    def is_transient(self) -> bool:
        """Whether the same call may go through later: after throttling, and after a fault of AWS's own."""
        return (
            self.code in TRANSIENT_CODES
            or self.status == HTTPStatus.TOO_MANY_REQUESTS
            or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


class AwsAway(Exception):
    """AWS could not be reached, or its answer did not come whole; what was asked for may have been done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How a service is spoken to. ``name`` begins its host's name and is signed; ``variable`` ends that of its URL."""

    name: str
    target: str
    json_version: str
    variable: str


SERVICES: Final[Mapping[str, Service]] = {
    "dynamodb": Service(name="dynamodb", target="DynamoDB_20120810", json_version="1.0", variable="DYNAMODB"),
    "events": Service(name="events", target="AWSEvents", json_version="1.1", variable="EVENTBRIDGE"),
    "sqs": Service(name="sqs", target="AmazonSQS", json_version="1.0", variable="SQS"),
    "ssm": Service(name="ssm", target="AmazonSSM", json_version="1.1", variable="SSM"),
}
"""As botocore describes them, which a test compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long one try may take to connect, and to be answered between two parts of the answer; and how many tries."""

    connect_timeout_s: float
    read_timeout_s: float
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What calls need of the world around them. ``environment`` is the process's."""

    environment: Mapping[str, str]
    clock: Clock
    pause: Pause
    randomness: Randomness
    ids: IdSource


class AwsClient:
    """
    A client of one service, with a method for each operation: ``put_item(TableName=…)``, as boto3's clients have.

    Parameters and answers are those of boto3's, but that nothing is checked before it is sent, that instants are
    numbers of seconds, and that codes of SQS are those of its JSON protocol. Its errors are `AwsRefusal` and
    `AwsAway`, those of the last try. Safe for threads.
    """

    def __init__(  # noqa: PLR0913 - all that a call is made of
        self,
        service: Service,
        *,
        endpoint_url: str,
        region: str,
        credentials: Credentials,
        policy: Policy,
        tls: Callable[[], ssl.SSLContext],
        around: Surroundings,
    ) -> None:
        """Connect with the first call; ``tls`` is asked for whom to trust where ``endpoint_url`` is of HTTPS."""
        self.service = service
        self._url = urlsplit(endpoint_url)
        self._host = self._url.netloc
        application = around.environment.get("AWS_SDK_UA_APP_ID", "")
        self._user_agent = f"job-backend app/{quote(application, safe='')}" if application else "job-backend"
        self._scope = Scope(region=region, service=service.name)
        self._credentials = credentials
        self._policy = policy
        self._around = around
        self._tls = tls
        self._idle: list[Connection] = []
        weakref.finalize(self, _close, self._idle)

    def __getattr__(self, method: str) -> Callable[..., Answer]:
        """Return the method of an operation. It is not asked whether AWS has it."""
        if method.startswith("_"):
            raise AttributeError(method)
        operation = operation_named(method)

        def call(**parameters: Any) -> Answer:  # noqa: ANN401 - of any operation
            return self.call(operation, parameters)

        setattr(self, method, call)
        return call

    def call(self, operation: str, parameters: Parameters) -> Answer:
        """
        Call an operation; return its answer.

        Raises:
            AwsRefusal: AWS answered with an error.
            AwsAway: It could not be reached, or did not answer in time.
        """
        if operation == "TransactWriteItems":
            # So that tries after a lost response do it once; DynamoDB remembers it for ten minutes.
            parameters = {"ClientRequestToken": self._around.ids.new_token_id(), **parameters}
        body = msgspec.json.encode(parameters)
        for retry in range(self._policy.attempts - 1):
            try:
                return self._tried(operation, body)
            except AwsRefusal as refusal:
                if not refusal.is_transient:
                    raise
            except AwsAway:
                pass
            # Full jitter: up to 1 s, then 2 s, as the standard mode of AWS's SDKs has it.
            self._around.pause.sleep(timedelta(seconds=self._around.randomness.fraction() * 2**retry))
        return self._tried(operation, body)

    def _tried(self, operation: str, body: bytes) -> Answer:
        headers = signed(
            {
                "content-type": f"application/x-amz-json-{self.service.json_version}",
                "host": self._host,
                "x-amz-target": f"{self.service.target}.{operation}",
            },
            body,
            credentials=self._credentials,
            scope=self._scope,
            at=self._around.clock.now(),
        )
        headers["user-agent"] = self._user_agent
        # Another one for each invocation.
        trace = self._around.environment.get("_X_AMZN_TRACE_ID")
        if trace is not None:
            # By it X-Ray knows which call belongs to which request, and Lambda sees functions that call themselves.
            headers["x-amzn-trace-id"] = quote(trace, safe=_PLAIN_IN_TRACES)
        response = self._exchanged(headers, body)
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            try:
                answer: Answer = _read(response.body)
            except ValueError as unreadable:
                message = f"the answer of {self._host} is no JSON"
                raise AwsAway(message) from unreadable
            return answer
        called = f"{self.service.name} {operation}"
        raise _refusal(called, response)

    def _exchanged(self, headers: Mapping[str, str], body: bytes) -> Response:
        """
        Send one request, over a connection that nobody else uses; return the answer.

        Raises:
            AwsAway: There was none, or not a whole one.
        """
        connection = self._kept() or self._new()
        try:
            response = connection.post(headers, body)
        except NoAnswer as broken:
            message = f"{self._host} does not answer: {broken}"
            raise AwsAway(message) from broken
        checksum = str(zlib.crc32(response.body))
        if response.headers.get("x-amz-crc32", checksum) != checksum:
            connection.close()
            message = f"the answer of {self._host} was damaged on its way"
            raise AwsAway(message)
        if len(self._idle) < KEPT_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    def _kept(self) -> Connection | None:
        """Take a connection that is open, if there is one."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if connection.is_usable:
                return connection
            connection.close()
        return None

    def _new(self) -> Connection:
        return Connection(
            self._url,
            connect_timeout_s=self._policy.connect_timeout_s,
            read_timeout_s=self._policy.read_timeout_s,
            tls=self._tls() if self._url.scheme == "https" else None,
        )


def operation_named(method: str) -> str:
    """
    Return the operation that boto3's clients have a method of this name for.

    >>> operation_named("transact_write_items")
    'TransactWriteItems'
    """
    return method.title().replace("_", "")


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close()


def _read(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    return msgspec.json.decode(content or b"{}")


def _refusal(operation: str, response: Response) -> AwsRefusal:
    try:
        said = _read(response.body)
    except ValueError:
        said = {}
    if not isinstance(said, dict):  # it is of something on the way to AWS
        said = {}
    named = str(said.get("__type") or response.headers.get("x-amzn-errortype") or response.status)
    code = named.rpartition("#")[2].partition(":")[0]
    message = str(said.get("message") or said.get("Message") or "")
    return AwsRefusal(operation=operation, code=code, status=response.status, message=message, members=said)

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from chalicelib.adapters import aws
from chalicelib.adapters.aws import AwsClients, unavailable_when_away
from chalicelib.domain.errors import Unavailable


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "GetItem",
    )


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("RequestThrottled", 403),
        refusal("TransactionInProgressException"),
        refusal("InternalServerError", 500),
        refusal("SomethingNew", 503),
        refusal("SomethingNew", 429),
        EndpointConnectionError(endpoint_url="http://nowhere"),
        ConnectTimeoutError(endpoint_url="http://nowhere"),
        ReadTimeoutError(endpoint_url="http://nowhere"),
    ],
)
def test_what_may_go_through_later_is_unavailable(error: Exception) -> None:
    with (
        pytest.raises(Unavailable, match="the jobs table does not answer") as away,
        unavailable_when_away("the jobs table"),
    ):
        raise error
    assert away.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        refusal("ResourceNotFoundException"),
        refusal("AccessDeniedException"),
        refusal("ValidationException"),
        ParamValidationError(report="no"),
    ],
)
def test_a_fault_of_the_deployment_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)), unavailable_when_away("the jobs table"):
        raise error


def test_a_client_gives_up_before_api_gateway_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config: Any = AwsClients().dynamodb.meta.config
    assert (config.connect_timeout, config.read_timeout) == (aws.CONNECT_TIMEOUT_S, aws.READ_TIMEOUT_S)
    assert config.retries == {"mode": "standard", "total_max_attempts": aws.ATTEMPTS}
    back_off_s = sum(2**retry for retry in range(aws.ATTEMPTS - 1))
    assert 2 * (aws.ATTEMPTS * (aws.CONNECT_TIMEOUT_S + aws.READ_TIMEOUT_S) + back_off_s) < 29


def test_a_client_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    clients = AwsClients()
    assert clients.sqs is clients.sqs
    assert clients.ssm is clients.ssm

"""What errors of AWS mean, by the product's own clients and by the SDK's."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.aws_calls import AwsAway, AwsRefusal
from chalicelib.domain.errors import Unavailable
from tests.aws import Altered, by_sdk

Raising = Callable[[], object]


def refused(code: str, status: int = 400) -> Raising:
    def call() -> object:
        raise AwsRefusal(operation="dynamodb GetItem", code=code, status=status, message="no", members={})

    return call


def told_by_sdk(error: Exception) -> Raising:
    """What comes of an error of the SDK in the client that the product makes of it."""

    def get_item() -> Any:
        raise error

    return lambda: by_sdk(Altered(None, get_item=get_item)).get_item()


def sdk_refused(code: str, status: int = 400) -> Raising:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return told_by_sdk(ClientError(answer, "GetItem"))


def away() -> object:
    message = "nobody answers"
    raise AwsAway(message)


TRANSIENT = [
    ("ThrottlingException", 400),
    ("ProvisionedThroughputExceededException", 400),
    ("RequestThrottled", 403),
    ("TransactionInProgressException", 400),
    ("InternalServerError", 500),
    ("SomethingNew", 503),
    ("SomethingNew", 429),
]
FAULTS = ["ResourceNotFoundException", "AccessDeniedException", "ValidationException"]


@pytest.mark.parametrize(
    "call",
    [
        *(refused(*each) for each in TRANSIENT),
        *(sdk_refused(*each) for each in TRANSIENT),
        away,
        told_by_sdk(EndpointConnectionError(endpoint_url="http://nowhere")),
        told_by_sdk(ConnectTimeoutError(endpoint_url="http://nowhere")),
        told_by_sdk(ReadTimeoutError(endpoint_url="http://nowhere")),
    ],
)
def test_what_may_go_through_later_is_unavailable(call: Raising) -> None:
    with (
        pytest.raises(Unavailable, match="the jobs table does not answer") as told,
        unavailable_when_away("the jobs table"),
    ):
        call()
    assert isinstance(told.value.__cause__, AwsRefusal | AwsAway)


@pytest.mark.parametrize("call", [*map(refused, FAULTS), *map(sdk_refused, FAULTS)])
def test_a_fault_of_the_deployment_is_not_hidden(call: Raising) -> None:
    with (
        pytest.raises(AwsRefusal, match=r"was refused with 400 \w+Exception: no"),
        unavailable_when_away("the jobs table"),
    ):
        call()


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ParamValidationError), unavailable_when_away("the jobs table"):
        told_by_sdk(ParamValidationError(report="no"))()


def test_what_came_with_an_error_of_the_sdk_comes_with_ours() -> None:
    answer: Any = {
        "Error": {"Code": "ConditionalCheckFailedException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "Item": {"job_id": {"S": "one"}},
    }
    with pytest.raises(AwsRefusal) as told:
        told_by_sdk(ClientError(answer, "PutItem"))()
    assert told.value.members["Item"] == {"job_id": {"S": "one"}}


def test_an_error_of_the_sdk_without_a_status_is_a_refusal_all_the_same() -> None:
    answer: Any = {"Error": {"Code": "AnyCode"}}
    with pytest.raises(AwsRefusal) as told:
        told_by_sdk(ClientError(answer, "GetItem"))()
    assert (told.value.code, told.value.status, told.value.is_transient) == ("AnyCode", 0, False)

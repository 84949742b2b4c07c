"""Signatures, each compared with what botocore makes of the same request."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.aws_signature import Credentials, Scope, signed

NOW = datetime(2026, 11, 30, 12, 0, 1, tzinfo=UTC)
HEADERS = {
    "content-type": "application/x-amz-json-1.0",
    "host": "dynamodb.eu-central-1.amazonaws.com",
    "x-amz-target": "DynamoDB_20120810.PutItem",
}
CREDENTIALS = Credentials(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SCOPE = Scope(region="eu-central-1", service="dynamodb")
word = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40)


def by_botocore(body: bytes, credentials: Credentials, scope: Scope, host: str) -> dict[str, str]:
    theirs = TheirCredentials(credentials.access_key, credentials.secret_key, credentials.token)
    request = AWSRequest("POST", f"https://{host}/", headers=HEADERS | {"host": host}, data=body)
    auth.SigV4Auth(theirs, scope.service, scope.region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.fixture(autouse=True, scope="module")
def botocores_clock() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
        yield


@given(
    body=st.binary(max_size=200),
    credentials=st.builds(
        Credentials, access_key=word, secret_key=word, token=st.none() | st.text("/+=aZ09", min_size=1, max_size=900)
    ),
    scope=st.builds(Scope, region=word, service=st.sampled_from(["dynamodb", "sqs", "ssm", "events"])),
    host=st.sampled_from(["sqs.eu-central-1.amazonaws.com", "127.0.0.1:4566", "localhost"]),
)
def test_a_request_is_signed_as_botocore_signs_it(
    body: bytes, credentials: Credentials, scope: Scope, host: str
) -> None:
    ours = signed(HEADERS | {"host": host}, body, credentials=credentials, scope=scope, at=NOW)
    assert ours == by_botocore(body, credentials, scope, host)


def test_a_signature_is_of_its_day_its_second_and_its_body() -> None:
    def signature(body: bytes, at: datetime) -> str:
        return signed(HEADERS, body, credentials=CREDENTIALS, scope=SCOPE, at=at)["authorization"]

    made = {
        signature(b"{}", NOW),
        signature(b"[]", NOW),
        signature(b"{}", NOW.replace(second=2)),
        signature(b"{}", NOW.replace(day=29)),
    }
    assert len(made) == 4


def test_the_clock_may_be_of_any_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=14)))
    ours, theirs = (signed(HEADERS, b"{}", credentials=CREDENTIALS, scope=SCOPE, at=at) for at in (NOW, there))
    assert ours == theirs


def test_credentials_that_are_shown_keep_their_secrets() -> None:
    shown = repr(Credentials(access_key="AKIDEXAMPLE", secret_key="a-secret", token="a-token"))
    assert "AKIDEXAMPLE" in shown
    assert "a-secret" not in shown
    assert "a-token" not in shown

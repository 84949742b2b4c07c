"""Which clients the product makes, by the environment, and how they talk to AWS."""

import ssl
from typing import Any

import pytest
from botocore.session import get_session

from chalicelib.adapters import aws
from chalicelib.adapters.aws import ONLY_THE_SDK_KNOWS, AwsClients, endpoint_url
from chalicelib.adapters.aws_calls import SERVICES, AwsClient
from chalicelib.adapters.sdk_client import SdkClient

LAMBDA = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
}
NAMES = ["dynamodb", "dynamodb_once", "sqs", "events", "ssm", "ssm_once"]


@pytest.mark.parametrize("name", NAMES)
def test_in_lambda_calls_are_made_without_the_sdk(name: str) -> None:
    clients = AwsClients(environment=LAMBDA)
    client: Any = getattr(clients, name)
    assert isinstance(client, AwsClient)
    assert client is getattr(clients, name), "it is made once"
    policy = client._policy  # noqa: SLF001 - what the client was made with
    assert policy.attempts == (1 if name.endswith("once") else aws.ATTEMPTS)
    assert (policy.connect_timeout_s, policy.read_timeout_s) == (aws.CONNECT_TIMEOUT_S, aws.READ_TIMEOUT_S)


@pytest.mark.parametrize(
    "environment",
    [
        *({**LAMBDA, name: "true"} for name in ONLY_THE_SDK_KNOWS),
        {name: value for name, value in LAMBDA.items() if name != "AWS_ACCESS_KEY_ID"},
        {name: value for name, value in LAMBDA.items() if name != "AWS_SECRET_ACCESS_KEY"},
        LAMBDA | {"AWS_REGION": "us-iso-east-1", "AWS_DEFAULT_REGION": "us-iso-east-1"},
    ],
)
def test_what_only_the_sdk_knows_is_left_to_it(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client: Any = AwsClients(environment=environment).dynamodb
    assert isinstance(client, SdkClient)
    config: Any = client._client.meta.config  # noqa: SLF001 - the SDK's own
    assert config.retries == {"mode": "standard", "total_max_attempts": aws.ATTEMPTS}
    assert (config.connect_timeout, config.read_timeout) == (aws.CONNECT_TIMEOUT_S, aws.READ_TIMEOUT_S)


def test_who_has_a_session_of_his_own_uses_it() -> None:
    made: list[tuple[str, int]] = []

    def client(service: str, *, config: Any) -> None:
        made.append((service, config.retries["total_max_attempts"]))

    clients = AwsClients(client, environment=LAMBDA)
    assert isinstance(clients.ssm_once, SdkClient)
    assert made == [("ssm", 1)]


def test_a_request_ends_before_api_gateway_gives_it_up() -> None:
    back_off_s = sum(2**retry for retry in range(aws.ATTEMPTS - 1))
    assert 2 * (aws.ATTEMPTS * (aws.CONNECT_TIMEOUT_S + aws.READ_TIMEOUT_S) + back_off_s) < 29


@pytest.mark.asvs("12.3.1", "12.3.2", "12.3.3", "12.3.4")
@pytest.mark.parametrize("name", NAMES)
def test_aws_is_called_by_https_and_its_certificate_checked(name: str) -> None:
    client: Any = getattr(AwsClients(environment=LAMBDA), name)
    assert client._url.scheme == "https"  # noqa: SLF001 - what the client was made with
    context = client._tls()  # noqa: SLF001
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.get_ca_certs()


def test_all_clients_trust_the_same_and_read_it_once() -> None:
    clients: Any = AwsClients(environment=LAMBDA)
    assert clients.dynamodb._tls() is clients.sqs._tls()  # noqa: SLF001


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_bundle_of_authorities_is_read_from_where_the_sdk_reads_it(variable: str) -> None:
    client: Any = AwsClients(environment=LAMBDA | {variable: "/nowhere/bundle.pem"}).dynamodb
    with pytest.raises(FileNotFoundError):
        client._tls()  # noqa: SLF001


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_services_are_reached_where_the_sdk_reaches_them(partition: str) -> None:
    session = get_session()
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    for name, service in SERVICES.items():
        regions = session.get_available_regions(name, partition)
        assert regions
        for region in (regions[0], regions[-1]):
            theirs: Any = session.create_client(name, region, **keys)
            assert endpoint_url(service, region, {}) == theirs.meta.endpoint_url


def test_every_region_of_these_partitions_is_known_and_no_other() -> None:
    session = get_session()
    for partition in session.get_available_partitions():
        known = partition in {"aws", "aws-cn", "aws-us-gov"}
        for region in session.get_available_regions("dynamodb", partition):
            assert (endpoint_url(SERVICES["dynamodb"], region, {}) is not None) == known, region


def test_an_endpoint_that_is_given_is_taken_that_of_the_service_first() -> None:
    given = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_EVENTBRIDGE": "http://127.0.0.1:1"}
    assert endpoint_url(SERVICES["events"], "eu-central-1", given) == "http://127.0.0.1:1"
    assert endpoint_url(SERVICES["sqs"], "nowhere", given) == "http://127.0.0.1:4566"


@pytest.mark.parametrize(
    "given", ["http://proxy.example.com/aws", "127.0.0.1:4566", "ftp://example.com", "http://user@example.com"]
)
def test_an_endpoint_of_another_kind_is_left_to_the_sdk(given: str) -> None:
    assert endpoint_url(SERVICES["sqs"], "eu-central-1", {"AWS_ENDPOINT_URL": given}) is None

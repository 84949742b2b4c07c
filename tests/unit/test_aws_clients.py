"""How the product's clients talk to AWS."""

import pytest

from chalicelib.adapters.aws import AwsClients


@pytest.mark.asvs("12.3.1", "12.3.2", "12.3.3", "12.3.4")
@pytest.mark.parametrize("name", ["dynamodb", "dynamodb_once", "sqs", "events", "ssm"])
def test_aws_is_called_by_https_and_its_certificate_checked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    for name_of_a_list in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name_of_a_list, raising=False)
    client = getattr(AwsClients(), name)
    assert client.meta.endpoint_url.startswith("https://")
    # botocore tells nobody else: True is its own list of authorities.
    assert client._endpoint.http_session._verify is True  # noqa: SLF001

"""The extract of botocore's descriptions of AWS that is deployed, and the clients made by it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session, get_session

from chalicelib.adapters.aws_models import OPERATIONS, new_session
from deployment.aws_models import extracts
from tests.aws import PROJECT

IN_USE = pytest.mark.parametrize("service", OPERATIONS)


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aws_models")
    for name, content in extracts().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def sessions(extract: Path) -> tuple[Session, Session]:
    """One of the extract, and one of all that botocore knows."""
    return new_session(extract), get_session()


def clients(sessions: tuple[Session, Session], service: str, region: str) -> list[Any]:
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return [session.create_client(service, region, **keys) for session in sessions]


def test_the_operations_are_those_that_the_product_calls() -> None:
    """And no others: each is a part of what a cold start reads."""
    called = {
        node.func.attr
        for path in (PROJECT / "chalicelib").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and node.keywords
    }
    for service, operations in OPERATIONS.items():
        whole = Loader().load_service_model(service, "service-2")["operations"]
        assert {name for name in whole if xform_name(name) in called} == set(operations), service


@IN_USE
def test_its_clients_have_the_operations_and_no_others(sessions: tuple[Session, Session], service: str) -> None:
    ours, theirs = clients(sessions, service, "eu-central-1")
    assert set(ours.meta.service_model.operation_names) == set(OPERATIONS[service])
    for name in OPERATIONS[service]:
        small, whole = (client.meta.service_model.operation_model(name) for client in (ours, theirs))
        assert small.http == whole.http
        assert [each.name for each in small.error_shapes] == [each.name for each in whole.error_shapes]
        for of_small, of_whole in ((small.input_shape, whole.input_shape), (small.output_shape, whole.output_shape)):
            if of_whole is not None:
                assert list(of_small.members) == list(of_whole.members)
                assert of_small.required_members == of_whole.required_members


@IN_USE
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1", "mars-north-7"])
def test_its_clients_call_the_same_endpoints_and_sign_for_the_same_region(
    sessions: tuple[Session, Session], service: str, region: str
) -> None:
    ours, theirs = clients(sessions, service, region)
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    assert ours.meta.partition == theirs.meta.partition
    assert ours._request_signer.region_name == theirs._request_signer.region_name  # noqa: SLF001
    assert ours._request_signer.signing_name == theirs._request_signer.signing_name  # noqa: SLF001
    assert ours._request_signer.signature_version == theirs._request_signer.signature_version  # noqa: SLF001


def test_a_service_that_is_not_in_use_has_no_client(extract: Path) -> None:
    with pytest.raises(UnknownServiceError, match="s3"):
        new_session(extract).create_client("s3", region_name="us-east-1")


def test_without_the_extract_botocore_reads_its_own(tmp_path: Path) -> None:
    client = new_session(tmp_path / "none").create_client("s3", region_name="us-east-1")
    assert client.meta.service_model.operation_names

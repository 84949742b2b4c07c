"""``make keys``'s program: what it does to the ring, on an emulator and by boto3's credentials, and what it says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.adapters.signing_keys import from_text
from chalicelib.domain.signing_keys import KeyRing
from localstack.emulator import running_emulator
from tests.aws import client, nowhere
from tests.e2e.conftest import Finished, call, logged_in, program

LOCAL = "/job-backend-local/signing-keys"


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """The endpoint of an emulator with a stack of each of two stages, and without a ring."""
    with running_emulator(enforce_iam=False) as endpoint:
        template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
        for stack in ("job-backend-local", "job-backend-beta"):
            client("cloudformation", endpoint).create_stack(StackName=stack, TemplateBody=template)
        yield endpoint


@pytest.fixture
def ssm(emulator: str) -> Iterator[Any]:
    """Its parameter store, empty afterwards."""
    ssm = client("ssm", emulator)
    yield ssm
    names = [each["Name"] for each in ssm.describe_parameters()["Parameters"]]
    if names:
        ssm.delete_parameters(Names=names)


def ring(ssm: Any, name: str = LOCAL) -> KeyRing:
    return from_text(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"], parameter=name)


def keys(**environment: str) -> Finished:
    """Run the program."""
    done = program("deployment.keys", **environment)
    assert "Traceback" not in done.stderr
    return done


def test_it_makes_a_ring_then_rotates_it_then_replaces_it(emulator: str, ssm: Any) -> None:
    made = keys(AWS_ENDPOINT_URL=emulator, AWS_PROFILE="not-on-this-machine")
    assert made.returncode == 0, made.stderr
    first = ring(ssm).keys[0].kid
    assert made.stdout == f"Made the key ring {LOCAL}: key {first} signs from now on.\n"

    rotated = keys(AWS_ENDPOINT_URL=emulator, STAGE="local")
    kids = {key.kid for key in ring(ssm).keys}
    (second,) = kids - {first}
    assert rotated.stdout.startswith(f"Added key {second} to {LOCAL}. It begins to sign at ")
    assert f"What key {first} signs until then counts until " in rotated.stdout

    replaced = keys(AWS_ENDPOINT_URL=emulator, COMPROMISED="1")
    (third,) = (key.kid for key in ring(ssm).keys)
    assert replaced.stdout.startswith(f"Replaced all keys of {LOCAL} by {third}, which signs at once.")
    assert f"Thrown out: {first}, {second}." in replaced.stdout
    said = made.stdout + rotated.stdout + replaced.stdout
    assert not re.search(r"[0-9a-f]{32}|[A-Za-z0-9+/]{43}", said), "no secret in either form"


def test_another_stage_is_a_stack_of_its_name_by_boto3s_own_credentials(emulator: str, ssm: Any) -> None:
    """The variables are boto3's; that it is asked for no other account than theirs is all that differs from AWS."""
    own = {
        "AWS_ENDPOINT_URL": emulator,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = keys(STAGE="beta", **own)
    assert done.returncode == 0, done.stderr
    assert ring(ssm, "/job-backend-beta/signing-keys").keys
    assert [each["Name"] for each in ssm.describe_parameters()["Parameters"]] == ["/job-backend-beta/signing-keys"]


@pytest.mark.parametrize(
    ("environment", "refusal"),
    [
        ({"STAGE": "../beta"}, "STAGE must be of the form"),
        ({"STAGE": "Beta"}, "STAGE must be of the form"),
        ({"COMPROMISED": "yes"}, "COMPROMISED must be 1 or not set, not yes"),
        ({"STAGE": "beta", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere"}, "region"),
        (
            {
                "STAGE": "beta",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            },
            "credentials",
        ),
    ],
)
def test_what_it_cannot_do_is_said(environment: dict[str, str], refusal: str) -> None:
    done = keys(**environment)
    assert done.returncode == 1
    assert refusal in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("compromised", ["", "1"])
def test_a_stage_that_is_not_there_gets_no_ring(emulator: str, ssm: Any, compromised: str) -> None:
    done = keys(AWS_ENDPOINT_URL=emulator, STAGE="dve", COMPROMISED=compromised)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "there is no stack job-backend-dve; make deploy STAGE=dve creates it, with its key ring\n"
    assert not ssm.describe_parameters()["Parameters"]


def test_an_emulator_that_does_not_answer_is_said() -> None:
    url = nowhere()
    done = keys(AWS_ENDPOINT_URL=url)
    assert done.returncode == 1
    assert f"no emulator answers at {url}; set AWS_ENDPOINT_URL" in done.stderr


def test_a_parameter_that_holds_something_else_is_said_and_stays(emulator: str, ssm: Any) -> None:
    ssm.put_parameter(Name=LOCAL, Type="SecureString", Value="sesame")
    for compromised in ("", "1"):
        done = keys(AWS_ENDPOINT_URL=emulator, COMPROMISED=compromised)
        assert done.returncode == 1
        assert f"the parameter {LOCAL} does not hold a key ring; delete it, and make keys writes one" in done.stderr
        assert "sesame" not in done.stderr
    assert ssm.get_parameter(Name=LOCAL, WithDecryption=True)["Parameter"]["Value"] == "sesame"
    ssm.delete_parameter(Name=LOCAL)
    assert keys(AWS_ENDPOINT_URL=emulator).returncode == 0, "what the refusal says helps"


def test_more_keys_than_a_ring_holds_are_refused_with_when_there_is_room(emulator: str, ssm: Any) -> None:
    for _ in range(8):
        assert keys(AWS_ENDPOINT_URL=emulator).returncode == 0
    before = ring(ssm)
    done = keys(AWS_ENDPOINT_URL=emulator)
    assert done.returncode == 1
    assert re.search(r"the ring has 8 keys, and room for one more at .* UTC; COMPROMISED=1 replaces them", done.stderr)
    assert ring(ssm) == before


@pytest.mark.asvs("11.2.2", "13.3.1")
def test_the_running_product_is_rotated_under_its_users(api: str, aws_endpoint: str) -> None:
    """Its ring was made by the same code, and its function may read it with its own permissions and no more."""
    ssm = client("ssm", aws_endpoint)
    token = logged_in(api, "kate")
    (first,) = ring(ssm).keys
    rotated = keys(AWS_ENDPOINT_URL=aws_endpoint)
    assert rotated.returncode == 0, rotated.stderr
    assert {key.kid for key in ring(ssm).keys} > {first.kid}
    assert call(api, "GET", "/jobs", token=token)[0] == 200
    assert call(api, "GET", "/jobs", token=logged_in(api, "ken"))[0] == 200

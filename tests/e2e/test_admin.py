"""``make admin``'s program: the first administrator of a deployment, made with the operator's AWS credentials."""

import json
from collections.abc import Iterator

import pytest
from localstack_client.session import Session

from chalicelib.adapters.aws import AwsClients
from chalicelib.bootstrap import build
from deployment import admin
from deployment.emulated import clients
from deployment.stages import Stage
from localstack.emulator import running_emulator
from tests.aws import nowhere
from tests.deployment import RESOURCES
from tests.e2e.conftest import Finished, call, logged_in, program

BETA = "job-backend-beta"
OWN = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
NO_CREDENTIALS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """The endpoint of an emulator without a stack."""
    with running_emulator() as endpoint:
        yield endpoint


def admin_of(aws_endpoint: str, username: str, **environment: str) -> Finished:
    """Run the program."""
    done = program("deployment.admin", AWS_ENDPOINT_URL=aws_endpoint, USERNAME=username, **environment)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == (0 if done.returncode == 0 else 1)
    return done


def roles_changed(api: str, token: str) -> list[tuple[str, str]]:
    events = call(api, "GET", "/me/audit", token=token)[1]["events"]
    return [(event["actor"], event["detail"]) for event in events if event["action"] == "ROLE_CHANGED"]


@pytest.mark.asvs("8.2.1", "8.3.1", "16.2.1")
def test_the_operator_makes_the_first_administrator_once(api: str, aws_endpoint: str) -> None:
    token, other = logged_in(api, "ada"), logged_in(api, "bob")
    for method, body in (("GET", None), ("PATCH", {"is_disabled": True})):
        status, problem = call(api, method, "/users/bob", body=body, token=token)
        assert (status, problem["code"]) == (403, "NOT_PERMITTED"), "nobody is one before"

    first = admin_of(aws_endpoint, "ada", STAGE="local", AWS_PROFILE="not-on-this-machine")
    assert (first.returncode, first.stdout) == (0, "ada is an administrator from now on.\n"), first.stderr
    again = admin_of(aws_endpoint, "ADA")
    assert (again.returncode, again.stdout) == (0, "ADA is an administrator already.\n"), again.stderr

    assert call(api, "GET", "/me", token=token)[1]["role"] == "admin"
    assert call(api, "PATCH", "/users/bob", body={"role": "admin"}, token=token)[1]["role"] == "admin"
    assert roles_changed(api, token) == [("(operator)", "from user to admin")], "and no second event"
    assert roles_changed(api, other) == [("ada", "from user to admin")]


@pytest.mark.asvs("8.2.1", "15.3.3")
def test_nobody_registers_as_an_administrator(api: str) -> None:
    eve = {"username": "eve", "password": "a long one, of her own"}
    for more in ({"role": "admin"}, {"is_admin": True}):
        assert call(api, "POST", "/register", body={**eve, **more})[0] == 422
    assert call(api, "POST", "/register", body=eve)[0] == 201
    token = call(api, "POST", "/login", body=eve)[1]["access_token"]
    assert call(api, "GET", "/me", token=token)[1]["role"] == "user"
    assert call(api, "GET", "/users/eve", token=token)[0] == 403


def test_a_user_that_there_is_not_is_said(aws_endpoint: str) -> None:
    for username in ("nobody", "no name"):
        done = admin_of(aws_endpoint, username)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"{username}: there is no user of this name\n"


def test_no_name_is_said() -> None:
    done = admin_of(nowhere(), "")
    assert (done.returncode, done.stderr) == (1, "say whom, for example: make admin USERNAME=ada\n")


def test_an_emulator_that_does_not_answer_is_said() -> None:
    url = nowhere()
    done = admin_of(url, "ada")
    assert done.returncode == 1
    assert done.stderr.startswith(f"no emulator answers at {url}; set AWS_ENDPOINT_URL")


def test_a_stack_that_there_is_not_is_said(emulator: str) -> None:
    local = admin_of(emulator, "ada")
    assert local.returncode == 1
    assert local.stderr.endswith("; make run creates it\n")
    other = admin_of(emulator, "ada", STAGE="gamma", **OWN)
    assert (other.returncode, other.stderr) == (
        1,
        f"there is no stack job-backend-gamma at {emulator}; make deploy STAGE=gamma creates it\n",
    )


@pytest.mark.parametrize(
    ("environment", "refusal"),
    [
        ({"STAGE": "../beta"}, "STAGE must be of the form"),
        ({"STAGE": "beta", **NO_CREDENTIALS}, "region"),
        ({"STAGE": "beta", "AWS_DEFAULT_REGION": "us-east-1", **NO_CREDENTIALS}, "credentials"),
    ],
)
def test_what_it_cannot_do_is_said(environment: dict[str, str], refusal: str) -> None:
    done = admin_of("", "ada", **environment)
    assert done.returncode == 1
    assert refusal in done.stderr


def with_stage(emulator: str, stack_name: str) -> Session:
    """An AWS with the tables and queues of a stage."""
    kinds = {"AWS::DynamoDB::Table", "AWS::SQS::Queue"}
    template = {
        "Resources": {name: each for name, each in RESOURCES["Resources"].items() if each.get("Type") in kinds},
        "Outputs": {name: each for name, each in RESOURCES["Outputs"].items() if name != "RedriveName"},
    }
    session = clients(emulator)
    session.client("cloudformation").create_stack(StackName=stack_name, TemplateBody=json.dumps(template))
    return session


def test_another_stage_is_a_stack_of_its_name_by_boto3s_own_credentials(emulator: str) -> None:
    """The variables are boto3's; that it is asked for no other account than theirs is all that differs from AWS."""
    session = with_stage(emulator, BETA)
    none = admin_of(emulator, "ada", STAGE="beta", **OWN)
    assert (none.returncode, none.stderr) == (1, "ada: there is no user of this name\n")
    stage = Stage(name="beta", endpoint_url=emulator)
    services = build(admin.settings_of(stage, stage.stack().outputs()), AwsClients(session.client))
    services.accounts.register("ada", "a long one, of her own", address="192.0.2.1")
    for said in ("ada is an administrator from now on.\n", "ada is an administrator already.\n"):
        done = admin_of(emulator, "ada", STAGE="beta", **OWN)
        assert (done.returncode, done.stdout) == (0, said), done.stderr


def test_what_aws_refuses_is_said_in_a_line(emulator: str) -> None:
    session = with_stage(emulator, "job-backend-broken")
    stage = Stage(name="broken", endpoint_url=emulator)
    session.client("dynamodb").delete_table(TableName=stage.stack().outputs()["UsersTableName"])
    done = admin_of(emulator, "ada", STAGE="broken", **OWN)
    assert done.returncode == 1
    assert "ResourceNotFoundException" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_stack_of_another_version_is_said(emulator: str) -> None:
    other = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"UsersTableName": {"Value": "users"}}}
    cloudformation = clients(emulator).client("cloudformation")
    cloudformation.create_stack(StackName="job-backend-old", TemplateBody=json.dumps(other))
    done = admin_of(emulator, "ada", STAGE="old", **OWN)
    assert done.returncode == 1
    assert done.stderr.startswith("the stack job-backend-old is of another version than this: ")
    assert "CREDENTIALS_TABLE is not set" in done.stderr

"""
A stage from the first deployment to the next ones, on an emulator that was started apart from it.

The programs are run as ``make`` runs them. All tests share the emulator, and most the stages ``dev`` and ``prod``.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployment import deploy, destroy
from deployment.belongings import belongings
from deployment.consent import warnings
from deployment.deploy import DeployError, lint, told
from deployment.emulated import clients
from deployment.packaging import TEMPLATE_NAME
from deployment.rollout import API_STAGE, Declined, api_url, roll_out
from deployment.smoke import smoke
from deployment.stack import Change, ChangeSet, StackError
from deployment.stages import Stage
from localstack.emulator import running_emulator
from tests.aws import PROJECT, nowhere
from tests.deployment import CONFIG, RESOURCES
from tests.e2e.conftest import Finished
from tests.e2e.conftest import program as run
from tests.e2e.programs import everything, other_template, program, that_fails
from tests.e2e.test_admin import NO_CREDENTIALS

TABLES = {name for name, each in RESOURCES["Resources"].items() if each.get("Type") == "AWS::DynamoDB::Table"}
QUEUES = {name for name, each in RESOURCES["Resources"].items() if each.get("Type") == "AWS::SQS::Queue"}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The endpoint of an emulator that lets each function do what its role allows, and has nothing of the product."""
    with running_emulator(preferred_port=0) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def deployed(aws: str) -> Finished:
    """What the program said that deployed the stage ``dev``."""
    return program("deploy", aws, STAGE="dev", YES="1")


@pytest.fixture
def dev(aws: str, deployed: Finished) -> Stage:
    """A deployed stage."""
    assert deployed.returncode == 0, deployed.stderr
    return Stage(name="dev", endpoint_url=aws)


@pytest.fixture(scope="module")
def prod(aws: str, folders: dict[str, Path]) -> Stage:
    """A deployed stage that keeps data."""
    stage = Stage(name="prod", endpoint_url=aws)
    roll_out(stage, folders["prod"])
    return stage


def events(stage: Stage) -> list[str]:
    """The ids of all that CloudFormation did with the stage's stack."""
    pages = stage.session().client("cloudformation").get_paginator("describe_stack_events")
    return [event["EventId"] for page in pages.paginate(StackName=stage.stack_name) for event in page["StackEvents"]]


def plans(stage: Stage) -> list[str]:
    """The change sets that wait to be made."""
    listed = stage.session().client("cloudformation").list_change_sets(StackName=stage.stack_name)["Summaries"]
    return [each["ChangeSetName"] for each in listed if each["ExecutionStatus"] == "AVAILABLE"]


def throttling(stage: Stage) -> dict[str, Any]:
    """The settings of all methods of the stage's API."""
    api_id = stage.stack().outputs()["RestAPIId"]
    described = stage.session().client("apigateway").get_stage(restApiId=api_id, stageName=API_STAGE)
    settings: dict[str, Any] = described["methodSettings"]["*/*"]
    return settings


def test_a_deployment_ends_with_a_smoke_test_through_api_gateway_and_the_outputs(deployed: Finished, aws: str) -> None:
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    lines = deployed.stdout.splitlines()
    assert any(re.fullmatch(r"  Add +JobsTable +AWS::DynamoDB::Table", line) for line in lines)
    assert "  CREATE_COMPLETE  JobsTable" in lines
    (url,) = [line.split()[1] for line in lines if line.startswith("API ")]
    assert url.startswith(f"{aws}/_aws/execute-api/")
    begun = lines.index(f"Smoke test of {url}")
    steps = ["health", "unknown path", "register", "log in", "submit", "result", "delete account"]
    assert [" ".join(line.split()[:-2]) for line in lines[begun + 1 : begun + 8]] == steps
    assert lines[begun + 8 :] == program("outputs", aws, STAGE="dev").stdout.splitlines()


def test_deploying_again_changes_nothing_and_tries_it_all_the_same(dev: Stage, aws: str) -> None:
    before, had = events(dev), everything(aws)
    again = program("deploy", aws, STAGE="dev", YES="1")
    assert again.returncode == 0, again.stderr
    assert "Nothing changes." in again.stdout.splitlines()
    assert "  delete account" in again.stdout
    assert events(dev) == before
    assert everything(aws) == had
    assert not plans(dev)


def test_a_changed_setting_changes_what_it_is_for_and_nothing_else(
    dev: Stage, folders: dict[str, Path], tmp_path: Path
) -> None:
    other = other_template(folders["dev"], tmp_path / "other", RequestsBurst=7)
    before = events(dev)
    asked: list[Change] = []

    def declines(change_set: ChangeSet) -> bool:
        asked.extend(change_set.changes)
        return False

    with pytest.raises(Declined):
        roll_out(dev, other, agree=declines)
    assert [(each.action, each.resource) for each in asked] == [("Modify", "RestAPIapiStage")]
    assert events(dev) == before
    assert not plans(dev)
    roll_out(dev, other)
    assert throttling(dev)["throttlingBurstLimit"] == 7
    roll_out(dev, folders["dev"])


def test_a_question_that_is_stopped_leaves_no_plan(dev: Stage, folders: dict[str, Path], tmp_path: Path) -> None:
    other = other_template(folders["dev"], tmp_path / "other", RequestsBurst=7)

    def stops(_: ChangeSet) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll_out(dev, other, agree=stops)
    assert not plans(dev)


def test_who_declines_the_first_deployment_finds_everything_as_it_was(aws: str) -> None:
    before = everything(aws)
    done = program("deploy", aws, answer="n\n", STAGE="prod")
    assert (done.returncode, done.stderr) == (1, "Nothing was changed.\n")
    assert "Change job-backend-prod in account 000000000000, region us-east-1? [y/N]" in done.stdout
    assert everything(aws) == before


def test_who_declines_the_removal_keeps_the_stage(dev: Stage, aws: str) -> None:
    before = everything(aws)
    done = program("destroy", aws, answer="no\n", STAGE="dev")
    assert (done.returncode, done.stderr) == (1, "Nothing was changed.\n")
    assert "Remove all of this from account 000000000000, region us-east-1, for good? [y/N]" in done.stdout
    assert everything(aws) == before
    assert not dev.stack().is_protected()


def test_without_a_terminal_and_without_an_answer_nothing_is_changed(aws: str) -> None:
    before = everything(aws)
    for name, variables in (("deploy", {"STAGE": "prod"}), ("destroy", {"STAGE": "dev"})):
        done = program(name, aws, **variables)
        assert done.returncode == 1
        assert (
            "there is no terminal to ask at, and nothing was changed; YES=1 or CI=true agrees beforehand" in done.stderr
        )
    assert everything(aws) == before


@pytest.mark.parametrize("name", ["deploy", "destroy"])
@pytest.mark.parametrize(
    ("environment", "refusal"),
    [
        ({}, "say which stage, for example: STAGE=dev"),
        ({"STAGE": "dev", **NO_CREDENTIALS}, "no AWS region is set"),
        (
            {"STAGE": "dev", "AWS_DEFAULT_REGION": "eu-west-1", **NO_CREDENTIALS},
            "no AWS credentials are found: run aws",
        ),
    ],
)
def test_what_is_missing_for_aws_is_said_before_anything_else(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    environment: dict[str, str],
    refusal: str,
) -> None:
    for variable in [each for each in os.environ if each.startswith("AWS_") or each in {"CI", "STAGE"}]:
        monkeypatch.delenv(variable)
    for variable, value in {"YES": "1", **environment}.items():
        monkeypatch.setenv(variable, value)
    assert {"deploy": deploy.main, "destroy": destroy.main}[name]() == 1
    said = capsys.readouterr()
    assert said.err.startswith(refusal)
    assert not said.out


def test_an_emulator_that_does_not_answer_and_a_stage_that_is_none_are_said(aws: str) -> None:
    url = nowhere()
    assert f"no emulator answers at {url}" in program("deploy", url, STAGE="dev", YES="1").stderr
    assert "there is no stage nope in .chalice/config.json" in program("deploy", aws, STAGE="nope", YES="1").stderr


def test_a_template_that_cfn_lint_refuses_is_not_deployed(tmp_path: Path) -> None:
    template = tmp_path / TEMPLATE_NAME
    wrong = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "soon"}}
    template.write_text(json.dumps({"Resources": {"Wrong": wrong}}))
    with pytest.raises(DeployError, match=r"cfn-lint refuses .*\n.*'soon' is not of type 'integer'"):
        lint(template, "eu-central-1")


def test_a_change_that_fails_is_rolled_back_and_the_stage_still_serves(
    dev: Stage, folders: dict[str, Path], tmp_path: Path
) -> None:
    outputs = dev.stack().outputs()
    with pytest.raises(StackError, match=r"^Another: The role with name nobody") as failed:
        roll_out(dev, that_fails(folders["dev"], tmp_path / "broken"))
    said = told(dev, failed.value)
    assert said.startswith("The change of job-backend-dev failed: Another: ")
    assert said.endswith("\nCloudFormation has put back what there was before.")
    assert dev.stack().status() == "UPDATE_ROLLBACK_COMPLETE"
    smoke(api_url(dev, outputs), lambda _: None)
    assert roll_out(dev, folders["dev"]).changes is None


def test_of_two_who_deploy_at_once_the_second_is_told(dev: Stage, folders: dict[str, Path], tmp_path: Path) -> None:
    first = other_template(folders["dev"], tmp_path / "first", RequestsBurst=7)
    second = other_template(folders["dev"], tmp_path / "second", RequestsBurst=8)

    def while_asked(_: ChangeSet) -> bool:
        roll_out(dev, first)
        return True

    with pytest.raises(
        StackError, match="is being changed, or was since this was planned, by somebody else; deploy ag"
    ):
        roll_out(dev, second, agree=while_asked)
    assert roll_out(dev, first).changes is None
    roll_out(dev, folders["dev"])


def test_what_a_removal_that_was_stopped_took_off_is_put_on_again(prod: Stage, folders: dict[str, Path]) -> None:
    session = prod.session()
    for table in belongings(prod, session).tables:
        session.client("dynamodb").update_table(TableName=table.name, DeletionProtectionEnabled=False)
    prod.stack().protect(on=False)
    before = events(prod)
    said: list[str] = []
    assert roll_out(prod, folders["prod"], say=said.append).changes is None
    tables = belongings(prod, session).tables
    assert sorted(said) == [f"PROTECTED AGAIN  {table.name}" for table in tables]
    assert all(table.is_protected for table in tables)
    assert prod.stack().is_protected()
    assert events(prod) == before


def test_a_stage_that_comes_to_keep_no_data_loses_its_protection_and_one_protected_by_hand_does_not(
    aws: str, folders: dict[str, Path]
) -> None:
    stage = Stage(name="turned", endpoint_url=aws)
    warned: list[str] = []

    def agrees(change_set: ChangeSet) -> bool:
        warned.extend(warnings(change_set))
        return True

    roll_out(stage, folders["prod"], agree=agrees)
    assert (stage.stack().is_protected(), warned) == (True, [])
    roll_out(stage, folders["dev"], agree=agrees)
    assert not stage.stack().is_protected()
    assert warned[0].startswith("WARNING: KeepsData goes from true to false")
    # AWS says that it is removed; the emulator's plan has it as one that may be replaced.
    assert [warning for warning in warned if warning.startswith("WARNING: AccessLogs ")]
    stage.stack().protect(on=True)
    assert roll_out(stage, folders["dev"]).changes is None
    assert stage.stack().is_protected()
    done = program("destroy", aws, STAGE="turned", YES="1", DESTROY_DATA="job-backend-turned")
    assert done.returncode == 0, done.stderr


def test_the_logs_of_all_functions_come_in_time_order_and_those_of_none_break_nothing(dev: Stage, aws: str) -> None:
    smoke(api_url(dev, dev.stack().outputs()), lambda _: None)
    done = program("logs", aws, STAGE="dev", SINCE="1h")
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert {name for _, name, *_ in lines} >= {"api", "consume"}
    assert [at for at, *_ in lines] == sorted(at for at, *_ in lines)
    one = program("logs", aws, STAGE="dev", SINCE="1h", FUNCTION="consume")
    assert {line.split()[1] for line in one.stdout.splitlines()} == {"consume"}
    quiet = program("logs", aws, STAGE="dev", SINCE="1h", FUNCTION="redrive")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_logs_are_followed_until_they_are_stopped(dev: Stage, aws: str) -> None:
    smoke(api_url(dev, dev.stack().outputs()), lambda _: None)
    with subprocess.Popen(
        [sys.executable, "-m", "deployment.logs"],
        cwd=PROJECT,
        env=os.environ | {"AWS_ENDPOINT_URL": aws, "STAGE": "dev", "FUNCTION": "api", "FOLLOW": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert " api " in following.stdout.readline()
        following.send_signal(signal.SIGINT)
        following.stdout.read()
        assert following.wait(20) == 0


@pytest.mark.parametrize("name", ["logs", "outputs"])
def test_a_stage_that_there_is_not_has_no_logs_and_no_outputs(aws: str, name: str) -> None:
    done = program(name, aws, STAGE="nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("make deploy STAGE=nowhere creates it\n")


def test_the_smoke_test_by_itself(dev: Stage) -> None:
    url = api_url(dev, dev.stack().outputs())
    done = program("smoke", "", URL=f"{url}/")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{url} does its part: ")
    none = program("smoke", "")
    assert (none.returncode, none.stderr) == (1, "say which API, for example: make smoke URL=http://localhost:8000\n")


def test_an_emulator_by_itself_answers_where_it_says_until_it_is_stopped(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "localstack.emulated_aws"],
        cwd=PROJECT,
        env=os.environ | {"AWS_PORT": "0", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as emulator:
        assert emulator.stdout is not None
        (url,) = re.findall("answers at (http://127.0.0.1:[0-9]+)", emulator.stdout.readline())
        assert not clients(url).client("cloudformation").describe_stacks()["Stacks"]
        emulator.send_signal(signal.SIGTERM)
        assert f"  export AWS_ENDPOINT_URL={url}\n" in emulator.stdout.read()
        assert emulator.wait(20) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_a_port_that_is_none_is_no_emulators(port: str) -> None:
    done = run("localstack.emulated_aws", AWS_PORT=port)
    assert (done.returncode, done.stderr) == (1, "AWS_PORT must be a number from 0 to 65535\n")


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_stage_is_as_its_parameters_say(request: pytest.FixtureRequest, name: str) -> None:
    """
    As far as the emulator tells.

    It keeps nothing of point-in-time recovery, encryption by KMS and TTL of a table, nor of a stage's access log: that
    the template has them, `tests/e2e/test_template.py` shows.
    """
    stage: Stage = request.getfixturevalue(name)
    parameters = {**CONFIG["template_parameters"], **CONFIG["stages"][name].get("template_parameters", {})}
    resources, service = stage.stack().resources(), stage.session().client
    for table in TABLES:
        described = service("dynamodb").describe_table(TableName=resources[table][1])["Table"]
        assert described["DeletionProtectionEnabled"] is (parameters["KeepsData"] == "true")
        assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    for queue in QUEUES:
        asked = service("sqs").get_queue_attributes(QueueUrl=resources[queue][1], AttributeNames=["All"])
        wanted, attributes = RESOURCES["Resources"][queue]["Properties"], asked["Attributes"]
        assert int(attributes["MessageRetentionPeriod"]) == wanted["MessageRetentionPeriod"]
        assert attributes["SqsManagedSseEnabled"] == "true"
        assert ("RedrivePolicy" in attributes, "RedriveAllowPolicy" in attributes) == (
            "RedrivePolicy" in wanted,
            "RedriveAllowPolicy" in wanted,
        )
        if "RedrivePolicy" in wanted:
            redrive = json.loads(attributes["RedrivePolicy"])
            assert redrive["deadLetterTargetArn"].endswith(f"{stage.stack_name}-{redrive_target(queue)}")
            assert int(redrive["maxReceiveCount"]) == wanted["RedrivePolicy"]["maxReceiveCount"]
    groups = {physical for kind, physical in resources.values() if kind == "AWS::Logs::LogGroup"}
    held = service("logs").describe_log_groups()["logGroups"]
    retention = {group["logGroupName"]: group.get("retentionInDays") for group in held}
    assert {retention[group] for group in groups} == {parameters["LogRetentionDays"]}
    assert ("AccessLogs" in resources) is (parameters["KeepsAccessLogs"] == "true")
    traces = parameters["Traces"] == "true"
    api_id = stage.stack().outputs()["RestAPIId"]
    assert service("apigateway").get_stage(restApiId=api_id, stageName=API_STAGE)["tracingEnabled"] is traces
    functions = [physical for kind, physical in resources.values() if kind == "AWS::Lambda::Function"]
    modes = {
        service("lambda").get_function(FunctionName=name)["Configuration"]["TracingConfig"]["Mode"]
        for name in functions
    }
    assert modes == {"Active" if traces else "PassThrough"}
    assert throttling(stage)["throttlingRateLimit"] == parameters["RequestsPerSecond"]
    assert throttling(stage)["throttlingBurstLimit"] == parameters["RequestsBurst"]
    assert stage.stack().is_protected() is (parameters["KeepsData"] == "true")


def redrive_target(queue: str) -> str:
    return {
        "JobsQueue": "jobs-dead-letters",
        "ErasuresQueue": "erasures-dead-letters",
        "DeliveriesQueue": "deliveries-dead-letters",
        "IntakeQueue": "intake-refused",
    }[queue]

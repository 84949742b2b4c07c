"""What ``chalice package`` makes: the zip, and the template with ours merged in."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from chalicelib import operations
from chalicelib.config import Settings
from localstack import packaging
from localstack.packaging import (
    TEMPLATE_NAME,
    ZIP_NAME,
    PackagingError,
    lambda_wheels,
    package,
    runs_lambda_wheels,
    without_dependencies,
)
from tests.aws import PROJECT

PACKAGE_MAX_BYTES = 5_000_000


@pytest.fixture(scope="module")
def template(packaged: Path) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads((packaged / TEMPLATE_NAME).read_text())
    return rendered


def properties(template: dict[str, Any], resource: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][resource]["Properties"]
    return found


def pinned() -> set[str]:
    """The names of what the functions need."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and not line.startswith("#")}


def test_a_stage_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"there is no stage nope in .chalice/config.json; there is local"):
        package("nope", tmp_path / "nope")
    assert not list(tmp_path.iterdir())


def test_an_operation_that_cannot_be_served_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half.py").write_text("def half(data):\n    return data / 2\n")
    monkeypatch.setattr(operations, "__path__", [*operations.__path__, str(tmp_path)])
    with pytest.raises(PackagingError, match=r"operations\.half\.half must take .* one parameter, data, and annotate"):
        package("local", tmp_path / "package")


def test_what_keeps_chalice_from_packaging_is_said_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PROJECT / ".chalice", tmp_path / ".chalice", ignore=shutil.ignore_patterns("deployments"))
    shutil.copy(PROJECT / "requirements.txt", tmp_path)
    (tmp_path / "app.py").write_text("raise RuntimeError('broken at import')\n")
    monkeypatch.setattr(packaging, "PROJECT", tmp_path)
    with pytest.raises(PackagingError, match="chalice package failed") as failed:
        package("local", tmp_path / "package")
    assert "RuntimeError: broken at import" in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_the_registry_is_asked_for_the_wheels_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = lambda_wheels()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert lambda_wheels() == folder
    wheels = {path.name.partition("-")[0].replace("_", "-").lower() for path in folder.glob("*.whl")}
    assert wheels == pinned()
    monkeypatch.setattr(packaging, "PROJECT", tmp_path)
    (tmp_path / "requirements.txt").write_text("msgspec==0.0.0\n")
    with pytest.raises(PackagingError, match="pip download failed") as failed:
        lambda_wheels()
    assert "msgspec==0.0.0" in str(failed.value)


def test_lambda_enters_the_handlers_there_are(template: dict[str, Any]) -> None:
    handlers = {
        name: resource["Properties"]["Handler"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert handlers == {"APIHandler": "app.app", "Consume": "app.consume"}


def test_the_timeouts_fit_into_each_other(template: dict[str, Any]) -> None:
    consume_s = properties(template, "Consume")["Timeout"]
    lease_s = int(properties(template, "Consume")["Environment"]["Variables"]["JOB_LEASE_S"])
    visibility_s = properties(template, "JobsQueue")["VisibilityTimeout"]
    assert properties(template, "APIHandler")["Timeout"] <= 29, "API Gateway waits no longer"
    assert visibility_s >= 6 * consume_s, "as AWS asks of a queue that drives a function"
    assert consume_s < lease_s < visibility_s, "a lease outlives its attempt and ends before the message comes back"


def test_the_queue_drives_the_consumer_one_message_at_a_time(template: dict[str, Any]) -> None:
    """
    Of a batch that fails, all messages come back; with one message a batch nothing is computed for another's fault.
    """
    (source,) = properties(template, "Consume")["Events"].values()
    assert source["Type"] == "SQS"
    assert source["Properties"]["Queue"] == {"Fn::Sub": "${JobsQueue.Arn}"}
    assert source["Properties"]["BatchSize"] == 1


def test_a_backlog_leaves_the_api_its_share_of_the_accounts_concurrency(template: dict[str, Any]) -> None:
    (source,) = properties(template, "Consume")["Events"].values()
    assert source["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_what_cannot_be_delivered_is_kept(template: dict[str, Any]) -> None:
    redrive = properties(template, "JobsQueue")["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["JobsDeadLetterQueue", "Arn"]}
    attempts = int(properties(template, "Consume")["Environment"]["Variables"]["JOB_MAX_ATTEMPTS"])
    assert redrive["maxReceiveCount"] > attempts, "every attempt a job has left gets its delivery"
    kept_s = properties(template, "JobsDeadLetterQueue")["MessageRetentionPeriod"]
    assert kept_s > properties(template, "JobsQueue")["MessageRetentionPeriod"]


@pytest.mark.parametrize("function", ["APIHandler", "Consume"])
def test_every_setting_is_set_and_none_besides(template: dict[str, Any], function: str) -> None:
    own = properties(template, function)["Environment"]["Variables"]
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    assert set(own) | set(shared) == {field.name.upper() for field in fields(Settings)} | {"LOG_LEVEL"}


def policies(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement


REACHES = {
    "ApiHandlerRole": {
        ("dynamodb:GetItem", "UsersTable"),
        ("dynamodb:PutItem", "UsersTable"),
        ("dynamodb:DeleteItem", "JobsTable"),
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:PutItem", "JobsTable"),
        ("dynamodb:Query", "JobsTable"),
        ("dynamodb:UpdateItem", "LimitsTable"),
        ("sqs:SendMessage", "JobsQueue"),
        ("ssm:GetParameter", "signing-key"),
    },
    "ConsumeRole": {
        ("dynamodb:UpdateItem", "JobsTable"),
        ("sqs:ReceiveMessage", "JobsQueue"),
        ("sqs:DeleteMessage", "JobsQueue"),
        ("sqs:GetQueueAttributes", "JobsQueue"),
    },
}
"""What each function may do to what. That it is enough, the walk-through shows: there the emulator enforces it."""


def test_each_function_may_do_what_it_needs_and_no_more(template: dict[str, Any]) -> None:
    reaches: dict[str, set[tuple[str, str]]] = {}
    for role, statement in policies(template):
        assert statement["Effect"] == "Allow"
        resource = json.dumps(statement["Resource"])
        # All log groups of the stack: a group's name carries an id that is not known before.
        assert "*" not in resource.replace("-*", ""), resource
        named = re.findall(r'"(\w+)", "Arn"|(signing-key|log-group:/aws/lambda/\$\{AWS::StackName\}-\*)', resource)
        assert len(named) == 1, resource
        for action in statement["Action"]:
            assert "*" not in action
            reaches.setdefault(role, set()).add((action, "".join(named[0])))
    logs = "log-group:/aws/lambda/${AWS::StackName}-*"
    for may in reaches.values():
        may -= {(f"logs:{action}", logs) for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")}
    assert reaches == REACHES


def test_every_aws_call_in_the_code_is_allowed() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "chalicelib").rglob("*.py"))
    called = {name.title().replace("_", "") for name in re.findall(r"client\.(\w+)\(", code)}
    allowed = {action.partition(":")[2] for may in REACHES.values() for action, _ in may}
    assert called == allowed - {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}, "those are the mapping's"


def test_nothing_secret_is_in_the_template(packaged: Path) -> None:
    text = (packaged / TEMPLATE_NAME).read_text()
    assert not re.findall(r"(?i)(secret|password)[\"']?\s*:", text)
    assert "signing-key" in text, "the name of the parameter, never its value"


def test_the_zip_holds_every_dependency_and_is_small(packaged: Path) -> None:
    """Chalice only warns when it finds no wheel."""
    with zipfile.ZipFile(packaged / ZIP_NAME) as content:
        names = content.namelist()
    held = {name.partition("-")[0].replace("_", "-").lower() for name in names if ".dist-info/" in name}
    assert held == pinned()
    assert not [name for name in names if name.startswith(("boto", "tests/", "localstack/", ".chalice"))]
    assert (packaged / ZIP_NAME).stat().st_size < PACKAGE_MAX_BYTES


@pytest.mark.skipif(not runs_lambda_wheels(), reason="the zip's wheels are for Linux on x86-64")
def test_the_zip_answers_with_nothing_else_beside_it(packaged: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(packaged / ZIP_NAME) as content:
        content.extractall(tmp_path)
    script = """
import sys
sys.path[:0] = [sys.argv[1]]
import app
event = {"httpMethod": "GET", "resource": "/operations", "headers": {}, "multiValueHeaders": {}, "body": None,
         "requestContext": {"httpMethod": "GET", "resourcePath": "/operations", "requestId": "1"},
         "pathParameters": None, "multiValueQueryStringParameters": None, "stageVariables": None}
answer = app.app(event, None)
assert answer["statusCode"] == 200, answer
import argon2, passlib.context, jwt, msgspec, chalicelib.adapters.tokens
assert all(each.__file__.startswith(sys.argv[1]) for each in (argon2, passlib.context, jwt, msgspec, app))
"""
    variables = json.loads((PROJECT / ".chalice" / "config.json").read_text())["environment_variables"]
    names = {field.name.upper(): "any" for field in fields(Settings)}
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-B", "-c", script, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **names, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_without_dependencies_only_our_code_and_chalice_are_left(packaged: Path, tmp_path: Path) -> None:
    """For an emulator on a machine that cannot load Lambda's wheels."""
    target = tmp_path / "own.zip"
    without_dependencies(packaged / ZIP_NAME, target)
    with zipfile.ZipFile(packaged / ZIP_NAME) as whole, zipfile.ZipFile(target) as own:
        assert {name.partition("/")[0] for name in own.namelist()} == {"app.py", "chalicelib", "chalice"}
        assert own.read("app.py") == whole.read("app.py")

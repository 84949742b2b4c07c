"""What ``chalice package`` makes: the zip, and the template with ours merged in."""

import copy
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
from chalicelib.adapters import common_passwords
from chalicelib.config import Settings
from chalicelib.domain.operations import ATTEMPTS_MAX
from localstack import packaging
from localstack.checks import template_faults
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
from tests.deployment import CONFIG, environment

PACKAGE_MAX_BYTES = 5_000_000
COMMON_PASSWORDS_MAX_BYTES = 100_000


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


def test_an_operation_with_a_policy_that_cannot_be_kept_is_not_packaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless.py").write_text(
        "from chalicelib.domain.operations import OperationPolicy\nPOLICY = OperationPolicy(timeout_s=900)\n"
    )
    monkeypatch.setattr(operations, "__path__", [*operations.__path__, str(tmp_path)])
    with pytest.raises(PackagingError, match=r"operations\.endless has a value .*: timeout_s must be .* from 1 to 840"):
        package("local", tmp_path / "package")


def test_an_operation_that_could_never_begin_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer claims no job that could not end in the time the function has."""
    (tmp_path / "slow.py").write_text(
        "from chalicelib.domain.operations import OperationPolicy\n"
        "POLICY = OperationPolicy(timeout_s=71)\n"
        "def slow(data: int) -> int:\n    'Wait.'\n    return data\n"
    )
    monkeypatch.setattr(operations, "__path__", [*operations.__path__, str(tmp_path)])
    with pytest.raises(
        PackagingError, match=r"operation slow could ever begin.* lambda_timeout .* at least 91, not 90"
    ):
        package("local", tmp_path / "package")
    assert not (tmp_path / "package" / TEMPLATE_NAME).exists(), "what does not fit must not be deployed"


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


def test_the_zip_has_what_the_apis_page_needs_of_swagger_ui_and_its_licence(packaged: Path) -> None:
    with zipfile.ZipFile(packaged / ZIP_NAME) as deployed:
        names = deployed.namelist()
        assert {name for name in names if name.startswith("swagger_ui/")} == {
            f"swagger_ui/{name}" for name in packaging.SWAGGER_UI_FILES
        }
        assert {"chalicelib/api/page/page.html", "chalicelib/api/page/start.js"} <= set(names)
        assert b"Apache License" in deployed.read("swagger_ui/LICENSE")


def test_the_zip_has_the_common_passwords_and_their_licences_in_little_room(packaged: Path) -> None:
    with zipfile.ZipFile(packaged / ZIP_NAME) as deployed:
        assert deployed.read("chalicelib/adapters/common_passwords.txt") == common_passwords.LIST.read_bytes()
        assert "chalicelib/adapters/common_passwords.NOTICE.txt" in deployed.namelist()
        assert deployed.getinfo("chalicelib/adapters/common_passwords.txt").compress_size < COMMON_PASSWORDS_MAX_BYTES


def test_files_of_swagger_ui_are_written_when_they_differ(tmp_path: Path) -> None:
    packaging.vendor_swagger_ui(tmp_path)
    folder = tmp_path / packaging.VENDORED
    assert {path.name for path in folder.iterdir()} == set(packaging.SWAGGER_UI_FILES)
    (folder / "swagger-ui.css").write_text("of an older version")
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    packaging.vendor_swagger_ui(tmp_path)
    after = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"swagger-ui.css"}
    assert (folder / "swagger-ui.css").read_text() != "of an older version"


def test_without_swagger_ui_nothing_is_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "find_spec", lambda _name: None)
    with pytest.raises(PackagingError, match=r"Swagger UI is not installed: .* make setup installs flask-swagger-ui"):
        package("local", tmp_path)
    assert not list(tmp_path.iterdir())


def test_lambda_enters_the_handlers_there_are(template: dict[str, Any]) -> None:
    handlers = {
        name: resource["Properties"]["Handler"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert handlers == {
        "APIHandler": "app.app",
        "Consume": "app.consume",
        "DeadLetter": "app.dead_letter",
        "Erase": "app.erase",
        "Sweep": "app.sweep",
        "Redrive": "app.redrive",
    }


def test_the_api_answers_before_api_gateway_gives_up(template: dict[str, Any]) -> None:
    assert properties(template, "APIHandler")["Timeout"] <= 29


def test_a_consumer_has_memory_left_beside_its_operation(template: dict[str, Any]) -> None:
    """So the operation's process is the one that ends for want of memory, and its job says so."""
    consume = properties(template, "Consume")
    operation_mb = int(consume["Environment"]["Variables"]["JOB_MEMORY_MAX_MB"])
    assert operation_mb + 256 <= consume["MemorySize"]


def test_the_template_fits_together(template: dict[str, Any]) -> None:
    assert template_faults(template, {"any": 70}) == []


def changed(template: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the one value at ``path``, which is a resource's name and then keys of its properties."""
    other = copy.deepcopy(template)
    resource, *keys, last = path.split(".")
    inner = properties(other, resource)
    for key in keys:
        inner = inner[key]
    inner[last] = value
    return other


CONSUME_MAPPING = "Consume.Events.ConsumeSqsEventSource.Properties"
DEAD_LETTER_MAPPING = "DeadLetter.Events.DeadLetterSqsEventSource.Properties"
ERASE_MAPPING = "Erase.Events.EraseSqsEventSource.Properties"
ERASURES_URL = "Erase.Environment.Variables.ERASURES_QUEUE_URL"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("Consume.Timeout", 89, "the lambda_timeout of consume must be at least 90, not 89"),
        ("Consume.Environment.Variables.JOB_LEASE_MARGIN_S", "16", "must be at least 91, not 90"),
        (
            "Redrive.Environment.Variables",
            {},
            "environment of Redrive is not right: ACCESS_TOKEN_TTL_S is not set; SES",
        ),
        ("JobsQueue.VisibilityTimeout", 539, "of JobsQueue must be at least 540, 6 times .* of Consume, not 539"),
        ("JobsDeadLetterQueue.VisibilityTimeout", 359, "of JobsDeadLetterQueue must be at least 360, .* of DeadLetter"),
        ("Consume.Environment.Variables.PARTIAL_BATCH_RESPONSES", "false", "mapping of Consume has FunctionResponse"),
        ("DeadLetter.Environment.Variables.PARTIAL_BATCH_RESPONSES", "", "mapping of DeadLetter has FunctionResponse"),
        (f"{CONSUME_MAPPING}.FunctionResponseTypes", [], "Consume has PARTIAL_BATCH_RESPONSES, but its mapping lacks"),
        (f"{DEAD_LETTER_MAPPING}.FunctionResponseTypes", None, "DeadLetter has PARTIAL_BATCH_RESPONSES, but its mapp"),
        (f"{DEAD_LETTER_MAPPING}.BatchSize", 2, "the BatchSize of DeadLetter must be 1"),
        ("ErasuresQueue.VisibilityTimeout", 359, "of ErasuresQueue must be at least 360, 6 times .* of Erase, not 359"),
        ("Erase.Environment.Variables.PARTIAL_BATCH_RESPONSES", "false", "mapping of Erase has FunctionResponseTypes"),
        (f"{ERASE_MAPPING}.FunctionResponseTypes", [], "Erase has PARTIAL_BATCH_RESPONSES, but its mapping lacks"),
        (f"{ERASE_MAPPING}.BatchSize", 2, "the BatchSize of Erase must be 1"),
        (
            ERASURES_URL,
            {"Ref": "JobsQueue"},
            "queue of Erase must be that of ERASURES_QUEUE_URL, .*, not ErasuresQueue",
        ),
        ("Erase.Events", {}, "the queue of Erase must be that of ERASURES_QUEUE_URL, .*, not none"),
        (f"{CONSUME_MAPPING}.Queue", {"Fn::Sub": "arn:aws:sqs:::jobs"}, "the queue of Consume must be one of"),
        ("Sweep.Events.SweepEvent.Properties.Schedule", "rate(5 minutes)", r"be rate\(1 minute\), not rate\(5 minut"),
        ("Sweep.Events", {}, r"schedule of sweep must be rate\(1 minute\), not none"),
    ],
)
def test_parts_that_do_not_fit_together_are_said(template: dict[str, Any], path: str, value: Any, fault: str) -> None:
    (said,) = template_faults(changed(template, path, value), {"any": 70})
    assert re.search(fault, said), said


def test_a_function_that_is_not_there_is_said(template: dict[str, Any]) -> None:
    other = copy.deepcopy(template)
    del other["Resources"]["Sweep"]
    assert template_faults(other, {}) == ["there is no function Sweep; app.py declares it"]


@pytest.mark.parametrize(
    ("mapping", "queue", "batch"),
    [
        (CONSUME_MAPPING, "JobsQueue", 5),
        (DEAD_LETTER_MAPPING, "JobsDeadLetterQueue", 1),
        (ERASE_MAPPING, "ErasuresQueue", 1),
    ],
)
def test_each_queue_drives_its_function_which_tells_the_messages_that_failed(
    template: dict[str, Any], mapping: str, queue: str, batch: int
) -> None:
    function, _, name, _ = mapping.split(".")
    source = properties(template, function)["Events"][name]
    assert source["Type"] == "SQS"
    assert source["Properties"]["Queue"] == {"Fn::Sub": f"${{{queue}.Arn}}"}
    assert source["Properties"]["BatchSize"] == batch
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties(template, function)["Environment"]["Variables"]["PARTIAL_BATCH_RESPONSES"] == "true"


def test_without_the_merged_template_the_consumer_deletes_what_is_done_and_raises() -> None:
    """
    ``chalice deploy`` knows no merged template and makes mappings that ask nothing: to answer them loses messages.
    """
    assert "PARTIAL_BATCH_RESPONSES" not in json.dumps(CONFIG)
    assert not Settings.from_env(environment()).partial_batch_responses


@pytest.mark.asvs("15.2.2")
@pytest.mark.parametrize(("function", "most"), [("Consume", 10), ("DeadLetter", 2), ("Erase", 2)])
def test_a_backlog_leaves_the_api_its_share_of_the_accounts_concurrency(
    template: dict[str, Any], function: str, most: int
) -> None:
    (source,) = properties(template, function)["Events"].values()
    assert source["Properties"]["ScalingConfig"] == {"MaximumConcurrency": most}


def test_functions_whose_messages_cause_messages_are_not_taken_for_a_runaway_loop(template: dict[str, Any]) -> None:
    """After 16 rounds Lambda would stop them; `docs/adr/0003` says what ends the rounds."""
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert {name for name, each in functions.items() if each.get("RecursiveLoop") == "Allow"} == {"Consume", "Erase"}


def test_what_cannot_be_delivered_is_kept(template: dict[str, Any]) -> None:
    redrive = properties(template, "JobsQueue")["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["JobsDeadLetterQueue", "Arn"]}
    assert redrive["maxReceiveCount"] > ATTEMPTS_MAX, "a job may lose a consumer in every attempt it can have"
    kept_s = properties(template, "JobsDeadLetterQueue")["MessageRetentionPeriod"]
    assert kept_s > properties(template, "JobsQueue")["MessageRetentionPeriod"]


def test_an_order_to_erase_outlasts_an_outage_and_is_then_kept_for_a_person(template: dict[str, Any]) -> None:
    queue = properties(template, "ErasuresQueue")
    redrive = queue["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["ErasuresDeadLetterQueue", "Arn"]}
    tried_s = redrive["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert 12 * 3600 <= tried_s < queue["MessageRetentionPeriod"], "it must not expire while it is still tried"
    kept_s = properties(template, "ErasuresDeadLetterQueue")["MessageRetentionPeriod"]
    assert kept_s == 14 * 24 * 3600, "as long as SQS keeps anything, from the sending on"


@pytest.mark.parametrize("function", ["APIHandler", "Consume", "DeadLetter", "Erase", "Sweep", "Redrive"])
def test_every_setting_is_set_and_none_besides(template: dict[str, Any], function: str) -> None:
    own = properties(template, function)["Environment"]["Variables"]
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    needed = {field.name.upper() for field in fields(Settings)} | {"LOG_LEVEL"}
    if function not in {"Consume", "DeadLetter", "Erase"}:
        needed -= {"PARTIAL_BATCH_RESPONSES"}
    assert set(own) | set(shared) == needed


def policies(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield name, statement


DEAD_OR_DUE = {
    ("dynamodb:GetItem", "JobsTable"),
    ("dynamodb:UpdateItem", "JobsTable"),
    ("dynamodb:Query", "JobsTable/index/due"),
    ("sqs:SendMessage", "JobsQueue"),
}
"""Finding jobs in the index, and sending them again."""

REACHES = {
    "ApiHandlerRole": {
        ("dynamodb:ConditionCheckItem", "UsersTable"),
        ("dynamodb:DeleteItem", "UsersTable"),
        ("dynamodb:GetItem", "UsersTable"),
        ("dynamodb:PutItem", "UsersTable"),
        ("dynamodb:UpdateItem", "UsersTable"),
        ("dynamodb:BatchWriteItem", "CredentialsTable"),
        ("dynamodb:DeleteItem", "CredentialsTable"),
        ("dynamodb:GetItem", "CredentialsTable"),
        ("dynamodb:PutItem", "CredentialsTable"),
        ("dynamodb:Query", "CredentialsTable"),
        ("dynamodb:UpdateItem", "CredentialsTable"),
        ("dynamodb:PutItem", "AuditTable"),
        ("dynamodb:Query", "AuditTable"),
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:PutItem", "JobsTable"),
        ("dynamodb:Query", "JobsTable"),
        ("dynamodb:Query", "JobsTable/index/owner_status"),
        ("dynamodb:BatchGetItem", "JobsTable"),
        ("dynamodb:DeleteItem", "JobsTable"),
        ("dynamodb:UpdateItem", "JobsTable"),
        ("dynamodb:UpdateItem", "LimitsTable"),
        ("dynamodb:GetItem", "IdempotencyTable"),
        ("dynamodb:PutItem", "IdempotencyTable"),
        ("sqs:SendMessage", "JobsQueue"),
        ("sqs:SendMessage", "ErasuresQueue"),
        ("ssm:GetParameter", "signing-keys"),
    },
    "ConsumeRole": {
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:UpdateItem", "JobsTable"),
        ("sqs:ReceiveMessage", "JobsQueue"),
        ("sqs:DeleteMessage", "JobsQueue"),
        ("sqs:GetQueueAttributes", "JobsQueue"),
        ("sqs:SendMessage", "JobsQueue"),
    },
    "DeadLetterRole": {
        ("dynamodb:GetItem", "JobsTable"),
        ("dynamodb:UpdateItem", "JobsTable"),
        ("sqs:ReceiveMessage", "JobsDeadLetterQueue"),
        ("sqs:DeleteMessage", "JobsDeadLetterQueue"),
        ("sqs:GetQueueAttributes", "JobsDeadLetterQueue"),
    },
    "EraseRole": {
        ("dynamodb:DeleteItem", "UsersTable"),
        ("dynamodb:Query", "CredentialsTable"),
        ("dynamodb:BatchWriteItem", "CredentialsTable"),
        ("dynamodb:Query", "JobsTable"),
        ("dynamodb:BatchWriteItem", "JobsTable"),
        ("sqs:ReceiveMessage", "ErasuresQueue"),
        ("sqs:DeleteMessage", "ErasuresQueue"),
        ("sqs:GetQueueAttributes", "ErasuresQueue"),
        ("sqs:SendMessage", "ErasuresQueue"),
    },
    "SweepRole": DEAD_OR_DUE,
    "RedriveRole": DEAD_OR_DUE,
}
"""What each function may do to what. That it is enough, the running stack shows: there the emulator enforces it."""


RESOURCE = re.compile(r'"(\w+)", "Arn"|\$\{(\w+)\.Arn\}(/index/\w+)|(signing-keys|log-group:/aws/lambda/.+)"')
"""The part of a statement's resource that names it."""

LOGS = {
    role: {(f"logs:{action}", group) for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")}
    for role, group in {
        "ApiHandlerRole": "log-group:/aws/lambda/${AWS::StackName}-APIHandler-*",
        "ConsumeRole": "log-group:/aws/lambda/${AWS::StackName}-Consume-*",
        "DeadLetterRole": "log-group:/aws/lambda/${AWS::StackName}-DeadLetter-*",
        "EraseRole": "log-group:/aws/lambda/${AWS::StackName}-Erase-*",
        "SweepRole": "log-group:/aws/lambda/${AWS::StackName}-Sweep-*",
        "RedriveRole": "log-group:/aws/lambda/${AWS::StackName}-Redrive-*",
    }.items()
}
"""
Each function writes its own log and no other's. Only here is a resource open at its end: CloudFormation ends the name
of a function, which is that of its log group, with characters that are not known before, and streams follow
(docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html).
"""


@pytest.mark.asvs("13.2.1", "13.2.2", "13.3.2", "16.4.2", "16.4.3")
def test_each_function_may_do_what_it_needs_and_no_more(template: dict[str, Any]) -> None:
    reaches: dict[str, set[tuple[str, str]]] = {}
    for role, statement in policies(template):
        assert set(statement) == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        (named,) = RESOURCE.findall(json.dumps(statement["Resource"]))
        for action in statement["Action"]:
            reaches.setdefault(role, set()).add((action, "".join(named)))
    assert reaches == {role: may | LOGS[role] for role, may in REACHES.items()}


def test_every_aws_call_in_the_code_is_allowed() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "chalicelib").rglob("*.py"))
    called = {name.title().replace("_", "") for name in re.findall(r"client\.(\w+)\(", code)}
    allowed = {action.partition(":")[2] for may in REACHES.values() for action, _ in may}
    # AWS allows the one by the other; receiving and asking are the mapping's calls, a check is a part of a transaction.
    by = {"DeleteMessageBatch": "DeleteMessage", "SendMessageBatch": "SendMessage", "TransactWriteItems": "PutItem"}
    called = {by.get(name, name) for name in called}
    assert called == allowed - {"ReceiveMessage", "GetQueueAttributes", "ConditionCheckItem"}


@pytest.mark.asvs("13.3.1")
def test_nothing_secret_is_in_the_template(packaged: Path) -> None:
    text = (packaged / TEMPLATE_NAME).read_text()
    # But for paths of the API, such as /me/password.
    assert not re.findall(r"(?i)(?<!/)(secret|password)[\"']?\s*:", text)
    assert "signing-keys" in text, "the name of the parameter, never its value"


@pytest.mark.asvs("14.2.2")
def test_api_gateway_keeps_no_answer(packaged: Path) -> None:
    text = (packaged / TEMPLATE_NAME).read_text()
    assert not re.findall(r"CacheCluster|CachingEnabled|CacheTtl|cacheKeyParameters", text)


@pytest.mark.asvs("13.4.1", "15.2.3")
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
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-B", "-c", script, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **environment()},
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

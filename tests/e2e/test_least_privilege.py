"""
Every permission of every function is taken away in turn, and something fails because of that.

The product is deployed as ``make run`` and the other end-to-end suites deploy it, so these tests also show that those
run with the policies enforced. `tests.e2e.probes` has what needs which permission, and `tests.e2e.unenforced` what
only AWS asks for.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployment.emulated import EMULATOR_ACTIONS
from deployment.packaging import TEMPLATE_NAME
from tests.aws import PROJECT
from tests.deployment import CONFIG
from tests.e2e.conftest import project_with, running
from tests.e2e.event_probes import EVENT_PROBES, INTAKES_PER_MINUTE
from tests.e2e.probes import OPERATIONS, PROBES, SETTINGS, submit_once
from tests.e2e.roles import Deployment, Permission, permissions, role_of
from tests.e2e.test_permissions import TRACES
from tests.e2e.unenforced import UNENFORCED

ALL = permissions()
ASKED = {**PROBES, **EVENT_PROBES}
ENFORCED = [each for each in ALL if each.action not in UNENFORCED or each.key in ASKED]
"""What one function does by itself, as counting a queue's messages, AWS may do for another."""

NOT_ENFORCED = [each for each in ALL if each not in ENFORCED]
REFUSAL = "is not authorized to perform: "


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The product with the operations of the probes."""
    project = project_with(tmp_path_factory.mktemp("project"), OPERATIONS)
    with running(project, **SETTINGS, INTAKES_PER_MINUTE=str(INTAKES_PER_MINUTE)) as runner:
        yield Deployment(runner)


def test_every_permission_has_its_probe_and_every_probe_its_permission() -> None:
    wanted = {each.key for each in ENFORCED}
    missing = [f"\n{each}: add what needs it to PROBES in tests/e2e/probes.py" for each in sorted(wanted - set(ASKED))]
    idle = [f"\n{each}: no policy file allows it; take it out of PROBES" for each in sorted(set(ASKED) - wanted)]
    assert not set(PROBES) & set(EVENT_PROBES)
    assert not missing, "".join(missing)
    assert not idle, "".join(idle)
    assert set(UNENFORCED) == {each.action for each in NOT_ENFORCED}


@pytest.mark.asvs("13.2.2")
@pytest.mark.parametrize("permission", ENFORCED, ids=str)
def test_without_a_permission_something_fails_for_the_want_of_it(
    deployment: Deployment, permission: Permission
) -> None:
    probe = ASKED[permission.key]
    before = probe(deployment)
    assert before.succeeded, before.log
    assert REFUSAL not in before.log
    with deployment.without(permission):
        denied = probe(deployment)
    after = probe(deployment)
    assert not denied.succeeded
    # A busy emulator hands a function's last lines over with those of its next invocation.
    refused = set(re.findall(rf"{REFUSAL}([\w:]+)", denied.log + after.log))
    assert refused, denied.log
    assert refused <= {permission.action, EMULATOR_ACTIONS.get(permission.action)}
    assert after.succeeded, after.log


@pytest.mark.parametrize("permission", NOT_ENFORCED, ids=str)
def test_a_permission_that_only_aws_asks_for_is_none_that_the_emulator_enforces(
    deployment: Deployment, permission: Permission
) -> None:
    """Should one fail here, the emulator has learned to enforce it: then it belongs into PROBES."""
    with deployment.without(permission):
        assert UNENFORCED[permission.action].probe(deployment, permission.function)


def test_a_deployed_role_has_what_its_policy_file_has_and_the_emulators_own_names(deployment: Deployment) -> None:
    for function in {each.function for each in ALL}:
        role = deployment.names[role_of(function)]
        assert not deployment.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        _, document = deployment.policy(function)
        has = [(number, action) for number, each in enumerate(document["Statement"]) for action in each["Action"]]
        may = [(each.statement, each.action) for each in ALL if each.function == function]
        by_another_name = [(number, EMULATOR_ACTIONS[action]) for number, action in may if action in EMULATOR_ACTIONS]
        assert sorted(has) == sorted(may + by_another_name)


def test_a_function_may_write_the_log_that_it_has_and_no_other_functions(deployment: Deployment) -> None:
    functions = {each.function for each in ALL}
    groups = {each: f":log-group:{deployment.log_group(each)}:*" for each in functions}
    assert len(set(groups.values())) == len(functions)
    for function in functions:
        _, document = deployment.policy(function)
        (allowed,) = [each["Resource"] for each in document["Statement"] if each["Action"][0].startswith("logs:")]
        assert allowed[allowed.index(":log-group:") :] == groups[function]


def test_the_emulator_asks_for_a_batch_of_messages_by_a_name_of_its_own(deployment: Deployment) -> None:
    """Should this fail, it does no longer: then `EMULATOR_ACTIONS` has nothing to add."""
    (send,) = [each for each in ALL if each.key == ("api_handler", "sqs:SendMessage", "JobsQueue")]
    with deployment.without(replace(send, action=EMULATOR_ACTIONS[send.action])):
        denied = submit_once(deployment)
    assert f"{REFUSAL}{EMULATOR_ACTIONS[send.action]}" in denied.log + submit_once(deployment).log


def test_why_aws_asks_for_a_permission_is_said_with_its_source() -> None:
    for each in UNENFORCED.values():
        assert each.reason
        assert each.source.startswith("https://docs.aws.amazon.com/")


def resources(packaged: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a kind in the rendered template."""
    template = json.loads((packaged / TEMPLATE_NAME).read_text())
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def test_each_function_has_a_role_and_a_policy_file_of_its_own(packaged: Path) -> None:
    functions, roles = resources(packaged, "AWS::Serverless::Function"), resources(packaged, "AWS::IAM::Role")
    used = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    assert sorted(used) == sorted(roles)
    assert sorted(used) == sorted(role_of(name) for name in {each.function for each in ALL})
    for role in roles.values():
        assert set(role) <= {"AssumeRolePolicyDocument", "Policies"}, "no policy from elsewhere"
        assert len(role["Policies"]) == 1
    assert not [name for name, function in functions.items() if {"Policies", "PermissionsBoundary"} & set(function)]
    files = sorted(path.name for path in (PROJECT / ".chalice").glob("policy-*.json"))
    assert sorted(each["iam_policy_file"] for each in CONFIG["lambda_functions"].values()) == files
    assert len(files) == len(functions)
    assert not [name for name, stage in CONFIG["stages"].items() if "iam_policy_file" in json.dumps(stage)]


@pytest.mark.asvs("13.2.2")
def test_nothing_is_allowed_by_a_star(packaged: Path) -> None:
    """But for traces, where a stage has them."""
    for role in resources(packaged, "AWS::IAM::Role").values():
        statements = role["Policies"][0]["PolicyDocument"]["Statement"]
        for statement in (each for each in statements if each != TRACES):
            actions, resource = statement["Action"], json.dumps(statement["Resource"])
            assert all(re.fullmatch(r"[a-z]+:[A-Z]\w+", action) for action in actions), actions
            assert "*" not in resource, resource


def test_no_other_suite_turns_the_policies_off() -> None:
    """But for emulators without the product: with a stand-in for it, with nothing, and somebody else's."""
    suites = {path.name: path.read_text() for path in (PROJECT / "tests" / "e2e").glob("*.py")}
    assert {name for name, text in suites.items() if f"enforce_iam={False}" in text} == {
        "test_conformance_program.py",
        "test_keys.py",
        "test_redrive.py",
    }
    assert {name for name, text in suites.items() if re.search(r"\bministack: str", text)} == {
        "test_cost.py",
        "test_runner.py",
    }


READS = """
import boto3
from botocore.exceptions import ClientError
def handler(event, context):
    try:
        boto3.client("dynamodb").get_item(TableName=event["table"], Key=event["key"])
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "read"
"""


@pytest.fixture
def reader(deployment: Deployment) -> Iterator[str]:
    """A function of the consumer's role that reads any table it is told to."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as content:
        content.writestr("index.py", READS)
    role = deployment.iam.get_role(RoleName=deployment.names[role_of("consume")])["Role"]["Arn"]
    name = "reader"
    deployment.functions.create_function(
        FunctionName=name, Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": code.getvalue()}
    )
    yield name
    deployment.functions.delete_function(FunctionName=name)


def test_the_consumers_role_reaches_no_account(deployment: Deployment, reader: str) -> None:
    def told(table: str, key: dict[str, dict[str, str]]) -> str:
        payload = json.dumps({"table": deployment.names[table], "key": key}).encode()
        return str(json.loads(deployment.functions.invoke(FunctionName=reader, Payload=payload)["Payload"].read()))

    assert told("JobsTable", {"owner_id": {"S": "1"}, "job_id": {"S": "1"}}) == "read"
    assert told("UsersTable", {"username_key": {"S": "ada"}}) == "AccessDeniedException"
    assert told("LimitsTable", {"counter_id": {"S": "ada"}}) == "AccessDeniedException"
    assert told("IdempotencyTable", {"key_id": {"S": "1"}}) == "AccessDeniedException"

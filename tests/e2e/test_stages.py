"""What holds in every stage of ``.chalice/config.json``, and in what ways stages may differ."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from chalicelib.config import Settings
from deployment.packaging import TEMPLATE_NAME
from deployment.template import (
    MADE_BY_CHALICE,
    VISIBILITY_IN_TIMEOUTS,
    TemplateError,
    functions,
    queue_of,
    sqs_mappings,
    stage_parameters,
    stream_mappings,
    without_functions,
)
from tests.deployment import CONFIG, RESOURCES
from tests.e2e.conftest import project_with, properties

STAGES = list(CONFIG["stages"])
API_TIMEOUT_MAX_S = 29
"""API Gateway gives up on an integration then."""

NAMES_INSIDE = {"StageName", "MetricName"}
"""Properties that name a part of a resource, or what it looks at, and not itself."""

QUEUE_ARN = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
KEPT = {"Fn::If": ["KeepsData", True, False]}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(stage: str, templates: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Its rendered template."""
    return templates[stage]


def of_type(template: dict[str, Any], kind: str) -> dict[str, Any]:
    """The resources of one type, by their names."""
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def named_in(part: Any) -> Iterator[str]:
    """Whatever a part of a template refers to."""
    text = json.dumps(part)
    yield from re.findall(r'"Ref": "([\w:]+)"', text)
    yield from re.findall(r'"Fn::GetAtt": \[?"(\w+)', text)
    for sub in re.findall(r'"Fn::Sub": "((?:[^"\\]|\\.)*)"', text):
        yield from re.findall(r"\$\{([\w:]+)", sub)


def conditions_in(part: Any) -> Iterator[str]:
    """Whatever conditions a part of a template depends on."""
    yield from re.findall(r'(?:"Fn::If": \["|"Condition": ")(\w+)', json.dumps(part))


def test_there_is_a_stage_for_a_laptop_one_to_try_and_one_to_serve() -> None:
    assert {"local", "dev", "prod"} <= set(STAGES)


def test_every_function_has_every_setting_and_none_besides(template: dict[str, Any]) -> None:
    needed = {field.name.upper() for field in fields(Settings)} | {"LOG_LEVEL", "JOBS_STREAM_ARN"}
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    for name, function in functions(template).items():
        own = function["Environment"]["Variables"]
        is_driven = sqs_mappings(function) or stream_mappings(function)
        optional = set() if is_driven else {"PARTIAL_BATCH_RESPONSES"}
        assert set(own) | set(shared) == needed - optional, name


def test_the_api_answers_before_api_gateway_gives_up(template: dict[str, Any]) -> None:
    assert properties(template, "APIHandler")["Timeout"] <= API_TIMEOUT_MAX_S


def test_every_mapping_of_a_queue_asks_which_messages_failed_and_is_answered(template: dict[str, Any]) -> None:
    mappings = [(function, mapping) for function in functions(template).values() for mapping in sqs_mappings(function)]
    assert len(mappings) == 5
    for function, mapping in mappings:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert function["Environment"]["Variables"]["PARTIAL_BATCH_RESPONSES"] == "true"


def visibilities(template: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Of each queue that drives a function, how long it hides a message, and how long the function may take."""
    return {
        queue_of(mapping): (properties(template, queue_of(mapping))["VisibilityTimeout"], function["Timeout"])
        for function in functions(template).values()
        for mapping in sqs_mappings(function)
    }


def test_a_message_is_hidden_for_six_times_what_its_function_may_take(template: dict[str, Any]) -> None:
    found = visibilities(template)
    assert found.keys() == {
        "JobsQueue",
        "JobsDeadLetterQueue",
        "ErasuresQueue",
        "DeliveriesQueue",
        "IntakeQueue",
    }
    assert all(visibility_s == VISIBILITY_IN_TIMEOUTS * timeout_s for visibility_s, timeout_s in found.values())
    assert VISIBILITY_IN_TIMEOUTS == 6


def test_how_long_messages_are_hidden_is_said_nowhere_else() -> None:
    assert "VisibilityTimeout" not in json.dumps(RESOURCES)


def test_every_parameter_has_a_value_and_is_used(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    assert all("Default" in parameter for parameter in parameters.values())
    used = set(named_in([template["Resources"], template["Conditions"], template["Globals"]]))
    assert parameters.keys() <= used
    assert template["Conditions"].keys() <= set(conditions_in([template["Resources"], template["Globals"]]))


def test_stages_differ_in_their_parameters_and_in_where_webhooks_may_go_and_nothing_else(
    templates: dict[str, dict[str, Any]],
) -> None:
    def common(template: dict[str, Any]) -> dict[str, Any]:
        part = copy.deepcopy(template)
        for parameter in part["Parameters"].values():
            del parameter["Default"]
        for function in functions(part).values():
            del function["Tags"]["aws-chalice"]  # which has the stage in it
            del function["Environment"]["Variables"]["WEBHOOKS_TO_ANYWHERE"]  # which only a laptop may have
        return part

    first, *others = [common(template) for template in templates.values()]
    assert all(other == first for other in others)
    values = {
        stage: {name: parameter["Default"] for name, parameter in template["Parameters"].items()}
        for stage, template in templates.items()
    }
    assert values["dev"]["KeepsData"] == values["local"]["KeepsData"] == "false"
    assert values["prod"]["KeepsData"] == "true"


def test_no_name_is_the_same_in_two_stages(template: dict[str, Any]) -> None:
    """Two stages share an account; what has a name there has its stack's in it, or gets one from CloudFormation."""
    named = 0
    for resource, described in template["Resources"].items():
        for key, value in described.get("Properties", {}).items():
            if not key.endswith("Name") or key in NAMES_INSIDE:
                continue
            named += 1
            assert {"AWS::StackName", *template["Resources"]} & set(named_in(value)), (resource, key)
    assert named > 10


def test_tables_outlive_their_replacement_and_are_protected_where_data_is_kept(template: dict[str, Any]) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")
    assert len(tables) == 11
    for name, table in tables.items():
        assert table["UpdateReplacePolicy"] == "Retain", name
        assert table["DeletionPolicy"] == "Delete", name
        assert table["Properties"]["DeletionProtectionEnabled"] == KEPT, name
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": KEPT}, name
        # Without it, the table is encrypted all the same, by a key of DynamoDB's own.
        assert table["Properties"]["SSESpecification"] == {"SSEEnabled": KEPT}, name
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST", name


def test_every_function_writes_a_log_of_the_template_and_may_write_no_other(template: dict[str, Any]) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    written = set()
    for name, function in functions(template).items():
        group = function["LoggingConfig"]["LogGroup"]["Ref"]
        assert group in groups, name
        assert group not in written, "each has its own"
        written.add(group)
        role, _ = function["Role"]["Fn::GetAtt"]
        allowed = [
            statement["Resource"]
            for policy in properties(template, role)["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            if any(action.startswith("logs:") for action in statement.get("Action", []))
        ]
        assert [set(named_in(each)) for each in allowed] == [{group}], name
    assert groups.keys() - written == {"AccessLogs"}


def test_every_log_ends_with_its_retention_and_its_stage(template: dict[str, Any]) -> None:
    for name, group in of_type(template, "AWS::Logs::LogGroup").items():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
        assert group["DeletionPolicy"] == group["UpdateReplacePolicy"] == "Delete", name


def test_what_waits_in_a_queue_is_encrypted(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    assert len(queues) == 9
    assert all(queue["Properties"]["SqsManagedSseEnabled"] is True for queue in queues.values())


def test_only_its_own_queues_may_give_a_dead_letter_queue_messages(template: dict[str, Any]) -> None:
    queues = {name: queue["Properties"] for name, queue in of_type(template, "AWS::SQS::Queue").items()}
    sources: dict[str, list[str]] = {}
    for queue in queues.values():
        if "RedrivePolicy" in queue:
            target, _ = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
            sources.setdefault(target, []).append(queue["QueueName"]["Fn::Sub"])
    assert sources.keys() == {
        "JobsDeadLetterQueue",
        "ErasuresDeadLetterQueue",
        "DeliveriesDeadLetterQueue",
        "IntakeRefusedQueue",
    }
    assert queues["RelayFailuresQueue"]["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}
    for target, names in sources.items():
        # By their names: each queue names the other, and CloudFormation refuses a circle.
        arns = [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}"} for name in names
        ]
        assert queues[target]["RedriveAllowPolicy"] == {"redrivePermission": "byQueue", "sourceQueueArns": arns}


def test_without_the_functions_what_holds_data_is_left_and_names_nothing_that_is_gone(
    template: dict[str, Any], tmp_path: Path
) -> None:
    left = without_functions(template)
    for kind in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::SNS::Topic"):
        assert of_type(left, kind) == of_type(template, kind) != {}, kind
    assert not [name for name, each in left["Resources"].items() if each["Type"] in MADE_BY_CHALICE]
    there = left["Resources"].keys() | left["Parameters"].keys()
    used = [left["Resources"], left["Outputs"], left["Conditions"]]
    assert {name for name in named_in(used) if not name.startswith("AWS::")} <= there
    assert set(conditions_in(used)) <= left["Conditions"].keys()
    (tmp_path / "infra.json").write_text(json.dumps(left))
    # What the functions alone use may be left: the parameters are those of the whole stage.
    command = [str(Path(sys.executable).parent / "cfn-lint"), str(tmp_path / "infra.json"), "--format", "parseable"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert not done.stderr
    said = done.stdout.splitlines()
    assert [line for line in said if line and ":W2001:" not in line and ":W8001:" not in line] == []
    assert any(":W2001:" in line for line in said), "it was linted"


@pytest.mark.parametrize("name", list(RESOURCES["Parameters"]))
def test_a_parameter_without_a_value_is_refused(stage: str, name: str) -> None:
    config = copy.deepcopy(CONFIG)
    for part in (config, config["stages"][stage]):
        part.get("template_parameters", {}).pop(name, None)
    with pytest.raises(TemplateError, match=rf"^template_parameters in .chalice/config.json lack {name}$"):
        stage_parameters(config, stage, RESOURCES["Parameters"])


def test_a_value_of_no_parameter_is_refused(stage: str) -> None:
    config = copy.deepcopy(CONFIG)
    config["stages"][stage]["template_parameters"] = {"KeepData": "true"}
    with pytest.raises(TemplateError, match=r"^the template has no parameter KeepData; it has KeepsData, LogRet"):
        stage_parameters(config, stage, RESOURCES["Parameters"])


def test_a_stage_has_its_own_values_and_the_others_of_all() -> None:
    config = {
        "template_parameters": {"A": 1, "B": 2},
        "stages": {"mine": {"template_parameters": {"B": 3}}, "plain": {}},
    }
    assert stage_parameters(config, "mine", {"A": {"Type": "Number"}, "B": {"Type": "Number"}}) == {"A": 1, "B": 3}
    assert stage_parameters(config, "plain", {"A": {"Type": "Number"}, "B": {"Type": "Number"}}) == {"A": 1, "B": 2}


def packaged_with(folder: Path, file: str, change: Callable[[Any], None]) -> subprocess.CompletedProcess[str]:
    """Package the stage prod of a copy of the product, one of whose files in ``.chalice`` is changed."""
    project = project_with(folder, {})
    path = project / ".chalice" / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    command = [sys.executable, "-m", "deployment.packaging", "prod"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=120)


def test_a_queue_follows_the_timeout_of_its_function(tmp_path: Path) -> None:
    def slower(config: Any) -> None:
        config["stages"]["prod"]["lambda_functions"] = {
            "consume": {**config["lambda_functions"]["consume"], "lambda_timeout": 120}
        }

    done = packaged_with(tmp_path, "config.json", slower)
    assert done.returncode == 0, done.stderr
    template = json.loads((tmp_path / ".build" / "prod" / TEMPLATE_NAME).read_text())
    assert visibilities(template)["JobsQueue"] == (720, 120)
    assert visibilities(template)["ErasuresQueue"] == (360, 60)


def no_flag(resources: Any) -> None:
    del resources["Resources"]["Consume"]["Properties"]["Events"]["ConsumeSqsEventSource"]["Properties"][
        "FunctionResponseTypes"
    ]


def no_answer(resources: Any) -> None:
    del resources["Resources"]["DeadLetter"]["Properties"]["Environment"]


def no_traces(config: Any) -> None:
    del config["template_parameters"]["Traces"]
    del config["stages"]["prod"]["template_parameters"]["Traces"]


def no_setting(config: Any) -> None:
    del config["environment_variables"]["JOB_RESEND_S"]


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("resources.json", no_flag, "Consume has PARTIAL_BATCH_RESPONSES, but its mapping lacks FunctionResponseTypes"),
        ("resources.json", no_answer, "the mapping of DeadLetter has FunctionResponseTypes, but its environment lacks"),
        ("config.json", no_traces, "template_parameters in .chalice/config.json lack Traces"),
        ("config.json", no_setting, "the environment of APIHandler is not right: JOB_RESEND_S is not set"),
    ],
)
def test_what_does_not_fit_is_not_packaged(tmp_path: Path, file: str, change: Callable[[Any], None], said: str) -> None:
    done = packaged_with(tmp_path, file, change)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".build" / "prod" / TEMPLATE_NAME).exists(), "what does not fit must not be deployed"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KeepsData", "yes", 'KeepsData in .* may not be "yes"; it may be true, false$'),
        ("KeepsData", None, "KeepsData in .* may not be null; it may be true, false$"),
        ("LogRetentionDays", 15, "LogRetentionDays in .* may not be 15; it may be 1, 3, 5, 7, 14, "),
        ("LogRetentionDays", "14", 'LogRetentionDays in .* may not be "14"; it may be 1, '),
        ("RequestsPerSecond", 0, "RequestsPerSecond in .* may not be 0$"),
        ("RequestsBurst", True, 'RequestsBurst in .* may not be "true"$'),
        ("AlarmsEmail", "no address", 'AlarmsEmail in .* may not be "no address"$'),
    ],
)
def test_a_value_that_a_parameter_must_not_have_is_refused_by_its_name(name: str, value: Any, said: str) -> None:
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"] = {"template_parameters": {name: value}}
    with pytest.raises(TemplateError, match=said):
        stage_parameters(config, "dev", RESOURCES["Parameters"])


def test_a_parameter_may_be_said_in_jsons_own_words() -> None:
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"] = {"template_parameters": {"KeepsData": True, "AlarmsEmail": "ops@example.com"}}
    values = stage_parameters(config, "dev", RESOURCES["Parameters"])
    assert (values["KeepsData"], values["AlarmsEmail"]) == ("true", "ops@example.com")

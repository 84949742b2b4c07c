"""
What the rendered template of a stage says that no emulator shows: it keeps nothing of the properties looked at here.
"""

import json
from typing import Any

import pytest

from deployment.packaging import TEMPLATE_NAME, package
from tests.deployment import CONFIG

STAGES = ("dev", "prod")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The rendered templates by their stages, each with its conditions decided."""
    rendered = {}
    for stage in STAGES:
        folder = tmp_path_factory.mktemp("stages") / stage
        package(stage, folder)
        template = json.loads((folder / TEMPLATE_NAME).read_text())
        values = {name: str(each["Default"]) for name, each in template["Parameters"].items()}
        rendered[stage] = decided(template, values)
    return rendered


def decided(part: Any, values: dict[str, str]) -> Any:
    """A part of a template in which each ``Fn::If`` on a parameter of the same name that is ``true`` is decided."""
    if isinstance(part, list):
        return [decided(each, values) for each in part]
    if not isinstance(part, dict):
        return part
    if set(part) == {"Fn::If"} and (condition := part["Fn::If"][0]) in values:
        _, true, false = part["Fn::If"]
        return decided(true if values[condition] == "true" else false, values)
    return {key: decided(value, values) for key, value in part.items()}


def of_kind(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def parameters(stage: str) -> dict[str, Any]:
    return {**CONFIG["template_parameters"], **CONFIG["stages"][stage].get("template_parameters", {})}


@pytest.mark.parametrize("name", ["KeepsData", "KeepsAccessLogs", "Traces"])
def test_each_condition_is_that_of_its_parameter(templates: dict[str, dict[str, Any]], name: str) -> None:
    """Which is what the other tests decide by."""
    assert templates["prod"]["Conditions"][name] == {"Fn::Equals": [{"Ref": name}, "true"]}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_keeps_data_keeps_each_table_from_mistakes(
    templates: dict[str, dict[str, Any]], stage: str
) -> None:
    keeps_data = parameters(stage)["KeepsData"] == "true"
    assert keeps_data is (stage == "prod")
    tables = of_kind(templates[stage], "AWS::DynamoDB::Table")
    assert len(tables) == 11
    for name, table in tables.items():
        assert table["DeletionProtectionEnabled"] is keeps_data, name
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": keeps_data}, name
        assert table["SSESpecification"] == {"SSEEnabled": keeps_data}, name
        resource = templates[stage]["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Delete", "Retain"), name
        if name not in {"UsersTable", "WebhooksTable", "SchedulesTable", "PausesTable"}:
            assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at_epoch_s", "Enabled": True}, name


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_traces_as_it_says(templates: dict[str, dict[str, Any]], stage: str) -> None:
    traces = parameters(stage)["Traces"] == "true"
    template = templates[stage]
    assert template["Globals"]["Function"]["Tracing"] == ("Active" if traces else "PassThrough")
    assert template["Resources"]["RestAPI"]["Properties"]["TracingEnabled"] is traces
    for function in of_kind(template, "AWS::Serverless::Function").values():
        assert "Tracing" not in function, "it would be in the place of that for all"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_access_logs_as_it_says(templates: dict[str, dict[str, Any]], stage: str) -> None:
    setting = templates[stage]["Resources"]["RestAPI"]["Properties"]["AccessLogSetting"]
    if parameters(stage)["KeepsAccessLogs"] == "true":
        assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
        assert {"request_id", "status", "latency_ms"} <= set(json.loads(setting["Format"]))
    else:
        assert setting == {"Ref": "AWS::NoValue"}
    assert templates[stage]["Resources"]["AccessLogs"]["Condition"] == "KeepsAccessLogs"

"""The template without functions, and the project from which Chalice deploys them."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployment.chalice_project import (
    IncompleteStack,
    chalice_command,
    chalice_config,
    chalice_functions,
    write_project,
)
from deployment.deploy import DeployError, require_no_chalice_functions
from deployment.stages import Stage
from deployment.template import without_functions

DEV = Stage(name="dev")
EMULATED = Stage(name="dev", endpoint_url="http://127.0.0.1:4566")
CONFIG: dict[str, Any] = {
    "version": "2.0",
    "app_name": "job-backend",
    "autogen_policy": False,
    "environment_variables": {"LOG_LEVEL": "INFO"},
    "lambda_functions": {"consume": {"iam_policy_file": "policy-consume.json"}},
    "template_parameters": {"Traces": "false"},
    "stages": {"dev": {"tags": {"team": "jobs"}, "template_parameters": {"Traces": "true"}}, "prod": {}},
}
OUTPUTS = {
    "ConsumeRoleArn": "arn:aws:iam::1:role/consume",
    "ApiHandlerRoleArn": "arn:aws:iam::1:role/api",
    "SettingJobsTable": "jobs-1",
    "SettingStackName": "job-backend-dev",
}


def function(handler: str, role: str, **variables: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Handler": handler,
            "Timeout": 90,
            "MemorySize": 512,
            "Role": {"Fn::GetAtt": [role, "Arn"]},
            "Environment": {"Variables": {"LOG_LEVEL": "INFO", **variables}},
        },
    }


def role() -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": {}}


TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Parameters": {"Traces": {"Type": "String", "Default": "true"}},
    "Globals": {
        "Function": {
            "Environment": {
                "Variables": {"JOBS_TABLE": {"Ref": "JobsTable"}, "STACK_NAME": {"Ref": "AWS::StackName"}},
            }
        }
    },
    "Resources": {
        "JobsTable": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        "ConsumeRole": role(),
        "ApiHandlerRole": role(),
        "Consume": function("app.consume", "ConsumeRole", PARTIAL_BATCH_RESPONSES="true"),
        "APIHandler": function("app.app", "ApiHandlerRole"),
        "RestAPI": {"Type": "AWS::Serverless::Api", "Properties": {}},
        "QueueAlarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Of": {"Ref": "JobsTable"}}},
        "FunctionAlarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Of": {"Ref": "Consume"}}},
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"Body": {"Fn::Sub": "${FunctionAlarm.Arn} and ${JobsTable}"}},
        },
    },
    "Outputs": {"JobsTableName": {"Value": {"Ref": "JobsTable"}}, "RestAPIId": {"Value": {"Ref": "RestAPI"}}},
}


def test_what_chalice_makes_is_left_out_with_all_that_names_it_and_the_roles_stay() -> None:
    made = without_functions(TEMPLATE)
    assert set(made["Resources"]) == {"JobsTable", "ConsumeRole", "ApiHandlerRole", "QueueAlarm"}
    assert not {"Transform", "Globals"} & set(made)
    assert made["Parameters"] == TEMPLATE["Parameters"]


def test_what_only_cloudformation_knows_is_put_out_for_chalice() -> None:
    assert without_functions(TEMPLATE)["Outputs"] == {
        "JobsTableName": {"Value": {"Ref": "JobsTable"}},
        "ConsumeRoleArn": {"Value": {"Fn::GetAtt": ["ConsumeRole", "Arn"]}},
        "ApiHandlerRoleArn": {"Value": {"Fn::GetAtt": ["ApiHandlerRole", "Arn"]}},
        "SettingJobsTable": {"Value": {"Ref": "JobsTable"}},
        "SettingStackName": {"Value": {"Ref": "AWS::StackName"}},
    }


def test_each_function_has_its_role_and_its_settings_with_all_names_filled_in() -> None:
    made = chalice_config(CONFIG, stage=DEV, template=TEMPLATE, outputs=OUTPUTS)
    of_stage = made["stages"]["dev"]
    assert set(of_stage["lambda_functions"]) == {"consume", "api_handler"}
    assert of_stage["lambda_functions"]["consume"] == {
        "lambda_timeout": 90,
        "lambda_memory_size": 512,
        "manage_iam_role": False,
        "iam_role_arn": "arn:aws:iam::1:role/consume",
        "environment_variables": {"LOG_LEVEL": "INFO", "JOBS_TABLE": "jobs-1", "STACK_NAME": "job-backend-dev"},
    }


def test_no_function_is_told_to_answer_for_parts_of_a_batch() -> None:
    """Chalice's mappings do not ask for it: Lambda would delete the messages that failed."""
    made = chalice_config(CONFIG, stage=DEV, template=TEMPLATE, outputs=OUTPUTS)
    assert "PARTIAL_BATCH_RESPONSES" not in json.dumps(made)


def test_the_rest_of_the_stage_is_as_it_was_and_other_stages_are_left_out() -> None:
    made = chalice_config(CONFIG, stage=DEV, template=TEMPLATE, outputs=OUTPUTS)
    assert {name: made[name] for name in made if name != "stages"} == {
        "version": "2.0",
        "app_name": "job-backend",
        "autogen_policy": False,
    }
    assert set(made["stages"]) == {"dev"}
    assert made["stages"]["dev"]["tags"] == {"team": "jobs"}
    assert "template_parameters" not in made["stages"]["dev"]


@pytest.mark.parametrize(("traces", "xray"), [("true", True), ("false", False)])
def test_tracing_is_that_of_the_stage(traces: str, *, xray: bool) -> None:
    template = {**TEMPLATE, "Parameters": {"Traces": {"Default": traces}}}
    assert chalice_config(CONFIG, stage=DEV, template=template, outputs=OUTPUTS)["stages"]["dev"]["xray"] is xray


def test_compression_is_set_for_an_emulator_alone() -> None:
    """On AWS it would compress the answers too, which the template's API does not."""
    for stage, is_set in ((DEV, False), (EMULATED, True)):
        made = chalice_config(CONFIG, stage=stage, template=TEMPLATE, outputs=OUTPUTS)
        assert ("minimum_compression_size" in made["stages"]["dev"]) is is_set


@pytest.mark.parametrize("output", ["ConsumeRoleArn", "SettingJobsTable"])
def test_a_stack_of_another_version_is_said(output: str) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != output}
    with pytest.raises(IncompleteStack, match=f"job-backend-dev is of another version than this: .* no {output}"):
        chalice_config(CONFIG, stage=DEV, template=TEMPLATE, outputs=outputs)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Ours, as far as it matters."""
    project = tmp_path / "project"
    for name in ("chalicelib", "vendor", ".chalice/deployments"):
        (project / name).mkdir(parents=True)
    for name in ("app.py", "requirements.txt", "chalicelib/core.py"):
        (project / name).write_text(name)
    (project / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    return project


def written(project: Path, stage: Stage) -> Path:
    folder = project / ".build" / "chalice-dev"
    write_project(project, folder, stage=stage, template=TEMPLATE, outputs=OUTPUTS)
    return folder


def test_the_project_has_our_code_as_it_is_when_chalice_deploys(project: Path) -> None:
    folder = written(project, DEV)
    (project / "chalicelib" / "core.py").write_text("changed")
    assert (folder / "chalicelib" / "core.py").read_text() == "changed"
    assert (folder / "app.py").read_text() == "app.py"
    assert (folder / "requirements.txt").read_text() == "requirements.txt"
    assert list(json.loads((folder / ".chalice" / "config.json").read_text())["stages"]) == ["dev"]


def test_what_is_deployed_to_aws_is_kept_in_our_project_and_what_is_in_an_emulator_is_not(project: Path) -> None:
    state = written(project, DEV) / ".chalice" / "deployed"
    (state / "dev.json").write_text("on AWS")
    assert (project / ".chalice" / "deployed" / "dev.json").read_text() == "on AWS"

    assert written(project, EMULATED) / ".chalice" / "deployed" == state
    assert not state.exists()
    state.mkdir()
    (state / "dev.json").write_text("in an emulator")
    written(project, EMULATED)
    assert (state / "dev.json").read_text() == "in an emulator", "of the same emulator, so it counts"

    written(project, DEV)
    assert (state / "dev.json").read_text() == "on AWS"
    assert (project / "chalicelib" / "core.py").exists()


def test_what_a_link_replaces_is_not_followed(project: Path) -> None:
    """The folders of an earlier time are removed, and ours, which the links stand for, are not."""
    folder = project / ".build" / "chalice-dev"
    (folder / "chalicelib").mkdir(parents=True)
    (folder / "chalicelib" / "old.py").write_text("old")
    (folder / "app.py").write_text("old")
    for _ in range(2):
        assert written(project, DEV) == folder
        assert [path.name for path in (folder / "chalicelib").iterdir()] == ["core.py"]
        assert (folder / "app.py").read_text() == "app.py"


def test_an_emulators_command_has_what_chalice_must_know_of_it_and_awss_has_no_credentials(tmp_path: Path) -> None:
    ours, emulated = (chalice_command(stage, tmp_path / "the project", "deploy") for stage in (DEV, EMULATED))
    assert "AWS_" not in ours
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test" in emulated
    for command in (ours, emulated):
        assert command.startswith("PYTHONDONTWRITEBYTECODE=1 ")
        assert command.endswith("the project' deploy --stage dev")


class Lambda:
    """A session of an account with some functions; any other name is answered with ``refusal``."""

    def __init__(self, *functions: str, refusal: str = "ResourceNotFoundException") -> None:
        self._functions = functions
        self._refusal = refusal

    def client(self, service_name: str, **_: Any) -> Any:
        assert service_name == "lambda"
        return self

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        if FunctionName not in self._functions:
            raise ClientError({"Error": {"Code": self._refusal, "Message": ""}}, "GetFunctionConfiguration")
        return {"FunctionName": FunctionName}


def test_the_functions_that_chalice_made_are_found_and_no_others() -> None:
    others = ("job-backend-dev-Consume-A1B2C3", "job-backend-dev-2", "job-backend-dev-2-consume", "job-backend-prod")
    assert chalice_functions(DEV, Lambda(*others)) == []
    made = ["job-backend-dev", "job-backend-dev-consume", "job-backend-dev-dead_letter"]
    assert chalice_functions(DEV, Lambda(*others, *made)) == made


def test_a_lambda_that_does_not_say_whether_there_are_functions_is_no_lambda_without_them() -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        chalice_functions(DEV, Lambda(refusal="AccessDeniedException"))


def test_functions_of_chalice_are_refused_beside_those_of_the_stack() -> None:
    require_no_chalice_functions(DEV, Lambda("job-backend-prod", "job-backend-dev-Consume-A1B2C3"))
    made = Lambda("job-backend-dev-consume", "job-backend-dev-sweep")
    with pytest.raises(DeployError, match="has made job-backend-dev-consume, job-backend-dev-sweep;") as refused:
        require_no_chalice_functions(DEV, made)
    assert str(refused.value).endswith(f"chalice-dev delete --stage {DEV.name}")

"""``.chalice/config.json`` as the programs read it: what is wrong with it is said with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from deployment import packaging
from deployment.admin import settings_of
from deployment.packaging import PackagingError, read_config
from deployment.stages import Stage
from tests.deployment import CONFIG


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with nothing but an empty folder for its configuration."""
    (tmp_path / ".chalice").mkdir()
    monkeypatch.setattr(packaging, "PROJECT", tmp_path)
    return tmp_path


def written(project: Path, config: Any) -> Path:
    path = project / ".chalice" / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return path


def test_the_projects_own_is_read() -> None:
    assert read_config() == CONFIG


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n  "stages": {,\n}', r"config\.json, line 2: this is not JSON: "),
        ("[]", r"config\.json: it must be an object, \{…\}, not \[\]$"),
    ],
)
def test_what_is_no_json_object_is_said_with_its_file_and_line(project: Path, text: str, said: str) -> None:
    written(project, text)
    with pytest.raises(PackagingError, match=said):
        read_config()


def test_that_it_is_not_there_is_said(project: Path) -> None:
    with pytest.raises(PackagingError, match=rf"^{project}/\.chalice/config\.json cannot be read: "):
        read_config()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stages": None}, "stages must be an object, {…}, not null"),
        ({"template_parameters": None}, "template_parameters must be an object, {…}, not null"),
        ({"stages": {"dev": None}}, "stages.dev must be an object, {…}, not null"),
        (
            {"stages": {"dev": {"template_parameters": 1}}},
            "stages.dev.template_parameters must be an object, {…}, not 1",
        ),
        (
            {"environment_variables": {"LOG_LEVEL": 7}},
            "environment_variables.LOG_LEVEL must be text in quotes, not 7",
        ),
        (
            {"lambda_functions": {"consume": {"lambda_timeout": "x"}}},
            'lambda_functions.consume.lambda_timeout must be a whole number from 1 on, not "x"',
        ),
        (
            {"stages": {"dev": {"lambda_functions": {"consume": {"lambda_memory_size": 0}}}}},
            "stages.dev.lambda_functions.consume.lambda_memory_size must be a whole number from 1 on, not 0",
        ),
    ],
)
def test_a_part_of_another_type_is_said_with_its_name(project: Path, changed: dict[str, Any], said: str) -> None:
    path = written(project, {**CONFIG, **changed})
    with pytest.raises(PackagingError) as refused:
        read_config()
    assert str(refused.value) == f"{path}: {said}"


def test_the_settings_of_a_deployment_are_its_stages_own_first(project: Path) -> None:
    own = {"environment_variables": {"AUDIT_RETENTION_DAYS": "5"}}
    written(project, {**CONFIG, "stages": {"dev": own, "prod": {}}})
    names = ("Users", "Credentials", "Audit", "Jobs", "Limits", "Idempotency")
    outputs = {**{f"{name}TableName": name for name in names}, "JobsQueueUrl": "1", "ErasuresQueueUrl": "2"}
    days = {name: settings_of(Stage(name=name), outputs).audit_retention_days for name in ("dev", "prod", "other")}
    assert days == {"dev": 5, "prod": 90, "other": 90}

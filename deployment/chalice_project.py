"""
The project from which ``chalice deploy`` deploys the functions of a stage whose stack has all else.

Ours is written for ``chalice package``: CloudFormation fills in names that Chalice itself would take as they are. So
Chalice gets a project of its own, which shares our code and has these names filled in, from what the stack puts out.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deployment.emulated import REGION
from deployment.packaging import BUILD, VENDORED, read_config
from deployment.stages import Session, Stage
from deployment.template import (
    PARTIAL_BATCH_RESPONSES,
    functions,
    role_of,
    role_output,
    setting_output,
    variables_of,
)

SHARED = ("app.py", "chalicelib", VENDORED.parts[0], "requirements.txt", ".chalice/deployments")
"""
What the two projects have in common: the code, and the zip that was packaged of it and checked.

Chalice takes that zip again while nothing has changed. It follows a link in the place of a folder, and none within.
"""

STATE = ".chalice/deployed"
"""Where Chalice keeps what it has deployed to a stage; without it, it would make another API the next time."""

OURS = ("environment_variables", "lambda_functions", "stages", "template_parameters")
"""Parts of ``.chalice/config.json`` that are not for Chalice here, or are written anew."""

API_HANDLER = "api_handler"
"""What Chalice calls the function of the API; in its name in Lambda nothing stands for it."""

EMULATOR_COMPRESSION_MIN_BYTES = 1024
"""
Of answers that the API compresses; only set where an emulator needs it.

Chalice tells API Gateway the setting even when there is none, and MiniStack's answer to that cannot be parsed.
"""


class IncompleteStack(Exception):
    """The stack does not put out what Chalice must be told: it was made from another version."""


def write_project(
    project: Path, folder: Path, *, stage: Stage, template: Mapping[str, Any], outputs: Mapping[str, str]
) -> None:
    """
    Make ``folder`` the Chalice project of a stage; what it has of an earlier time is replaced, but for an emulator's
    state.

    Args:
        project: Ours, whose code is to be deployed. The state of what is deployed to AWS stays in it, to be shared.
        folder: May be there or not.
        stage: Whose stack has been rolled out without functions.
        template: The stage's, as packaged, with the functions.
        outputs: What the stage's stack puts out.

    Raises:
        IncompleteStack: The stack lacks an output.
    """
    config = json.loads((project / ".chalice" / "config.json").read_text())
    made = json.dumps(chalice_config(config, stage=stage, template=template, outputs=outputs), indent=2)
    (folder / ".chalice").mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        _link(folder / name, project / name)
    if stage.endpoint_url:
        if (folder / STATE).is_symlink():
            (folder / STATE).unlink()
    else:
        (project / STATE).mkdir(exist_ok=True)
        _link(folder / STATE, project / STATE)
    (folder / ".chalice" / "config.json").write_text(made + "\n")


def chalice_config(
    config: Mapping[str, Any], *, stage: Stage, template: Mapping[str, Any], outputs: Mapping[str, str]
) -> dict[str, Any]:
    """
    Return the configuration of the project: ours for one stage, with all names filled in.

    No function is told to answer for parts of a batch: Chalice's mappings do not ask, and Lambda would take that answer
    for success.

    Raises:
        IncompleteStack: The stack lacks an output.
    """
    try:
        made = {_chalice_name(each): _function(template, each, outputs) for each in functions(template).values()}
    except KeyError as missing:
        message = f"the stack {stage.stack_name} is of another version than this: it puts out no {missing.args[0]}"
        raise IncompleteStack(message) from missing
    of_stage = {name: value for name, value in config["stages"][stage.name].items() if name not in OURS}
    if stage.endpoint_url:
        of_stage["minimum_compression_size"] = EMULATOR_COMPRESSION_MIN_BYTES
    traces = template["Parameters"]["Traces"]["Default"] == "true"
    return {
        **{name: value for name, value in config.items() if name not in OURS},
        "stages": {stage.name: {**of_stage, "xray": traces, "lambda_functions": made}},
    }


def project_of(stage: Stage) -> Path:
    """Return the folder of a stage's project for Chalice, whether it is there or not."""
    return BUILD / f"chalice-{stage.name}"


def chalice_command(stage: Stage, project: Path, verb: str) -> str:
    """Return a command of Chalice, ``deploy`` or ``delete``; in an emulator, with what Chalice must know of it."""
    # Bytecode in the project would make Chalice pack it anew, without the checks of make package.
    variables = {"PYTHONDONTWRITEBYTECODE": "1"}
    if stage.endpoint_url:
        variables |= {"AWS_ENDPOINT_URL": stage.endpoint_url, "AWS_DEFAULT_REGION": REGION}
        variables |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    chalice, folder = (os.path.relpath(path) for path in (Path(sys.executable).parent / "chalice", project))
    return " ".join([*words, shlex.join([chalice, "--project-dir", folder, verb, "--stage", stage.name])])


def chalice_functions(stage: Stage, session: Session) -> list[str]:
    """
    Return the names of a stage's functions that ``chalice deploy`` has made; raises boto3's errors as they are.

    Chalice's names say the function, and CloudFormation's for the same ones end in something random besides.
    """
    aws_lambda = session.client("lambda")
    names = [_name_in_lambda(stage, each) for each in read_config()["lambda_functions"]]
    return [name for name in names if _is_there(aws_lambda, name)]


def _name_in_lambda(stage: Stage, function: str) -> str:
    """Return the name that Chalice gives a function, which it names as `_chalice_name` does."""
    return stage.stack_name if function == API_HANDLER else f"{stage.stack_name}-{function}"


def _is_there(aws_lambda: Any, name: str) -> bool:  # noqa: ANN401 - boto3's classes are made at run time
    try:
        aws_lambda.get_function_configuration(FunctionName=name)
    except ClientError as missing:
        if missing.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True


def _function(template: Mapping[str, Any], function: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
    variables = {
        name: value if isinstance(value, str) else outputs[setting_output(name)]
        for name, value in variables_of(template, function).items()
        if name != PARTIAL_BATCH_RESPONSES
    }
    return {
        "lambda_timeout": function["Timeout"],
        "lambda_memory_size": function["MemorySize"],
        "manage_iam_role": False,
        "iam_role_arn": outputs[role_output(role_of(function))],
        "environment_variables": variables,
    }


def _chalice_name(function: Mapping[str, Any]) -> str:
    """Return what Chalice calls a function: as its handler, but for that of the API."""
    name = str(function["Handler"]).removeprefix("app.")
    return API_HANDLER if name == "app" else name


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() or link.is_file():
        link.unlink()
    elif link.is_dir():
        shutil.rmtree(link)
    link.symlink_to(target)

"""``chalice package``: the zip and the template, for the laptop and for AWS alike."""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chalicelib import operations
from chalicelib.operations.registry import OperationRegistry
from deployment.architectures import X86_64, Architecture, ArchitectureError, architecture_of
from deployment.bytecode import with_own_bytecode
from deployment.checks import template_faults
from deployment.dashboard import with_dashboard
from deployment.dependencies import dependency_faults
from deployment.template import TemplateError, completed

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / ".build"
ZIP_NAME = "deployment.zip"
TEMPLATE_NAME = "sam.json"
VENDORED = Path("vendor") / "swagger_ui"
"""Below the project. Chalice puts what is in ``vendor`` at the root of the zip, also when it deploys by itself."""

SWAGGER_UI_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE")

CONFIG_PARTS = ("environment_variables", "lambda_functions", "template_parameters", "stages")
"""The objects of ``.chalice/config.json``; each but the last is what a stage may have of its own too."""


class PackagingError(Exception):
    """``chalice package`` failed, or what it made must not be deployed; the message says why."""


def read_config() -> dict[str, Any]:
    """
    Return ``.chalice/config.json``, each part that is read here of the type it must be.

    Raises:
        PackagingError: It cannot be read, is no JSON, or has a part of another type; the message says where.
    """
    path = PROJECT / ".chalice" / "config.json"
    try:
        config = json.loads(path.read_text())
    except json.JSONDecodeError as broken:
        message = f"{path}, line {broken.lineno}: this is not JSON: {broken.msg}"
        raise PackagingError(message) from broken
    except (OSError, UnicodeDecodeError) as unreadable:
        message = f"{path} cannot be read: {unreadable}"
        raise PackagingError(message) from unreadable
    _require_object(path, "it", config)
    for name in CONFIG_PARTS:
        _require_object(path, name, config.get(name))
    _require_parts(path, "", config)
    for stage, own in config["stages"].items():
        _require_object(path, f"stages.{stage}", own)
        _require_parts(path, f"stages.{stage}.", own)
    checked: dict[str, Any] = config
    return checked


def _require_parts(path: Path, prefix: str, part: Mapping[str, Any]) -> None:
    """Check what the top level and each stage may have alike."""
    for name in CONFIG_PARTS[:-1]:
        if name in part:
            _require_object(path, prefix + name, part[name])
    for name, value in part.get("environment_variables", {}).items():
        if not isinstance(value, str):
            message = f"{path}: {prefix}environment_variables.{name} must be text in quotes, not {json.dumps(value)}"
            raise PackagingError(message)
    for name, function in part.get("lambda_functions", {}).items():
        where = f"{prefix}lambda_functions.{name}"
        _require_object(path, where, function)
        for number in ("lambda_timeout", "lambda_memory_size"):
            value = function.get(number, 1)
            if type(value) is not int or value < 1:
                message = f"{path}: {where}.{number} must be a whole number from 1 on, not {json.dumps(value)}"
                raise PackagingError(message)


def _require_object(path: Path, where: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    if not isinstance(value, dict):
        message = f"{path}: {where} must be an object, {{…}}, not {json.dumps(value)}"
        raise PackagingError(message)


def package(stage: str, folder: Path) -> None:
    """
    Write the deployment zip and the rendered template of ``stage`` into ``folder``.

    Chalice keeps the zip of the last build and takes it again when nothing changed. Two builds at once wait for each
    other, because they share that. The package registry is asked only after ``requirements.txt`` has changed. Every
    dependency in the zip comes from a wheel with a hash that ``requirements.txt`` has. Its bytecode is made here.

    Raises:
        PackagingError: As `read_config`; there is no such stage, its processor is none of Lambda's, an operation cannot
            be served, Swagger UI is not installed, a wheel has another hash than ``requirements.txt`` says, Chalice
            failed, it only warned that a dependency has no wheel for Lambda, the zip has another dependency than those
            wheels, or the parts of the template do not fit each other. No template is in the folder then.
    """
    template = folder / TEMPLATE_NAME
    template.unlink(missing_ok=True)
    config = read_config()
    if stage not in config["stages"]:
        message = f"there is no stage {stage} in .chalice/config.json; there is {', '.join(config['stages'])}"
        raise PackagingError(message)
    try:
        architecture = architecture_of(config, stage)
        registry = OperationRegistry(operations)
    except (ArchitectureError, TypeError) as unfit:
        raise PackagingError(str(unfit)) from unfit
    folder.mkdir(parents=True, exist_ok=True)
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        vendor_swagger_ui(PROJECT)
        # A region is all it needs of AWS; neither a profile nor a machine's role must be looked for.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        environment.setdefault("PYTHONPYCACHEPREFIX", str(BUILD / "pycache"))  # beside the source it would be packed
        wheels = lambda_wheels(architecture)
        # On every machine alike: pip takes the wheels that were checked, for the platform they are for.
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_ONLY_BINARY": ":all:"}
        environment |= {"PIP_PLATFORM": " ".join(architecture.wheel_platforms)}
        chalice = Path(sys.executable).parent / "chalice"
        merged = (".chalice/resources.json", str(folder))
        output = _run(
            "chalice package", chalice, "package", "--stage", stage, "--merge-template", *merged, **environment
        )
    if "Could not install" in output:
        template.unlink()
        message = f"chalice package left a dependency out:\n{output}"
        raise PackagingError(message)
    with_own_bytecode(folder / ZIP_NAME, BUILD / "bytecode")
    if faults := dependency_faults(folder / ZIP_NAME, wheels):
        template.unlink()
        message = "\n".join([*faults, "remove .chalice/deployments and package again"])
        raise PackagingError(message)
    rendered = json.loads(template.read_text())
    template.unlink()
    try:
        made = with_dashboard(completed(rendered, config, stage))
    except TemplateError as unfit:
        raise PackagingError(str(unfit)) from unfit
    timeouts_s = {each.name: each.policy.timeout_s for each in registry.all()}
    if faults := template_faults(made, timeouts_s, stage=stage):
        raise PackagingError("\n".join(faults))
    template.write_text(json.dumps(made, indent=2) + "\n")


def vendor_swagger_ui(project: Path) -> None:
    """
    Put the files of Swagger UI that the API's page needs where Chalice packs them.

    Each is replaced as a whole, and only by another: a ``chalice deploy`` may be packing them.

    Raises:
        PackagingError: The package that has them is not installed, or lacks one.
    """
    package = find_spec("flask_swagger_ui")
    source = Path() if package is None or package.origin is None else Path(package.origin).parent / "dist"
    folder, part = project / VENDORED, project / BUILD.name / "swagger_ui.part"
    for parent in (folder, part.parent):
        parent.mkdir(parents=True, exist_ok=True)
    for name in SWAGGER_UI_FILES:
        try:
            content = (source / name).read_bytes()
        except FileNotFoundError as missing:
            message = f"Swagger UI is not installed: there is no {name}; make setup installs flask-swagger-ui"
            raise PackagingError(message) from missing
        if not (folder / name).exists() or (folder / name).read_bytes() != content:
            part.write_bytes(content)
            part.replace(folder / name)


def lambda_wheels(architecture: Architecture = X86_64) -> Path:
    """
    Return the folder with a wheel for Lambda of everything in ``requirements.txt``, downloaded when that has changed.

    The wheels are for this interpreter's version of Python, as the functions that Chalice declares are.

    Raises:
        PackagingError: The registry cannot be reached, does not have one of them, or has it with another hash; the
            message is pip's.
    """
    requirements = PROJECT / "requirements.txt"
    made_for = f"{sys.version} {architecture.name}"
    key = hashlib.sha256(requirements.read_bytes() + made_for.encode()).hexdigest()
    folder = BUILD / "wheels" / key[:16]
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=BUILD, ignore_cleanup_errors=True) as part:
            platforms = [f"--platform={platform}" for platform in architecture.wheel_platforms]
            wanted = ("--require-hashes", "--no-deps", "--only-binary=:all:", *platforms, "-r", str(requirements))
            _run("pip download", sys.executable, "-m", "pip", "download", "-qq", *wanted, "--dest", part, **os.environ)
            try:
                Path(part).rename(folder)
            except OSError:
                if not folder.exists():  # as it does when another process was faster
                    raise
    return folder


def _run(what: str, *command: str | Path, **environment: str) -> str:
    """Run a command in the project; return all it said."""
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode != 0:
        message = f"{what} failed (exit {done.returncode}):\n{_cause(output)}"
        raise PackagingError(message)
    return output


def _cause(output: str) -> str:
    """Return the part of a command's output that a person needs: of a traceback, what was raised."""
    _, trace, raised = output.rpartition("Traceback (most recent call last):")
    if not trace:
        return raised
    return "\n".join(line for line in raised.splitlines() if line and not line.startswith(" "))


def runs_lambda_wheels(stage: str) -> bool:
    """
    Tell whether this machine can load what was packaged for Lambda in this stage.

    Raises:
        PackagingError: As `read_config`; or the stage names a processor that Lambda does not have.
    """
    config = read_config()
    try:
        return architecture_of(config, stage).is_of_this_machine
    except ArchitectureError as unfit:
        raise PackagingError(str(unfit)) from unfit


def without_dependencies(source: Path, target: Path) -> None:
    """
    Copy a deployment zip without its dependencies.

    For an emulator whose functions run in this interpreter, on a machine that cannot load Lambda's wheels: they are
    then taken from the virtual environment.
    """
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as own:
        for name in whole.namelist():
            if name == "app.py" or name.startswith(("chalicelib/", "chalice/")):
                own.writestr(name, whole.read(name))


def main() -> int:
    """Package one stage and say what came out; return the exit status."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("stage")
    stage = parser.parse_args().stage
    folder = BUILD / stage
    try:
        package(stage, folder)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    size = (folder / ZIP_NAME).stat().st_size
    print(f"{folder / ZIP_NAME}: {size / 1e6:.2f} MB")
    print(f"{folder / TEMPLATE_NAME}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

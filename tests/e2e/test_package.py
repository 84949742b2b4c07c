"""What is packaged: what the zip holds, and what is refused before a template comes of it."""

import compileall
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import pytest

from chalicelib import operations
from chalicelib.adapters import common_passwords
from deployment import packaging
from deployment.bytecode import bytecode_name, with_own_bytecode
from deployment.packaging import (
    TEMPLATE_NAME,
    ZIP_NAME,
    PackagingError,
    lambda_wheels,
    package,
    runs_lambda_wheels,
    without_dependencies,
)
from tests.aws import PROJECT
from tests.deployment import environment
from tests.e2e.conftest import project_with

PACKAGE_MAX_BYTES = 5_000_000
COMMON_PASSWORDS_MAX_BYTES = 100_000


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


@pytest.mark.asvs("13.4.1", "15.2.3")
def test_the_zip_holds_every_dependency_and_is_small(packaged: Path) -> None:
    """Chalice only warns when it finds no wheel."""
    with zipfile.ZipFile(packaged / ZIP_NAME) as content:
        names = content.namelist()
    held = {name.partition("-")[0].replace("_", "-").lower() for name in names if ".dist-info/" in name}
    assert held == pinned()
    assert not [name for name in names if name.startswith(("boto", "tests/", "localstack/", ".chalice"))]
    assert (packaged / ZIP_NAME).stat().st_size < PACKAGE_MAX_BYTES


@pytest.mark.skipif(not runs_lambda_wheels("local"), reason="the zip's wheels are for another machine")
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


BOTO3 = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
"""The SDK with what it needs, all that Lambda's runtime has beside the standard library."""


@pytest.mark.skipif(not runs_lambda_wheels("local"), reason="the zip's wheels are for another machine")
def test_every_module_of_the_zip_can_be_imported_with_only_boto3_beside_it(packaged: Path, tmp_path: Path) -> None:
    code, runtime = tmp_path / "code", tmp_path / "runtime"
    with zipfile.ZipFile(packaged / ZIP_NAME) as content:
        content.extractall(code)
    runtime.mkdir()
    installed = Path(boto3.__file__).parent.parent
    for name in BOTO3:
        (runtime / name).symlink_to(installed / name)
    script = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import app, chalicelib
from chalicelib.adapters.aws import AwsClients
for each in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(each.name)
import boto3
AwsClients(boto3.client).dynamodb
print(*(module for module in sys.modules if module.startswith("chalicelib.")))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-B", "-c", script, str(code), str(runtime)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", **environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules = {path.relative_to(PROJECT).with_suffix("") for path in (PROJECT / "chalicelib").rglob("*.py")}
    named = {".".join(path.parts).removesuffix(".__init__") for path in modules}
    assert named - {"chalicelib"} == set(done.stdout.split())


def test_bytecode_beside_the_source_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a deployment would change every function because somebody had run a test."""
    project = project_with(tmp_path / "project", {})
    monkeypatch.setattr(packaging, "PROJECT", project)
    package("local", tmp_path / "before")
    monkeypatch.setattr(sys, "pycache_prefix", None)
    assert compileall.compile_dir(project / "chalicelib", quiet=2)
    assert list((project / "chalicelib").rglob("*.pyc"))
    package("local", tmp_path / "after")
    before, after = ((tmp_path / name / ZIP_NAME).read_bytes() for name in ("before", "after"))
    assert before == after


def test_the_same_source_makes_the_same_bytecode_anew(packaged: Path, tmp_path: Path) -> None:
    shutil.copy(packaged / ZIP_NAME, tmp_path)
    with_own_bytecode(tmp_path / ZIP_NAME, tmp_path / "compiled")
    for kept in (tmp_path / "compiled").iterdir():
        kept.write_bytes(b"cut short")
    with_own_bytecode(tmp_path / ZIP_NAME, tmp_path / "compiled")
    assert list((tmp_path / "compiled").iterdir())
    assert (tmp_path / ZIP_NAME).read_bytes() == (packaged / ZIP_NAME).read_bytes()


def test_nothing_that_was_deployed_is_compiled_when_a_function_starts(packaged: Path, tmp_path: Path) -> None:
    """What is imported here has no source but one that would raise."""
    with zipfile.ZipFile(packaged / ZIP_NAME) as content:
        content.extractall(tmp_path)
    for module in tmp_path.rglob("*.py"):
        module.write_text("raise AssertionError(__file__)\n")
    script = (
        "import importlib, pkgutil, site, sys; sys.path[:0] = sys.argv[1:]; import app, chalicelib, jwt, passlib.hash; "
        "print(app.app.app_name, len([importlib.import_module(each.name) for each in"
        " pkgutil.walk_packages(chalicelib.__path__, 'chalicelib.')]))"
    )
    done = subprocess.run(
        [sys.executable, "-E", "-B", "-c", script, str(tmp_path)],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", **environment()},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    modules = len(list((PROJECT / "chalicelib").rglob("*.py")))
    assert done.stdout.split() == ["job-backend", str(modules - 1)]


def test_a_module_of_another_version_of_python_is_packed_without_bytecode(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / ZIP_NAME, "w") as content:
        content.writestr("old.py", "print 'hello'\n")
        content.writestr("new.py", "print('hello')\n")
        content.writestr("no_text.py", "'\0'\n")
    with_own_bytecode(tmp_path / ZIP_NAME, tmp_path / "compiled")
    with zipfile.ZipFile(tmp_path / ZIP_NAME) as content:
        assert content.namelist() == ["new.py", bytecode_name("new.py"), "no_text.py", "old.py"]


def test_without_dependencies_only_our_code_and_chalice_are_left(packaged: Path, tmp_path: Path) -> None:
    """For an emulator on a machine that cannot load Lambda's wheels."""
    target = tmp_path / "own.zip"
    without_dependencies(packaged / ZIP_NAME, target)
    with zipfile.ZipFile(packaged / ZIP_NAME) as whole, zipfile.ZipFile(target) as own:
        assert {name.partition("/")[0] for name in own.namelist()} == {"app.py", "chalicelib", "chalice"}
        assert own.read("app.py") == whole.read("app.py")

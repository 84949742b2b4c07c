"""Which processor and which Python a stage is packaged for."""

import json
import platform
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from deployment import packaging
from deployment.architectures import ARM64, X86_64, ArchitectureError, architecture_of
from deployment.dependencies import dependency_faults
from deployment.packaging import (
    TEMPLATE_NAME,
    ZIP_NAME,
    PackagingError,
    lambda_wheels,
    package,
    runs_lambda_wheels,
)
from deployment.template import functions
from tests.aws import PROJECT
from tests.deployment import CONFIG

ELF = b"\x7fELF"
MACHINES = {62: "x86_64", 183: "aarch64"}
"""By their numbers in an ELF file, at its bytes 18 and 19."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the product that is packaged in its place."""
    folder = tmp_path / "project"
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, folder)
    monkeypatch.setattr(packaging, "PROJECT", folder)
    return folder


def with_architecture(project: Path, stage: str, name: str) -> None:
    config = {**CONFIG, "stages": {**CONFIG["stages"], stage: {"lambda_architecture": name}}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))


def machines(zip_file: Path) -> set[str]:
    """The processors that the compiled parts of a deployment zip are for."""
    with zipfile.ZipFile(zip_file) as deployed:
        compiled = [deployed.read(name) for name in deployed.namelist() if ".so" in Path(name).suffixes]
    assert compiled
    assert all(content.startswith(ELF) for content in compiled)
    return {MACHINES[int.from_bytes(content[18:20], "little")] for content in compiled}


def declared(template: dict[str, Any], name: str) -> list[Any]:
    """A property of each function, in no order and without those that are the same."""
    return list({json.dumps(each[name]): each[name] for each in functions(template).values()}.values())


def test_a_stage_has_its_own_processor_or_that_of_all() -> None:
    config = {"lambda_architecture": "arm64", "stages": {"dev": {}, "prod": {"lambda_architecture": "x86_64"}}}
    assert architecture_of(config, "dev") == ARM64
    assert architecture_of(config, "prod") == X86_64
    assert architecture_of({"stages": {"dev": {}}}, "dev") == X86_64, "as Chalice has it"


@pytest.mark.parametrize("name", ["arm", "aarch64", "", None])
def test_a_processor_that_is_none_is_refused(name: str | None) -> None:
    config = {"lambda_architecture": "x86_64", "stages": {"dev": {"lambda_architecture": name}}}
    with pytest.raises(ArchitectureError, match=f"of the stage dev must be x86_64 or arm64, not {name}$"):
        architecture_of(config, "dev")


def test_nothing_is_packaged_for_a_processor_that_is_none(project: Path, tmp_path: Path) -> None:
    with_architecture(project, "dev", "aarch64")
    fault = "the lambda_architecture of the stage dev must be x86_64 or arm64, not aarch64"
    with pytest.raises(PackagingError, match=f"^{fault}$"):
        package("dev", tmp_path / "package")
    assert not (tmp_path / "package").exists()
    with pytest.raises(PackagingError, match=f"^{fault}$"):
        runs_lambda_wheels("dev")


@pytest.mark.parametrize(
    ("system", "machine", "runs"),
    [
        ("linux", "x86_64", {"local": True, "dev": False}),
        ("linux", "aarch64", {"local": False, "dev": True}),
        ("darwin", "arm64", {"local": False, "dev": False}),
    ],
)
def test_a_machine_runs_what_was_packaged_for_linux_on_its_processor(
    project: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, runs: dict[str, bool]
) -> None:
    with_architecture(project, "dev", "arm64")
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert {stage: runs_lambda_wheels(stage) for stage in runs} == runs


def test_each_processor_gets_a_zip_of_its_own_in_whatever_order(project: Path, tmp_path: Path) -> None:
    """The code is the same, and Chalice keeps the zips it has made: neither may be given out for the other."""
    with_architecture(project, "dev", "arm64")
    for number, (stage, architecture) in enumerate([("dev", ARM64), ("local", X86_64), ("dev", ARM64)]):
        folder = tmp_path / str(number)
        package(stage, folder)
        template = json.loads((folder / TEMPLATE_NAME).read_text())
        assert declared(template, "Architectures") == [[architecture.name]]
        assert machines(folder / ZIP_NAME) == {architecture.machine}
        assert dependency_faults(folder / ZIP_NAME, lambda_wheels(architecture)) == []


def test_a_zip_of_the_other_processor_is_not_taken_for_right(packaged: Path) -> None:
    (fault, *_) = dependency_faults(packaged / ZIP_NAME, lambda_wheels(ARM64))
    assert "in the zip" in fault


def test_lambda_runs_the_python_that_packaged(packaged: Path) -> None:
    """So a wheel that was built for one version of Python is never run by another."""
    template = json.loads((packaged / TEMPLATE_NAME).read_text())
    major, minor = sys.version_info[:2]
    assert declared(template, "Runtime") == [f"python{major}.{minor}"]
    abis = {wheel.stem.split("-")[-2] for wheel in lambda_wheels().glob("*.whl")}
    assert f"cp{major}{minor}" in abis
    assert abis <= {f"cp{major}{minor}", "abi3", "none"}


def test_two_processes_may_download_the_wheels_at_once(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that ends later takes what the other has made."""
    (project / "requirements.txt").write_text("of this test")
    (tmp_path / "build").mkdir()
    monkeypatch.setattr(packaging, "BUILD", tmp_path / "build")
    ended: list[Path] = []

    def overtaken(_what: str, *command: str | Path, **_environment: str) -> str:
        Path(command[-1], "a-1-py3-none-any.whl").write_text("a wheel")
        if not ended:
            monkeypatch.setattr(packaging, "_run", download)
            ended.append(lambda_wheels())
        return ""

    def download(_what: str, *command: str | Path, **_environment: str) -> str:
        Path(command[-1], "a-1-py3-none-any.whl").write_text("a wheel")
        return ""

    monkeypatch.setattr(packaging, "_run", overtaken)
    assert [lambda_wheels()] == ended
    assert [wheel.name for wheel in ended[0].iterdir()] == ["a-1-py3-none-any.whl"]
    assert list((tmp_path / "build").iterdir()) == [ended[0].parent]

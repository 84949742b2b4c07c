"""Where the dependencies come from, what is known of them, and what the bill of materials says."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deployment import packaging, sbom
from deployment.audit import CLEAN, NOT_AUDITED, VULNERABLE, audit
from deployment.bytecode import bytecode_name
from deployment.dependencies import dependency_faults
from deployment.packaging import ZIP_NAME, PackagingError, lambda_wheels, package
from tests.aws import PROJECT
from tests.e2e.test_package import pinned

REQUIREMENTS = PROJECT / "requirements.txt"


@pytest.mark.asvs("15.1.2")
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_by_version_and_hash(name: str) -> None:
    entries = (PROJECT / name).read_text().replace("\\\n", "").splitlines()
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    for entry in packages:
        assert re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.asvs("15.1.2")
def test_a_wheel_with_another_hash_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PROJECT / ".chalice", tmp_path / ".chalice", ignore=shutil.ignore_patterns("deployments"))
    monkeypatch.setattr(packaging, "PROJECT", tmp_path)
    entry = REQUIREMENTS.read_text().partition("msgspec==")[2].partition("\npycparser")[0]
    wrong = re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", f"msgspec=={entry}\n")
    (tmp_path / "requirements.txt").write_text(wrong)
    with pytest.raises(PackagingError, match="pip download failed") as refused:
        package("local", tmp_path / "package")
    assert "DO NOT MATCH THE HASHES" in str(refused.value)
    assert "msgspec==" in str(refused.value)
    assert not list((tmp_path / "package").iterdir())


def test_a_package_without_a_hash_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "PROJECT", tmp_path)
    (tmp_path / "requirements.txt").write_text("msgspec==0.22.0\n")
    with pytest.raises(PackagingError, match=r"(?s)pip download failed.*Hashes are required.*msgspec==0\.22\.0"):
        lambda_wheels()


def test_what_is_packed_is_what_was_checked(packaged: Path) -> None:
    assert dependency_faults(packaged / ZIP_NAME, lambda_wheels()) == []


def test_a_machine_that_lambda_is_not_like_packs_the_same_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    wheels = lambda_wheels()
    monkeypatch.setattr(packaging, "PROJECT", tmp_path)
    # What sysconfig, and so pip, takes for the platform.
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "macosx-14-arm64")
    package("local", tmp_path / "package")
    assert dependency_faults(tmp_path / "package" / ZIP_NAME, wheels) == []


def repacked(packaged: Path, target: Path, change: Callable[[str, bytes], bytes | None], **extra: bytes) -> Path:
    """A copy of the deployment zip with the content of each file changed, or the file left out."""
    with zipfile.ZipFile(packaged / ZIP_NAME) as whole, zipfile.ZipFile(target / ZIP_NAME, "w") as other:
        for name in whole.namelist():
            content = change(name, whole.read(name))
            if content is not None:
                other.writestr(name, content)
        for name, content in extra.items():
            other.writestr(name, content)
    return target / ZIP_NAME


def test_a_dependency_that_was_changed_is_named(packaged: Path, tmp_path: Path) -> None:
    other = repacked(packaged, tmp_path, lambda name, content: content + b"#" * (name == "jwt/__init__.py"))
    assert dependency_faults(other, lambda_wheels()) == [
        "pyjwt: jwt/__init__.py in the zip is not that of the wheel with the right hash"
    ]


def test_a_dependency_that_is_missing_or_strange_is_named(packaged: Path, tmp_path: Path) -> None:
    other = repacked(
        packaged, tmp_path, lambda name, content: None if name == "jwt/__init__.py" else content, sitecustomize=b""
    )
    assert dependency_faults(other, lambda_wheels()) == [
        f"{bytecode_name('jwt/__init__.py')} in the zip is of no package in requirements.txt",
        "sitecustomize in the zip is of no package in requirements.txt",
        "pyjwt: jwt/__init__.py is not in the zip",
    ]


def test_a_zip_with_another_dependency_is_not_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Chalice would make it of a wheel it downloaded by name, or take up from an earlier build."""
    folder = tmp_path / "wheels"
    shutil.copytree(lambda_wheels(), folder)
    next(folder.glob("pyjwt-*")).unlink()
    monkeypatch.setattr(packaging, "dependency_faults", lambda deployed, _: dependency_faults(deployed, folder))
    with pytest.raises(PackagingError, match=r"jwt/__init__\.py in the zip is of no package .*\n(.*\n)*remove \.chal"):
        package("local", tmp_path / "package")
    assert not (tmp_path / "package" / packaging.TEMPLATE_NAME).exists()


@pytest.mark.asvs("15.1.2", "15.2.3")
def test_the_bill_of_materials_lists_what_is_in_the_zip_and_nothing_else(packaged: Path, tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    assert sbom.main(file) == 0
    bill = json.loads(file.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text()) is None
    assert {each["name"] for each in bill["components"]} == pinned() | {"chalice", "swagger-ui-dist"}
    versions = dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", (PROJECT / "requirements-dev.txt").read_text()))
    for each in bill["components"]:
        name = "flask-swagger-ui" if each["name"] == "swagger-ui-dist" else each["name"]
        assert each["version"] == versions[name]
        assert each["purl"].endswith(f"/{each['name']}@{each['version']}")
    with zipfile.ZipFile(packaged / ZIP_NAME) as deployed:
        assert f'PACKAGE_VERSION:"{versions["flask-swagger-ui"]}"'.encode() in deployed.read(
            "swagger_ui/swagger-ui-bundle.js"
        )


def test_without_a_zip_no_bill_of_materials_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sbom.json"
    file.write_text("of an earlier build")
    monkeypatch.setattr(packaging, "find_spec", lambda _name: None)
    assert sbom.main(file) == 1
    assert not file.exists()
    assert "no bill of materials was written: Swagger UI is not installed" in capsys.readouterr().err


@contextmanager
def osv(answers: dict[str, Any], status: int = 200) -> Iterator[str]:
    """The URL of a server that knows of each package what ``answers`` has, as OSV would say it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answers.get(asked["package"]["name"], {})).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing of a test's requests is told."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def test_of_clean_packages_the_audit_says_how_many_there_are() -> None:
    with osv({}) as url:
        assert audit(REQUIREMENTS, url=url) == (CLEAN, [f"no vulnerability is known of {len(pinned())} packages"])


@pytest.mark.asvs("15.2.1")
def test_a_known_vulnerability_fails_the_audit_and_is_named() -> None:
    known = {
        "id": "GHSA-0000",
        "summary": "bad",
        "affected": [{"package": {"name": "pyjwt", "ecosystem": "PyPI"}, "ranges": [], "versions": []}],
    }
    with osv({"pyjwt": {"vulns": [known]}}) as url:
        status, lines = audit(REQUIREMENTS, url=url)
    assert status == VULNERABLE
    (line,) = lines
    assert re.fullmatch(r"pyjwt [\d.]+: GHSA-0000, fixed in none", line)


@pytest.mark.asvs("15.2.1")
def test_an_audit_that_is_refused_or_reaches_nothing_fails_with_one_line(tmp_path: Path) -> None:
    with osv({}, status=503) as url:
        assert audit(REQUIREMENTS, url=url)[0] == NOT_AUDITED
    # Nothing listens at its port any more.
    done = subprocess.run(
        [sys.executable, "-m", "deployment.audit", "--osv-url", url],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == NOT_AUDITED
    (line,) = done.stderr.splitlines()
    assert re.match(r"nothing was audited: .*Connection refused", line)
    (tmp_path / "requirements.txt").write_text("msgspec==0.22.0\n")
    status, (why,) = audit(tmp_path / "requirements.txt", url=url)
    assert status == NOT_AUDITED
    assert "nothing was audited: " in why

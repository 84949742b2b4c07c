"""What the end-to-end suites share: the packaged product, and the local runner as ``make run`` starts it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deployment.packaging import BUILD, TEMPLATE_NAME, lambda_wheels, package
from deployment.stages import LOCAL, Stage
from tests.aws import PROJECT
from tests.deployment import CONFIG

AWS_ENDPOINT = re.compile(r"^AWS endpoint (http://.+)$")
Finished = subprocess.CompletedProcess[str]
LOCAL_STACK = Stage(name=LOCAL).stack_name
READY = re.compile(r"^Ready on (http://localhost:\d+)$")


class Runner:
    """The local runner of ``project`` on a free port; once it is ready, ``api`` and ``aws_endpoint`` are its URLs."""

    def __init__(self, project: Path = PROJECT, /, **environment: str) -> None:
        self.api = self.aws_endpoint = ""
        self.output: list[str] = []
        # Of a copy, which nobody runs again, no bytecode is kept.
        keeps = {} if project == PROJECT else {"PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localstack.run"],
            cwd=project,
            env=os.environ | {"PORT": "0", "PYTHONUNBUFFERED": "1", **keeps, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_ready(self) -> str:
        """The URL of the API."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if endpoint := AWS_ENDPOINT.match(line):
                self.aws_endpoint = endpoint[1]
            if ready := READY.match(line):
                self.api = ready[1]
                return self.api
        pytest.fail(f"the runner ended with {self.process.wait()}:\n{''.join(self.output)}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(number)
        with self.process:
            assert self.process.stdout is not None
            self.output += self.process.stdout.readlines()
            return self.process.wait(20)


@contextmanager
def running(project: Path = PROJECT, /, **environment: str) -> Iterator[Runner]:
    """A runner of ``project`` that is ready, for the length of the block."""
    runner = Runner(project, **environment)
    try:
        runner.wait_until_ready()
        yield runner
    finally:
        runner.stop()


def project_with(folder: Path, operations: Mapping[str, str]) -> Path:
    """Make ``folder`` a copy of the product with more operations, each given by its name and the code of its module."""
    for name in (".chalice", "chalicelib", "deployment", "localstack"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".build").mkdir()
    (folder / ".build" / "wheels").symlink_to(lambda_wheels().parent)
    bytecode = BUILD / "bytecode"
    bytecode.mkdir(parents=True, exist_ok=True)
    (folder / ".build" / "bytecode").symlink_to(bytecode)
    head = "'An operation.'\nfrom chalicelib.domain.operations import OperationPolicy, RunningJob\n"
    for name, code in operations.items():
        (folder / "chalicelib" / "operations" / f"{name}.py").write_text(head + code)
    return folder


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """
    The product, deployed to an emulator that enforces the functions' policies, and ready.

    The suites of a process share it, each with users that no other has. One that needs it unused, or in which others
    would notice what it does, has a fixture of this name for itself: see `runner_of_its_own`.
    """
    with running() as runner:
        yield runner


@pytest.fixture(scope="module")
def runner_of_its_own() -> Iterator[Runner]:
    """As `runner`, for one suite alone."""
    with running() as runner:
        yield runner


@pytest.fixture(scope="module")
def api(runner: Runner) -> str:
    """The URL of the product."""
    return runner.api


@pytest.fixture(scope="module")
def aws_endpoint(runner: Runner) -> str:
    """The URL of the emulator that the product runs on."""
    return runner.aws_endpoint


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the deployment zip and the rendered template."""
    folder = tmp_path_factory.mktemp("packaged")
    package("local", folder)
    return folder


@pytest.fixture(scope="session")
def template(packaged: Path) -> dict[str, Any]:
    """The rendered template of the stage local."""
    return rendered(packaged)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The packaged stages but the local one, by their names."""
    made = {stage: tmp_path_factory.mktemp(stage) for stage in CONFIG["stages"] if stage != LOCAL}
    for stage, folder in made.items():
        package(stage, folder)
    return made


@pytest.fixture(scope="session")
def templates(packaged: Path, folders: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """The rendered templates of all stages."""
    return {stage: rendered(folder) for stage, folder in {LOCAL: packaged, **folders}.items()}


def rendered(folder: Path) -> dict[str, Any]:
    """The template of a packaged folder."""
    template: dict[str, Any] = json.loads((folder / TEMPLATE_NAME).read_text())
    return template


def properties(template: dict[str, Any], resource: str) -> dict[str, Any]:
    """The properties of a resource of a template."""
    found: dict[str, Any] = template["Resources"][resource]["Properties"]
    return found


def local_stage(endpoint_url: str) -> Stage:
    """The stage that ``make run`` serves, in the emulator there."""
    return Stage(name=LOCAL, endpoint_url=endpoint_url)


def call(
    api: str,
    method: str,
    path: str,
    *,
    body: Any = None,
    text: str | None = None,
    token: str = "",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """One request, with ``body`` as JSON or ``text`` as it is; the status and the answer's JSON, if any."""
    sent = text if body is None else json.dumps(body)
    request = urllib.request.Request(
        api + path,
        method=method,
        data=None if sent is None else sent.encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def program(module: str, **environment: str) -> Finished:
    """A program of the project after its end: what it printed, and its exit status."""
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def shell(script: str, api: str, folder: Path) -> str:
    """What a script of the documentation prints, run as it stands in ``folder`` against ``api``."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        # What the pages tell to install is in the tests' own environment.
        env={"PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "API": api},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def logged_in(api: str, username: str) -> str:
    """Register a user; return a token."""
    credentials = {"username": username, "password": "yourpassword"}
    assert call(api, "POST", "/register", body=credentials)[0] == 201
    status, answer = call(api, "POST", "/login", body=credentials)
    assert status == 200
    return str(answer["access_token"])


def finished(api: str, job_path: str, token: str, *, patience_s: float = 30) -> Any:
    """The result of a job, once it is final."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = call(api, "GET", f"{job_path}/result", token=token)[1]
        if answer["status"] in {"SUCCESS", "FAILED", "CANCELLED"}:
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)

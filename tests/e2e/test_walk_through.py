"""The deployed stack over HTTP, through the commands a newcomer uses."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
READY = re.compile(r"^Ready on (http://localhost:\d+)$")


class Runner:
    """The local runner as ``make run`` starts it, on a free port."""

    def __init__(self, **environment: str) -> None:
        self.output: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localstack.run"],
            cwd=PROJECT,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            | {"PORT": "0", "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_ready(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if ready := READY.match(line):
                return ready[1]
        pytest.fail(f"the runner ended with {self.process.wait()}:\n{''.join(self.output)}")

    def emulator(self) -> str:
        found = re.search(r"AWS endpoint (http://127\.0\.0\.1:\d+)", "".join(self.output))
        assert found
        return found[1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        with self.process:
            return self.process.wait(20)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    try:
        runner.wait_until_ready()
        yield runner
    finally:
        runner.stop()


@pytest.fixture(scope="module")
def api(runner: Runner) -> str:
    ready = READY.match(runner.output[-1])
    assert ready
    return ready[1]


def call(api: str, method: str, path: str, *, body: Any = None, token: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(
        api + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def logged_in(api: str, username: str) -> str:
    credentials = {"username": username, "password": "yourpassword"}
    assert call(api, "POST", "/register", body=credentials)[0] == 201
    status, answer = call(api, "POST", "/login", body=credentials)
    assert status == 200
    return str(answer["access_token"])


def test_the_walk_through_of_the_readme_gives_14_and_36(api: str) -> None:
    block = re.search(r"<!-- walk-through: .*? -->\n```bash\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert block
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block[1]],
        env={"PATH": os.environ["PATH"], "API": api},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["username"] == "yourname"
    assert lines[1:] == [{"status": "SUCCESS", "result": 14}, {"status": "SUCCESS", "result": 36}]


def test_the_demo_against_the_running_service_prints_14(api: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "localstack.demo"],
        cwd=PROJECT,
        env=os.environ | {"API": api},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["result", "14"]


def test_another_users_job_is_not_found_through_the_whole_stack(api: str) -> None:
    ada, bob = logged_in(api, "ada"), logged_in(api, "bob")
    _, job = call(api, "POST", "/jobs", body={"data": [2], "operation": "square_sum"}, token=ada)
    foreign = call(api, "GET", f"/jobs/{job['job_id']}", token=bob)
    absent = call(api, "GET", "/jobs/01900000-0000-7000-8000-000000000000", token=bob)
    assert foreign == absent
    assert foreign[0] == 404


@pytest.mark.parametrize("path", ["/jobs", "/jobs/", "/jobsList", "/jobsList/", "/operations/", "/health/"])
def test_paths_work_with_and_without_the_trailing_slash(api: str, path: str) -> None:
    token = call(api, "POST", "/login", body={"username": "yourname", "password": "yourpassword"})[1]["access_token"]
    assert call(api, "GET", path, token=token)[0] == 200


def test_a_taken_port_is_said_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        runner = Runner(PORT=str(port))
        output, _ = runner.process.communicate(timeout=20)
    assert runner.process.returncode == 1
    assert f"port {port} is taken; choose another, for example: make run PORT={port + 1}" in output


def test_the_local_stack_refuses_to_touch_aws() -> None:
    runner = Runner(AWS_ENDPOINT_URL="https://dynamodb.eu-central-1.amazonaws.com")
    output, _ = runner.process.communicate(timeout=20)
    assert runner.process.returncode == 1
    assert "AWS_ENDPOINT_URL is AWS itself" in output


def children_of(pid: int) -> set[int]:
    """All processes below ``pid``."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stopped_runner_leaves_no_process(number: signal.Signals) -> None:
    """Also when it is killed outright: the emulator notices and ends itself."""
    before = set(Path(tempfile.gettempdir()).glob("job-backend-*"))
    runner = Runner()
    api = runner.wait_until_ready()
    assert call(api, "GET", "/health")[0] == 200
    started = children_of(runner.process.pid)
    assert len(started) >= 2, "the emulator and a Lambda worker"
    status = runner.stop(number)
    assert status == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    for pid in started:
        wait_until_gone(pid)
    assert not set(Path(tempfile.gettempdir()).glob("job-backend-*")) - before, "nor a file"


def wait_until_gone(pid: int) -> None:
    state = Path(f"/proc/{pid}/stat")
    for _ in range(200):
        if not state.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there: {state.read_text()}")

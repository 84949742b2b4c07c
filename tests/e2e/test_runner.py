"""The life of the local runner: what it says, what it leaves behind."""

import json
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from deployment.packaging import TEMPLATE_NAME
from localstack.emulator import EmulatorError, running_emulator
from localstack.run import RunError, change_settings
from tests.aws import nowhere
from tests.e2e.conftest import Runner, call, logged_in


def refusal(**environment: str) -> str:
    """What a runner that cannot run says."""
    runner = Runner(**environment)
    output, _ = runner.process.communicate(timeout=20)
    assert runner.process.returncode == 1
    assert "Traceback" not in output
    return output


def test_a_taken_port_is_said_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        output = refusal(PORT=str(port))
    assert output == f"\nport {port} is taken; choose another, for example: make run PORT=8001\n"


@pytest.mark.parametrize("port", ["http", "-1", "65536", "8000.5"])
def test_a_port_that_is_none_is_said(port: str) -> None:
    assert f"PORT must be a number from 0 to 65535, not {port}" in refusal(PORT=port)


def test_settings_can_be_changed_by_the_environment(packaged: Path, tmp_path: Path) -> None:
    rendered = tmp_path / TEMPLATE_NAME
    rendered.write_text((packaged / TEMPLATE_NAME).read_text())
    before = json.loads(rendered.read_text())
    change_settings(rendered, {"SUBMITS_PER_MINUTE": "7", "READS_PER_MINUTE": "", "JOBS_TABLE": "other", "PATH": "/"})
    after = json.loads(rendered.read_text())
    for name, resource in after["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            variables = resource["Properties"]["Environment"]["Variables"]
            was = before["Resources"][name]["Properties"]["Environment"]["Variables"]
            assert variables == was | {"SUBMITS_PER_MINUTE": "7"}


@pytest.mark.parametrize(
    ("setting", "value", "fault"),
    [
        ("ACCESS_TOKEN_TTL_S", "99999", "ACCESS_TOKEN_TTL_S may be at most 3600, not 99999"),
        ("PASSWORD_MEMORY_KIB", "8", "PASSWORD_MEMORY_KIB and PASSWORD_PASSES must be at least one of"),
        ("CORS_ALLOWED_ORIGINS", "https://App.example.com/", "CORS_ALLOWED_ORIGINS must not have https://App"),
    ],
)
def test_a_setting_that_no_function_could_serve_with_is_refused(
    packaged: Path, tmp_path: Path, setting: str, value: str, fault: str
) -> None:
    rendered = tmp_path / TEMPLATE_NAME
    rendered.write_text((packaged / TEMPLATE_NAME).read_text())
    with pytest.raises(RunError, match=fault):
        change_settings(rendered, {setting: value})


def test_a_wrong_setting_is_said_before_anything_is_served() -> None:
    assert "ACCESS_TOKEN_TTL_S may be at most 3600, not 99999" in refusal(ACCESS_TOKEN_TTL_S="99999")


def test_aws_itself_is_not_touched() -> None:
    assert "AWS_ENDPOINT_URL is AWS itself" in refusal(AWS_ENDPOINT_URL="https://dynamodb.eu-central-1.amazonaws.com")


def test_an_emulator_that_does_not_answer_is_said() -> None:
    url = nowhere()
    assert f"nothing answers at AWS_ENDPOINT_URL ({url})" in refusal(AWS_ENDPOINT_URL=url)


def test_another_emulator_is_used_and_keeps_what_it_has(ministack: str) -> None:
    first = Runner(AWS_ENDPOINT_URL=ministack, AWS_PROFILE="not-on-this-machine")
    try:
        logged_in(first.wait_until_ready(), "ada")
    finally:
        assert first.stop() == 0
    second = Runner(AWS_ENDPOINT_URL=ministack)
    try:
        api = second.wait_until_ready()
        assert not [line for line in second.output if "MiniStack" in line], "it starts none of its own"
        assert call(api, "POST", "/login", body={"username": "ada", "password": "yourpassword"})[0] == 200
    finally:
        second.stop()


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


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something another process does, ten seconds at most."""
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"after ten seconds it is still not so: {what}")


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} is gone")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stopped_runner_leaves_no_process_and_no_file(number: signal.Signals, tmp_path: Path) -> None:
    """Also when it is killed outright: the emulator notices and ends itself."""
    runner = Runner(TMPDIR=str(tmp_path))
    api = runner.wait_until_ready()
    assert call(api, "GET", "/health")[0] == 200
    started = children_of(runner.process.pid)
    assert len(started) >= 2, "the emulator and a Lambda worker"
    assert list(tmp_path.iterdir()), "what it keeps while it runs"
    status = runner.stop(number)
    if number is signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        assert status == 0
        assert runner.output[-1] == "Stopped.\n"
    for pid in started:
        wait_until_gone(pid)
    assert not list(tmp_path.iterdir())


def test_a_runner_stopped_while_it_starts_leaves_nothing_either(tmp_path: Path) -> None:
    runner = Runner(TMPDIR=str(tmp_path))
    assert runner.process.stdout is not None
    assert runner.process.stdout.read(len("Starting MiniStack")) == "Starting MiniStack"
    wait_until(lambda: bool(children_of(runner.process.pid)), "the emulator is started")
    started = children_of(runner.process.pid)
    assert runner.stop() == 0
    for pid in started:
        wait_until_gone(pid)
    assert not list(tmp_path.iterdir())


def test_emulators_started_at_once_for_one_port_do_not_meet() -> None:
    """All find the port free, one gets it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    together = Barrier(3)

    def own_url(_: int) -> str:
        together.wait()
        with running_emulator(preferred_port=port) as url:
            together.wait()
            return url

    with ThreadPoolExecutor(3) as pool:
        urls = list(pool.map(own_url, range(3)))
    assert len(set(urls)) == 3
    assert f"http://127.0.0.1:{port}" in urls


def test_an_emulator_that_cannot_start_is_said_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.chdir("/")
    with pytest.raises(EmulatorError, match="MiniStack did not start") as failed, running_emulator():
        pytest.fail("it started")
    assert "No module named" in str(failed.value)


def test_two_runners_at_once_do_not_meet() -> None:
    runners = [Runner(), Runner()]
    try:
        urls = [runner.wait_until_ready() for runner in runners]
        for url in urls:
            logged_in(url, "ada")
    finally:
        for runner in runners:
            runner.stop()
    assert urls[0] != urls[1]

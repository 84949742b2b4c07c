"""
A stage that is updated while it works: nothing is lost, nothing is done twice, and callers see little of it.

What MiniStack does to a function whose code or settings change is less gentle than AWS, where an environment of the old
version ends what it has begun. MiniStack kills every process of the function, working or not, within the change. A
request that one of them was answering gets a 502 then, and a job that one of them ran is left to its lease and the
sweep. Requests that come meanwhile wait. So a 5xx is right in a request that was under way while the stack changed, and
nowhere else.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployment.packaging import TEMPLATE_NAME
from deployment.rollout import roll_out
from deployment.stack import Say, StackError
from deployment.stages import Stage
from localstack.emulator import running_emulator
from localstack.run import change_settings
from tests.aws import client
from tests.e2e.conftest import call, logged_in, project_with
from tests.e2e.load import CALLERS, Load, running_load
from tests.e2e.probes import SCHEDULE_EVENT
from tests.fuzz.__main__ import raised_limits

ECHO = """
POLICY = OperationPolicy(timeout_s=2)
def echo(data: int) -> int:
    'What it is given.'
    return data
"""
DOUBLED = """
POLICY = OperationPolicy(timeout_s=2)
def doubled(data: int) -> int:
    'Twice what it is given.'
    return 2 * data
"""
QUICKLY_FOUND = {"JOB_LEASE_MARGIN_S": "1", "JOB_RESEND_S": "5"}
"""A job whose consumer was killed is the sweep's after as many seconds."""

RECEIVES = "JobsQueue.RedrivePolicy.maxReceiveCount"
SCHEDULE = "Sweep.Events.SweepEvent.Properties.Schedule"
"""Of the last resource that is updated: what comes before it was changed when that fails, and is changed back."""

LOOK_EVERY_S = 0.5
JOBS = 2 * CALLERS
"""Of the load before a change, and after it; those of the time between come on top."""

KILLS = 2
"""Of a function's processes in one change: for its code, and for its settings."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stage of an emulator apart, a user of it, and the two versions of the product that it can have."""

    stage: Stage
    versions: Mapping[str, Path]
    api: str
    token: str = ""

    def update_to(self, version: str, say: Say = lambda _: None) -> None:
        """Give the stage a version, unless it has that."""
        deployed = roll_out(self.stage, self.versions[version], say=say)
        assert deployed.api_url == self.api, "callers know the address"

    def offers(self, operation: str) -> bool:
        operations = call(self.api, "GET", "/operations", token=self.token)[1]["operations"]
        return operation in {each["name"] for each in operations}

    def jobs(self) -> dict[str, Any]:
        """All jobs of the user, by their ids."""
        found: dict[str, Any] = {}
        cursor = ""
        while True:
            page = call(self.api, "GET", f"/jobs?limit=100{cursor}", token=self.token)[1]
            found |= {job["job_id"]: job for job in page["jobs"]}
            if not page["next_cursor"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def results(self, job_ids: Collection[str]) -> dict[str, Any]:
        """The result of each job, once all are done; meanwhile the sweep runs more often than by its schedule."""
        # It is waited for: one more would be one more process to start.
        lambda_ = self.stage.session().client("lambda")
        _, sweep = self.stage.stack().resources()["Sweep"]
        deadline = time.monotonic() + 90
        while left := {
            each: job for each, job in self.jobs().items() if each in job_ids and job["status"] != "SUCCESS"
        }:
            assert {job["status"] for job in left.values()} <= {"PENDING", "IN_PROGRESS"}, left
            assert time.monotonic() < deadline, left
            lambda_.invoke(FunctionName=sweep, Payload=json.dumps(SCHEDULE_EVENT))
            time.sleep(LOOK_EVERY_S)
        return {each: call(self.api, "GET", f"/jobs/{each}", token=self.token)[1]["result"] for each in job_ids}

    @contextmanager
    def held(self) -> Iterator[None]:
        """No message of the jobs queue is delivered within the block."""
        lambda_ = client("lambda", self.stage.endpoint_url)
        _, mapping = self.stage.stack().resources()["ConsumeConsumeSqsEventSource"]
        lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)
        try:
            yield
        finally:
            lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)


def packaged_as_dev(project: Path, **properties: Any) -> Path:
    """The package of the stage dev of ``project``, with short waits, and with other properties of its resources."""
    command = [sys.executable, "-m", "deployment.packaging", "dev"]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=60)
    folder = project / ".build" / "dev"
    change_settings(folder / TEMPLATE_NAME, {**raised_limits(), **QUICKLY_FOUND})
    return with_properties(folder, properties)


def with_properties(folder: Path, properties: Mapping[str, Any]) -> Path:
    """Change what is at each path, a resource's name and then keys of its properties, in a packaged template."""
    template = json.loads((folder / TEMPLATE_NAME).read_text())
    for path, value in properties.items():
        resource, *keys, last = path.split(".")
        inner = template["Resources"][resource]["Properties"]
        for key in keys:
            inner = inner[key]
        inner[last] = value
    (folder / TEMPLATE_NAME).write_text(json.dumps(template))
    return folder


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The old version, deployed; the new one has one more operation, another setting, and another property."""
    projects = tmp_path_factory.mktemp("projects")
    old = project_with(projects / "old", {"echo": ECHO})
    new = project_with(projects / "new", {"echo": ECHO, "doubled": DOUBLED})
    versions = {"old": packaged_as_dev(old), "new": packaged_as_dev(new, **{RECEIVES: 31})}
    change_settings(versions["new"] / TEMPLATE_NAME, {"ACCESS_TOKEN_TTL_S": "600"})
    with running_emulator() as url:
        stage = Stage(name="dev", endpoint_url=url)
        api = roll_out(stage, versions["old"]).api_url
        yield Running(stage=stage, versions=versions, api=api)


@pytest.fixture
def running(deployed: Running, request: pytest.FixtureRequest) -> Running:
    """The stage in whatever version it is, and a user of the test's own."""
    number = request.session.items.index(request.node)
    return replace(deployed, token=logged_in(deployed.api, f"user-{number}"))


def span_of(change: Callable[[], Any]) -> tuple[float, float]:
    """When a change began and ended."""
    began_at_s = time.monotonic()
    change()
    return began_at_s, time.monotonic()


def assert_nothing_is_lost(running: Running, load: Load, span: tuple[float, float], *, changes: int = 1) -> None:
    """Every job that was accepted is done, once, and only the change itself may have shown."""
    failed = [answer for answer in load.answers if answer.status >= 500]
    assert {answer.status for answer in failed} <= {502}
    assert all(answer.overlaps(*span) for answer in failed), (failed, span)
    assert len(failed) <= changes * KILLS * (CALLERS + 1), "each kill ends at most what every caller is waiting for"
    assert any(answer.began_at_s > span[1] for answer in load.answers), "the load outlasted the change"
    assert running.results(load.data.keys()) == load.data
    made = {job_id for job_id, job in running.jobs().items() if job["operation"] == "echo"}
    assert made == set(load.ids.values()), "each key has made one job, however often it was sent"
    assert len(set(load.ids.values())) == len(load.ids)


def test_an_update_under_load_loses_nothing(running: Running) -> None:
    running.update_to("old")
    assert not running.offers("doubled")
    lines: list[str] = []
    with running_load(running.api, running.token, "echo") as load, ThreadPoolExecutor(1) as waiting:
        load.wait_for_more(JOBS)
        later = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
        _, late = load.call("POST", "/jobs", {"operation": "cube_sum", "data": [1], "run_at": later})
        asking = waiting.submit(load.call, "GET", f"/jobs/{late['job_id']}", Prefer="wait=10")
        load.wait_for_more(CALLERS)
        span = span_of(lambda: running.update_to("new", say=lines.append))
        status, answer = asking.result(timeout=30)
        assert status in {200, 502}, answer
        load.wait_for_more(JOBS)
    assert_nothing_is_lost(running, load, span)
    updated = [line.split()[1] for line in lines]
    assert updated.index("Consume") < updated.index("APIHandler"), "what is offered is known to whoever must do it"
    assert running.offers("doubled")
    status, job = call(running.api, "POST", "/jobs", body={"operation": "doubled", "data": 21}, token=running.token)
    assert (status, running.results([job["job_id"]])) == (202, {job["job_id"]: 42})


@pytest.mark.parametrize(("sender", "receiver"), [("new", "old"), ("old", "new")])
def test_messages_that_one_version_sent_are_understood_by_the_other(
    running: Running, sender: str, receiver: str
) -> None:
    running.update_to(sender)
    with running.held():
        load = Load(api=running.api, token=running.token)
        for number in range(5):
            load.submit("echo", number, key=f'"{number}"')
        running.update_to(receiver)
        assert running.offers("doubled") == (receiver == "new")
        # A poll that was under way may have taken one.
        assert "PENDING" in {job["status"] for job in running.jobs().values()}, "messages are left for the other"
    assert running.results(load.data.keys()) == load.data


def test_an_update_that_fails_is_rolled_back_under_load_and_loses_nothing(running: Running, tmp_path: Path) -> None:
    running.update_to("new")
    folder = tmp_path / "failing"
    shutil.copytree(running.versions["old"], folder)
    failing = replace(running, versions={"failing": with_properties(folder, {SCHEDULE: "often"})})

    def update() -> None:
        with pytest.raises(StackError, match=r"SweepSweepEvent: .*ScheduleExpression is not valid"):
            failing.update_to("failing")

    with running_load(running.api, running.token, "echo") as load:
        load.wait_for_more(JOBS)
        span = span_of(update)
        load.wait_for_more(JOBS)
    assert running.stage.stack().status() == "UPDATE_ROLLBACK_COMPLETE"
    assert_nothing_is_lost(running, load, span, changes=2)
    assert running.offers("doubled"), "the version before serves again"
    running.update_to("old")
    assert not running.offers("doubled"), "and can be updated"

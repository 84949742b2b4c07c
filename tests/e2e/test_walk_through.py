"""The deployed stack over HTTP, through the commands a newcomer uses."""

import json
import re
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from urllib.parse import urljoin

import pytest

from tests.aws import PROJECT, nowhere
from tests.e2e.conftest import Finished, call, finished, logged_in, program, shell


def test_the_walk_through_of_the_readme_gives_14_and_36(api: str, tmp_path: Path) -> None:
    block = re.search(r"<!-- walk-through: .*? -->\n```bash\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert block
    lines = [json.loads(line) for line in shell(block[1], api, tmp_path).splitlines()]
    assert lines[0]["username"] == "yourname"
    assert lines[1:] == [{"status": "SUCCESS", "result": 14}, {"status": "SUCCESS", "result": 36}]


def demo(**environment: str) -> Finished:
    """Run ``make demo``'s program."""
    return program("localstack.demo", **environment)


def test_the_demo_against_the_running_service_prints_14(api: str) -> None:
    done = demo(API=api)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["result", "14"]


def test_the_demo_brings_a_service_of_its_own_and_takes_it_away_again(tmp_path: Path) -> None:
    port = nowhere().rpartition(":")[2]
    done = demo(PORT=port, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"No service at http://localhost:{port}" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["result", "14"]
    assert not list(tmp_path.iterdir())


def test_the_demo_says_when_no_service_answers() -> None:
    url = nowhere()
    done = demo(API=url)
    assert done.returncode == 1
    assert f"no service answers at {url}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_says_when_what_answers_is_no_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer_once() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"220 mail\r\n")

        answering = Thread(target=answer_once)
        answering.start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        done = demo(API=url)
        answering.join()
    assert done.returncode == 1
    assert f"no service answers at {url}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_that_cannot_be_computed_fails_with_its_reason(api: str) -> None:
    token = logged_in(api, "failing")
    _, job = call(api, "POST", "/jobs", body={"data": [1e200], "operation": "square_sum"}, token=token)
    answer = finished(api, f"/jobs/{job['job_id']}", token)
    error = {"code": "OPERATION_FAILED", "detail": "the result is beyond the largest float"}
    assert answer == {"status": "FAILED", "result": None, "error": error}


def test_the_location_of_a_job_is_where_it_is_read(api: str) -> None:
    token = logged_in(api, "follower")
    for path in ("/jobs", "/jobs/"):
        body = json.dumps({"data": [2], "operation": "square_sum"}).encode()
        request = urllib.request.Request(
            api + path, data=body, headers={"Content-Type": "application/json", "Authorization": token}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            job = json.load(answer)
            location = urljoin(request.full_url, answer.headers["Location"])
        assert call(location, "GET", "", token=token)[1]["job_id"] == job["job_id"]


@pytest.mark.asvs("8.2.2")
def test_another_users_job_is_not_found(api: str) -> None:
    wanda, walt = logged_in(api, "wanda"), logged_in(api, "walt")
    _, job = call(api, "POST", "/jobs", body={"data": [2], "operation": "square_sum"}, token=wanda)
    foreign_status, foreign = call(api, "GET", f"/jobs/{job['job_id']}", token=walt)
    absent_status, absent = call(api, "GET", "/jobs/01900000-0000-7000-8000-000000000000", token=walt)
    assert foreign_status == absent_status == 404
    assert foreign.pop("request_id") != absent.pop("request_id")
    assert foreign == absent


def test_paths_work_with_and_without_the_trailing_slash(api: str) -> None:
    credentials = {"username": "slash", "password": "yourpassword"}
    assert call(api, "POST", "/register/", body=credentials)[0] == 201
    assert call(api, "POST", "/register", body=credentials)[0] == 409
    token = call(api, "POST", "/login/", body=credentials)[1]["access_token"]
    assert call(api, "POST", "/login", body=credentials)[0] == 200
    for path in ("/jobs", "/jobs/"):
        status, job = call(api, "POST", path, body={"data": [1], "operation": "square_sum"}, token=token)
        assert status == 202
    job_path = f"/jobs/{job['job_id']}"
    finished(api, job_path, token)
    parts = [f"{job_path}/{part}" for part in ("status", "result", "events", "explain")]
    for path in ("/jobs", "/jobsList", "/operations", "/health", job_path, *parts):
        status, answer = call(api, "GET", path, token=token)
        assert status == 200
        assert call(api, "GET", f"{path}/", token=token) == (status, answer)
    for path in ("cancel", "cancel/", "retry", "retry/"):
        assert call(api, "POST", f"{job_path}/{path}", token=token)[0] == 409, "it has succeeded"


@pytest.mark.asvs("2.3.4")
def test_of_two_who_register_at_once_one_wins(api: str) -> None:
    bodies = [{"username": name, "password": "yourpassword"} for name in ("twin", "TWIN", "Twin", "twiN")]
    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = list(pool.map(lambda body: call(api, "POST", "/register", body=body)[0], bodies))
    assert sorted(statuses) == [201, 409, 409, 409]


def test_bad_input_is_refused_and_nothing_stored(api: str) -> None:
    token = logged_in(api, "careless")
    data = '{"operation": "square_sum", "data": %s}'
    for text, status in [
        ("{", 400),
        (data % "[NaN]", 400),
        (data % ("[" * 50_000 + "]" * 50_000), 400),
        (data % ("[" + "9" * 10_000 + "]"), 422),
        (data % '["1"]', 422),
        ('{"operation": "no_such", "data": []}', 422),
        (data % ("[" + "1," * 200_000 + "1]"), 413),
    ]:
        answered, problem = call(api, "POST", "/jobs", text=text, token=token)
        assert (answered, problem["status"]) == (status, status)
    assert call(api, "POST", "/jobs", text=data % "[1]", token=token[:-1])[0] == 401
    assert call(api, "GET", "/jobs", token=token) == (200, {"jobs": [], "next_cursor": None})

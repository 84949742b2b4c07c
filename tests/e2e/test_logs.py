"""
No secret, token, password or job data is in any line of the log, after everything that an account and a job can do.

Nor are a webhook's URL and what it is sent, the data of a schedule, and the messages that jobs are made of.

`_everything` does it all with values that can be told from any other; the logs are those of CloudWatch, of the emulator
and of the runner.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.signing_keys import from_text
from chalicelib.domain.audit import AuditAction
from tests.e2e.conftest import LOCAL_STACK, Runner, finished, project_with, running
from tests.e2e.logged_events import break_events, call_webhooks, fire_schedule, take_in
from tests.e2e.logged_run import Behind, Run
from tests.e2e.probes import SCHEDULE_EVENT
from tests.e2e.secrets_in_logs import PIECE, leaks
from tests.e2e.test_erasure import wait_until
from tests.embedded_metrics import data_of

OPERATIONS = {
    "echoes": """
def echoes(data: str) -> str:
    'What it is given.'
    return data
""",
    "raises": """
POLICY = OperationPolicy(max_attempts=2)
def raises(data: str) -> str:
    'Nothing: it fails, and says of what.'
    try:
        int(data)
    except ValueError as error:
        raise RuntimeError(f"no number: {data}") from error
    return data
""",
    "crashes": """
POLICY = OperationPolicy(max_attempts=1)
def crashes(data: str) -> str:
    'Nothing: its process is gone.'
    import os
    os.abort()
""",
    "hangs": """
POLICY = OperationPolicy(max_attempts=1, timeout_s=1)
def hangs(data: str) -> str:
    'Nothing, ever.'
    while data:
        pass
""",
}
LAMBDAS = re.compile(r"(START|END|REPORT) |$")
"""Lines that Lambda itself writes about an invocation."""

TRACE = re.compile(r"Traceback |    |  File |During handling |The above exception |[\w.]+(: |$)")
"""
What Lambda writes when a function raises.

Three of ours do, so that the schedule, the operator and the stream see that it failed.
"""

DUMP = re.compile(r'Fatal Python error: |(Current t|T)hread 0x|  File "|  <|Extension modules: ')
"""What Python's own crash handler writes: places in the code, and nothing else."""

FUNCTIONS = ("APIHandler", "Consume", "DeadLetter", "Erase", "Relay", "Deliver", "Intake", "Sweep", "Redrive")
LINES_MIN = {
    "APIHandler": 150,
    "Consume": 5,
    "DeadLetter": 1,
    "Erase": 1,
    "Relay": 5,
    "Deliver": 10,
    "Intake": 8,
    "Sweep": 2,
}
"""The redrive tells how it went in its answer, and logs faults only."""


def _sessions(run: Run, password: str) -> None:
    """Tokens in all their states, right and wrong passwords, and keys."""
    tokens = run.log_in("ada", password)
    first = tokens["refresh_token"]
    second = run.call("POST", "/token/refresh", body={"refresh_token": first})["refresh_token"]
    run.call("POST", "/token/refresh", body={"refresh_token": second})
    run.call("POST", "/token/refresh", body={"refresh_token": first})
    run.call("POST", "/token/refresh", body={"refresh_token": "jbr_" + run.plain("refresh")})
    _cookies(run, password)
    token = run.log_in("ada", password)["access_token"]
    other = run.log_in("ada", password)["access_token"]
    listed = run.call("GET", "/me/sessions", token=token)["sessions"]
    run.call(
        "DELETE", f"/me/sessions/{next(each['session_id'] for each in listed if not each['is_current'])}", token=token
    )
    run.call("GET", "/me", token=other)
    run.call("POST", "/logout", token=run.log_in("ada", password)["access_token"])
    wanted = {"name": run.text("name of a key"), "scopes": ["jobs:read"]}
    key = run.call("POST", "/api-keys", body=wanted, token=token)
    run.call("GET", "/jobs", token=key["api_key"])
    run.call("POST", "/jobs", body={"data": run.text("forbidden"), "operation": "echoes"}, token=key["api_key"])
    run.call("DELETE", f"/api-keys/{key['key_id']}", token=token)
    run.call("GET", "/jobs", token=key["api_key"])
    for wrong in (token[:-3] + "AAA", run.plain("token"), f"a.{run.plain('payload')}.b"):
        run.call("GET", "/me", token=wrong)
    change = {"current_password": run.text("wrong current"), "new_password": run.text("new")}
    run.call("PUT", "/me/password", body=change, token=token)
    run.call("PUT", "/me/password", body=change | {"current_password": password}, token=token)
    run.call("POST", "/logout/all", token=run.log_in("ada", change["new_password"])["access_token"])


def _cookies(run: Run, password: str) -> None:
    """The session of the dashboard, from its begin to its end, and cookies that are none."""
    run.call("POST", "/dashboard/session", body={"username": "ada", "password": password})
    run.call("POST", "/dashboard/session", body={"username": "ada", "password": run.text("wrong by the page")})
    mine = {"Cookie": f"__Host-session={run.log_in('ada', password)['refresh_token']}"}
    run.call("POST", "/dashboard/session/refresh", body={}, headers=mine)
    run.call("DELETE", "/dashboard/session", headers=mine)
    for made_up in ("jbr_" + run.plain("cookie"), run.text("cookie").encode("ascii", "ignore").decode()):
        cookie = {"Cookie": f"__Host-session={made_up}; other={run.plain('other-cookie')}"}
        run.call("POST", "/dashboard/session/refresh", body={}, headers=cookie)


def _sign_ins(run: Run, password: str) -> None:
    run.log_in("ada", run.text("wrong password"))
    run.log_in("nobody", run.text("password of nobody"))
    run.log_in(password, run.text("password below its name"))
    run.log_in(run.plain("password-as-name"), "x")
    run.call("POST", "/register", body={"username": run.text("no name"), "password": password})
    run.call("POST", "/register", body={"username": "ada", "password": run.text("taken")})
    run.call("POST", "/login", text='{"username": "ada", "password": "' + run.plain("cut-off"))
    run.call("POST", "/login", text='{"username": "ada", "password": ["' + run.plain("in-a-list") + '"]}')


def _jobs(run: Run, token: str) -> None:
    """Jobs of each end, with something to tell everywhere."""
    for operation in OPERATIONS:
        body = {
            "operation": operation,
            "data": run.text(operation),
            "metadata": {"note": run.text("metadata")},
            "tags": [run.plain("tag")],
        }
        key = {"Idempotency-Key": f'"{run.plain("key")}"', "X-Forwarded-For": run.plain("address")}
        job = run.call("POST", "/jobs", body=body, token=token, headers=key)
        run.call("POST", "/jobs", body=body | {"data": run.text("another")}, token=token, headers=key)
        finished(run.api, f"/jobs/{job['job_id']}", token)
    refused = {"operation": "echoes", "data": [run.text("wrong type")], run.plain("field"): run.text("unknown field")}
    run.call("POST", "/jobs", body=refused, token=token)
    run.call("POST", "/jobs/batch", body={"jobs": [{"operation": run.plain("operation"), "data": 1}]}, token=token)
    run.call("POST", "/jobs", text='{"data": "' + run.plain("malformed"), token=token)
    for query in ("cursor", "status", "tag"):
        run.call("GET", f"/jobs?{query}={run.plain('query')}", token=token)
    run.call("GET", f"/jobs/{run.plain('path')}", token=token)


def _administration(run: Run, admin: str) -> None:
    for method, body in [
        ("GET", None),
        ("PATCH", {"role": "admin"}),
        ("PATCH", {"is_disabled": True}),
        ("PATCH", {"is_disabled": False}),
    ]:
        run.call(method, "/users/bob", body=body, token=admin)
    _administration_of_jobs(run, admin)


def _administration_of_jobs(run: Run, admin: str) -> None:
    owner = run.call("GET", "/me", token=admin)["user_id"]

    def late() -> str:
        body = {"operation": "echoes", "data": run.text("helped"), "delay_s": 600}
        body["metadata"] = {"note": run.text("helped too")}
        return f"/admin/jobs/{owner}/{run.call('POST', '/jobs', body=body, token=admin)['job_id']}"

    def many(action: str, **filters: str) -> None:
        body = {"action": action, "filter": {"username": "root", **filters}, "preview": False}
        assert run.call("POST", "/admin/bulk", body=body, token=admin)["changed"] == 1

    job = late()
    run.call("GET", "/admin/jobs?username=root", token=admin)
    run.call("GET", job, token=admin)
    run.call("POST", f"{job}/cancel", token=admin)
    run.call("POST", f"{job}/retry", token=admin)
    run.call("POST", f"{late()}/cancel", token=admin)
    many("retry", status="CANCELLED")
    wait_until(
        lambda: not run.call("GET", "/jobs?status=PENDING", token=admin)["jobs"], "what was retried has been run"
    )
    late()
    many("cancel")
    for thing in ("operations/echoes", "users/bob"):
        run.call("POST", f"/admin/{thing}/pause", body={"reason": run.text("why")}, token=admin)
        run.call("POST", f"/admin/{thing}/resume", token=admin)


def _behind_the_api(run: Run, behind: Behind, token: str) -> None:
    """Messages that are none, a dead letter, the sweep and the redrive."""
    for queue in ("JobsQueue", "JobsDeadLetterQueue", "ErasuresQueue", "DeliveriesQueue"):
        behind.sqs.send_message(QueueUrl=behind.names[queue], MessageBody=json.dumps({"job_id": run.text("message")}))
    late = run.call(
        "POST", "/jobs", body={"operation": "echoes", "data": run.text("late"), "delay_s": 600}, token=token
    )
    owner = run.call("GET", "/me", token=token)["user_id"]
    letter = json.dumps({"job_id": late["job_id"], "owner_id": owner})
    behind.sqs.send_message(QueueUrl=behind.names["JobsDeadLetterQueue"], MessageBody=letter)
    behind.invoke("Sweep", SCHEDULE_EVENT)
    behind.invoke("Redrive", {})
    run.call("POST", f"/jobs/{late['job_id']}/cancel", token=token)


def _faults(run: Run, behind: Behind, password: str, token: str) -> None:
    """What every function makes of tables that are not there."""
    behind.dynamodb.delete_table(TableName=behind.names["JobsTable"])
    body = {"operation": "echoes", "data": run.text("lost"), "metadata": {"note": run.text("lost too")}}
    run.call("POST", "/jobs", body=body, token=token, headers={"Idempotency-Key": f'"{run.plain("lost-key")}"'})
    run.call("GET", "/jobs", token=token)
    for function, event in (("Sweep", SCHEDULE_EVENT), ("Redrive", {})):
        behind.invoke(function, event)
    letter = json.dumps({"job_id": "01900000-0000-7000-8000-000000000000", "owner_id": "somebody"})
    for queue in ("JobsQueue", "JobsDeadLetterQueue"):
        behind.sqs.send_message(QueueUrl=behind.names[queue], MessageBody=letter)
    break_events(run, behind, token)
    for table in ("UsersTable", "CredentialsTable"):
        behind.dynamodb.delete_table(TableName=behind.names[table])
        run.call("POST", "/register", body={"username": "late", "password": run.text("password")})
        run.log_in("ada", password)
        run.call("GET", "/me", token=token)
        run.call("POST", "/token/refresh", body={"refresh_token": run.tokens[-1]})
    wait_until(lambda: any("delivery broke" in line for line in behind.lines("Consume")), "a message met no table")


def _everything(run: Run, behind: Behind) -> None:
    password = run.text("password")
    for username in ("ada", "bob", "eve", "root"):
        run.call("POST", "/register", body={"username": username, "password": password})
    run.texts += behind.texts_of("UsersTable", "password_hash")
    _sign_ins(run, password)
    _sessions(run, password)
    _jobs(run, bob := run.log_in("bob", password)["access_token"])
    call_webhooks(run, behind, bob)
    fire_schedule(run, behind, bob)
    take_in(run, behind, "bob")
    run.call("GET", "/me/audit", token=bob)
    behind.make_admin("root")
    _administration(run, run.log_in("root", password)["access_token"])
    leaving = run.log_in("eve", password)["access_token"]
    run.call("POST", "/jobs", body={"operation": "echoes", "data": run.text("left behind")}, token=leaving)
    run.texts += behind.texts_of("UsersTable", "password_hash")
    run.tokens += behind.texts_of("CredentialsTable", "digest", "current_digest", "previous_digest", "family_digest")
    ring = behind.ssm.get_parameter(Name=f"/{LOCAL_STACK}/signing-keys", WithDecryption=True)["Parameter"]["Value"]
    run.tokens += [each["secret"] for each in json.loads(ring)["keys"]]
    run.texts += [key.secret.hex() for key in from_text(ring, parameter="signing-keys").keys]
    run.call("DELETE", "/me", token=leaving)
    wait_until(lambda: any("carried out" in line for line in behind.lines("Erase")), "the account is erased")
    token = run.log_in("root", password)["access_token"]
    _behind_the_api(run, behind, token)
    wait_until(lambda: len(behind.lines("DeadLetter")) > 1, "the dead letters are buried")
    _faults(run, behind, password, token)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The whole run, after which the product is gone and its logs are here."""
    folder = tmp_path_factory.mktemp("emulator")
    project = project_with(tmp_path_factory.mktemp("project"), OPERATIONS)
    with running(project, TMPDIR=str(folder)) as runner:
        yield _run(runner, folder)


def _run(runner: Runner, folder: Path) -> Run:
    run, behind = Run(api=runner.api), Behind(runner.aws_endpoint)
    _everything(run, behind)
    run.log = {function: behind.lines(function) for function in FUNCTIONS}
    (emulators,) = folder.glob("job-backend-emulator-*/emulator.log")
    run.other_logs = emulators.read_text().splitlines() + runner.output
    return run


def records(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """Our own lines, each with its function."""
    for function, lines in run.log.items():
        for line in lines:
            if line.startswith("{"):
                yield function, json.loads(line)


@pytest.mark.asvs("14.2.4", "16.2.5")
def test_no_line_has_a_secret_or_data_of_a_job_in_it(run: Run) -> None:
    assert len(run.texts) > 50
    assert len(run.tokens) > 20
    assert not list(leaks((line for lines in run.log.values() for line in lines), run.texts, run.tokens))


def test_nor_have_the_emulator_and_the_runner(run: Run) -> None:
    """But for what is in the address of a request, which no secret ever is."""
    assert len(run.other_logs) > 10
    texts = [text for text in run.texts if not text.endswith(("-query", "-path"))]
    assert not list(leaks(run.other_logs, texts, run.tokens))


@pytest.mark.asvs("16.2.1", "16.2.4")
def test_each_line_is_an_object_with_what_it_is_found_by(run: Run) -> None:
    others = {"Consume": [DUMP], "Sweep": [TRACE], "Redrive": [TRACE], "Relay": [TRACE]}
    for function, lines in run.log.items():
        patterns = [LAMBDAS, *others.get(function, [])]
        rest = [line for line in lines if not line.startswith("{")]
        assert not [line for line in rest if not any(pattern.match(line) for pattern in patterns)], function
    for function, record in records(run):
        assert record.keys() >= {"time", "level", "logger", "message"}, function
        # The operations' process serves one job after the other, and names the job.
        assert record.get("request_id") or record.get("job_id"), record


@pytest.mark.asvs("16.3.1", "16.3.2", "16.3.3", "16.3.4")
def test_there_was_something_to_find(run: Run) -> None:
    """Every function logged, every kind of audit event is there, and so are faults with their causes."""
    counted = Counter(function for function, _ in records(run))
    assert not {name: counted[name] for name, least in LINES_MIN.items() if counted[name] < least}
    assert {record["action"] for _, record in records(run) if record["message"] == "audit"} == set(AuditAction)
    logged = {record["status"] for _, record in records(run) if record["message"] == "request"}
    assert logged >= {200, 401, 403, 500}
    assert run.statuses.keys() >= {200, 201, 202, 204, 400, 401, 403, 404, 409, 422, 500}
    broken = {function for function, record in records(run) if "Traceback" in record.get("exception", "")}
    assert broken >= {"APIHandler", "Consume", "DeadLetter", "Deliver", "Intake"}
    for function in ("Sweep", "Redrive", "Relay"):
        assert any(line.startswith("Traceback ") for line in run.log[function]), function
    assert any(record["message"] == "operation raised" for _, record in records(run))


def test_every_function_that_ends_jobs_measures_it(run: Run) -> None:
    """By CloudWatch's rules, which every line is held against."""
    data = {
        name: [each for line in lines if line.startswith("{") for each in data_of(line)]
        for name, lines in run.log.items()
    }
    ends = {(name, *each.dimensions) for name, found in data.items() for each in found if each.name == "Jobs"}
    assert {each.namespace for found in data.values() for each in found} == {LOCAL_STACK}
    assert ends == {
        ("APIHandler", ("outcome", "CANCELLED")),
        ("Consume", ("outcome", "FAILED")),
        ("Consume", ("outcome", "SUCCESS")),
    }


@pytest.mark.parametrize(
    "line",
    [
        'it said sesame "\u00fc\\',
        json.dumps({"message": 'sesame "\u00fc\\'}),
        json.dumps({"exception": json.dumps({"data": 'sesame "\u00fc\\'})}),
        repr({"data": 'sesame "\u00fc\\'}),
        "c2VzYW1lICLDvFw=",
        "...bcdefghijklmnopqrstuv-_xyz...",
        "Bearer 0.abcdefghijklmnop",
        "bcdefghijklmnopqrstuv+/xyz",
    ],
)
def test_what_is_looked_for_would_be_found(line: str) -> None:
    planted = ['sesame "\u00fc\\'], ["abcdefghijklmnopqrstuv-_xyz.0123456789"]
    lines = ["before", line, "after", "abcdefghijklmno"]
    assert len("abcdefghijklmno") < PIECE
    assert list(leaks(lines, *planted)) == [line]

"""What the programs of a stage decide without AWS: what they warn of, refuse and read."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deployment.api_client import ApiError, answer, call
from deployment.consent import agreement, warnings
from deployment.deploy import DeployError, require_account_role
from deployment.logs import LogReader, LogsError, seconds, wanted_groups
from deployment.outputs import table
from deployment.smoke import SmokeError, smoke
from deployment.smoke import main as smoke_main
from deployment.stack import Change, ChangeSet
from deployment.stages import Stage, StageError, named_stage
from tests.aws import nowhere

RULE = Change(action="Modify", resource="Rule", kind="AWS::Events::Rule", is_replaced=False)


def planned(*changes: Change, **parameters: tuple[str, str]) -> ChangeSet:
    return ChangeSet(arn="arn", changes=changes, parameters=parameters, creates_stack=False)


@pytest.mark.parametrize(
    ("action", "kind", "is_replaced", "said"),
    [
        ("Remove", "AWS::DynamoDB::Table", False, ["WARNING: Thing is REMOVED, with the items in it."]),
        ("Remove", "AWS::Logs::LogGroup", False, ["WARNING: Thing is REMOVED, with the lines in it."]),
        ("Remove", "AWS::SQS::Queue", False, ["WARNING: Thing is REMOVED, with the messages in it."]),
        (
            "Modify",
            "AWS::DynamoDB::Table",
            True,
            ["WARNING: Thing may be REPLACED by an empty one; the items stay in the old one, outside the stack."],
        ),
        (
            "Modify",
            "AWS::SQS::Queue",
            True,
            ["WARNING: Thing may be REPLACED by an empty one; the messages go with the old one."],
        ),
        ("Modify", "AWS::DynamoDB::Table", False, []),
        ("Add", "AWS::DynamoDB::Table", False, []),
        ("Remove", "AWS::Lambda::Function", False, []),
        ("Modify", "AWS::Lambda::Permission", True, []),
    ],
)
def test_only_what_takes_data_away_is_warned_of(action: str, kind: str, *, is_replaced: bool, said: list[str]) -> None:
    change = Change(action=action, resource="Thing", kind=kind, is_replaced=is_replaced)
    assert warnings(planned(change)) == said


def test_a_stage_that_comes_to_keep_no_data_is_warned_of_and_no_other_parameter_is() -> None:
    (said,) = warnings(planned(KeepsData=("true", "false"), RequestsBurst=("200", "100")))
    assert said.startswith("WARNING: KeepsData goes from true to false: tables and stack can be deleted by mistake")
    assert "no table can be put back to an earlier time" in said
    assert not warnings(planned(KeepsData=("false", "true"), KeepsAccessLogs=("true", "false")))


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ((), "No resource would change, but what the stack puts out or says of itself."),
        ((RULE,), "1 resource would change:"),
        ((RULE, RULE), "2 resources would change:"),
    ],
)
def test_what_would_change_is_shown_with_its_warnings_before_the_question(
    monkeypatch: pytest.MonkeyPatch, changes: tuple[Change, ...], first: str
) -> None:
    monkeypatch.setenv("YES", "1")
    said: list[str] = []
    assert agreement("Change it?", said.append)(planned(*changes, KeepsData=("true", "false")))
    assert said[0] == first
    assert [line.startswith("WARNING: KeepsData") for line in said[1:]] == [*(False for _ in changes), True, False]


class ApiGateway:
    def __init__(self, **account: str) -> None:
        self._account = account

    def get_account(self) -> dict[str, str]:
        return self._account


def test_access_logs_need_a_role_that_the_account_has() -> None:
    with pytest.raises(DeployError, match=r"docs/deployment\.md, Access logs, says how"):
        require_account_role({"KeepsAccessLogs": "true"}, ApiGateway())
    require_account_role({"KeepsAccessLogs": "true"}, ApiGateway(cloudwatchRoleArn="arn:aws:iam::1:role/logs"))
    require_account_role({"KeepsAccessLogs": "false"}, ApiGateway())


@pytest.mark.parametrize(
    ("stage", "endpoint_url", "refusal"),
    [
        ("", "", "say which stage, for example: STAGE=dev"),
        ("local", "", "comes and goes with make run"),
        ("Dev", "", "STAGE must be of the form"),
        ("dev", "https://dynamodb.us-east-1.amazonaws.com", "AWS_ENDPOINT_URL is AWS itself .*: unset it"),
        ("local", "https://sqs.cn-north-1.amazonaws.com.cn", "AWS_ENDPOINT_URL is AWS itself"),
        ("dev", "http://[", r"AWS_ENDPOINT_URL must be an emulator's address, .*, not http://\["),
        ("dev", "http://127.0.0.1:abc", "AWS_ENDPOINT_URL must be an emulator's address"),
    ],
)
def test_a_stage_is_taken_for_granted_by_nothing_that_changes_it(
    monkeypatch: pytest.MonkeyPatch, stage: str, endpoint_url: str, refusal: str
) -> None:
    monkeypatch.setenv("STAGE", stage)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint_url)
    with pytest.raises(StageError, match=refusal):
        named_stage()


def test_a_named_stage_is_where_its_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "dev")
    assert named_stage() == Stage(name="dev")
    monkeypatch.setenv("STAGE", "local")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert named_stage() == Stage(name="local", endpoint_url="http://127.0.0.1:4566")


def test_outputs_stand_below_each_other_after_the_address() -> None:
    assert table("https://api", {"RestAPIId": "1", "JobsQueueUrl": "2"}) == [
        "API           https://api",
        "JobsQueueUrl  2",
        "RestAPIId     1",
    ]


@pytest.mark.parametrize(("text", "length_s"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400)])
def test_a_time_has_a_unit(text: str, length_s: int) -> None:
    assert seconds(text) == length_s


@pytest.mark.parametrize("text", ["", "10", "0m", "-1m", "1w", "1.5h", "10m ", "1000000s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(LogsError, match="SINCE must be a time such as"):
        seconds(text)


def test_a_function_that_there_is_not_is_said_with_those_there_are() -> None:
    groups = {"consume": "/consume", "api": "/api"}
    assert wanted_groups(groups, "") == groups
    assert wanted_groups(groups, "api") == {"api": "/api"}
    with pytest.raises(LogsError, match="there is no log of a function no; there is api, consume"):
        wanted_groups(groups, "no")


class Logs:
    """CloudWatch Logs with an event in each page; ``events`` are by group."""

    def __init__(self, events: dict[str, list[dict[str, Any]]]) -> None:
        self.events = events

    def get_paginator(self, _method: str) -> "Logs":
        return self

    def paginate(self, *, logGroupName: str, startTime: int) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        yield {"events": []}
        for event in self.events[logGroupName]:
            if event["timestamp"] >= startTime:
                yield {"events": [event]}


def line(number: int, at_epoch_ms: int, message: str) -> dict[str, Any]:
    return {"eventId": str(number), "timestamp": at_epoch_ms, "message": message}


def test_lines_of_all_groups_come_in_time_order_and_once() -> None:
    logs = Logs({"/api": [line(1, 1000, "first\n"), line(2, 3007, "third")], "/consume": [line(3, 2000, "second")]})
    reader = LogReader(logs, {"api": "/api", "consume": "/consume"})
    assert reader.lines(0) == [
        "00:00:01.000 api      first",
        "00:00:02.000 consume  second",
        "00:00:03.007 api      third",
    ]
    assert reader.lines(1000) == []
    logs.events["/consume"].append(line(4, 2500, "late"))
    assert reader.lines(2000) == ["00:00:02.500 consume  late"]
    assert reader.lines(2000) == []


def test_equal_lines_of_an_emulator_that_numbers_none_are_all_shown() -> None:
    twice = [{"logStreamName": "1", "timestamp": 1000, "message": "again"}] * 2
    reader = LogReader(Logs({"/api": twice}), {"api": "/api"})
    assert reader.lines(0) == ["00:00:01.000 api  again"] * 2
    assert reader.lines(0) == []


Answers = dict[str, list[tuple[int, Any]]]
PROBLEM = "application/problem+json"


class Service(BaseHTTPRequestHandler):
    """Gives the answers of ``answers``, by method and path, in turn; the last again and again. Else it is a 404."""

    answers: Answers
    asked: list[str]
    media_type_of_errors = PROBLEM

    def _answer(self) -> None:
        asked = f"{self.command} {self.path}"
        self.asked.append(asked)
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        given = self.answers.get(asked, [(404, {"status": 404})])
        status, content = given.pop(0) if len(given) > 1 else given[0]
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else self.media_type_of_errors)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


def healthy() -> Answers:
    """The answers of a service that does its part."""
    return {
        "GET /health": [(200, {"status": "ok"})],
        "POST /register": [(201, {})],
        "POST /login": [(200, {"access_token": "token"})],
        "POST /jobs": [(202, {"job_id": "1"})],
        "GET /jobs/1/result": [
            (200, {"status": "PENDING", "result": None}),
            (200, {"status": "SUCCESS", "result": 14}),
        ],
        "DELETE /me": [(200, "")],
    }


@pytest.fixture
def service() -> Iterator[tuple[str, type[Service]]]:
    """The URL of a service, and the class whose ``answers`` it gives."""
    given = type("Given", (Service,), {"answers": healthy(), "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), given) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", given
        server.shutdown()
        thread.join()


def test_the_smoke_test_goes_all_the_way_and_leaves_nothing(service: tuple[str, type[Service]]) -> None:
    url, given = service
    said: list[str] = []
    smoke(url, said.append, sleep=lambda _: None)
    steps = ["health", "unknown path", "register", "log in", "submit", "result", "delete account"]
    assert [" ".join(each.split()[:-2]) for each in said] == steps
    assert given.asked[-1] == "DELETE /me"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_api_that_is_starting_is_waited_for(service: tuple[str, type[Service]], status: int) -> None:
    url, given = service
    given.answers["GET /health"] = [(status, {}), (status, "<html>"), (200, {"status": "ok"})]
    smoke(url, lambda _: None, sleep=lambda _: None)
    assert given.asked.count("GET /health") == 3


@pytest.mark.parametrize("answer", [(403, {"message": "Forbidden"}), (404, {"message": "Not Found"}), (404, "<html>")])
def test_an_api_that_is_not_known_yet_is_waited_for(
    service: tuple[str, type[Service]], answer: tuple[int, Any]
) -> None:
    url, given = service
    given.answers["GET /health"] = [answer, answer, (200, {"status": "ok"})]
    smoke(url, lambda _: None, sleep=lambda _: None)
    assert given.asked.count("GET /health") == 3


@pytest.mark.parametrize("answer", [(403, {"message": "Forbidden"}), (404, {})])
def test_an_api_that_stays_unknown_is_waited_for_half_a_minute(
    service: tuple[str, type[Service]], answer: tuple[int, Any]
) -> None:
    url, given = service
    given.answers["GET /health"] = [answer]
    waits: list[float] = []
    with pytest.raises(SmokeError, match=rf"^smoke test, health: GET /health answered {answer[0]}"):
        smoke(url, lambda _: None, sleep=waits.append)
    assert 25 <= sum(waits) <= 30.5


@pytest.mark.parametrize("answer", [(403, {}), (403, {"message": "Access denied"}), (400, {}), (401, {}), (429, {})])
def test_another_refusal_is_final(service: tuple[str, type[Service]], answer: tuple[int, Any]) -> None:
    url, given = service
    given.answers["GET /health"] = [answer]
    with pytest.raises(SmokeError, match=f"health: GET /health answered {answer[0]}"):
        smoke(url, lambda _: None, sleep=lambda _: None)
    assert given.asked == ["GET /health"]


def test_an_api_that_does_not_start_is_waited_for_half_a_minute() -> None:
    waits: list[float] = []
    url = nowhere()
    with pytest.raises(SmokeError, match=f"^smoke test, health: no service answers at {url}"):
        smoke(url, lambda _: None, sleep=waits.append)
    assert 25 <= sum(waits) <= 30.5


def refused_on(path: str, answer: tuple[int, Any]) -> Answers:
    return {**healthy(), path: [answer]}


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        (refused_on("GET /health", (403, {})), r"health: GET /health answered 403: \{\}"),
        (refused_on("GET /health", (200, {"status": "ill"})), "health: GET /health answered .*ill"),
        (refused_on("POST /register", (503, {"code": "X"})), r'register: POST /register answered 503: \{"code": "X"\}'),
        (refused_on("POST /register", (200, "<html>")), "register: POST /register answered 200, and no JSON: <html>"),
        (refused_on("POST /login", (200, {})), "log in: the answer lacks 'access_token'"),
        (refused_on("POST /jobs", (429, {})), "submit: POST /jobs answered 429"),
        (refused_on("GET /jobs/1/result", (200, {"status": "SUCCESS", "result": 13})), "result: square_sum .* not 14"),
        (refused_on("GET /jobs/1/result", (200, {"status": "FAILED", "result": None})), "result: .*FAILED.* not 14"),
        (refused_on("GET /jobs/1/result", (200, {"status": "PENDING"})), "result: the job 1 is still PENDING after 60"),
        (refused_on("DELETE /me", (500, {})), "delete account: DELETE /me answered 500"),
    ],
)
def test_the_step_that_fails_is_said_with_the_answer(
    service: tuple[str, type[Service]], answers: Answers, failure: str
) -> None:
    url, given = service
    given.answers = answers
    with pytest.raises(SmokeError, match=f"^smoke test, {failure}"):
        smoke(url, lambda _: None, sleep=lambda _: None)
    if "POST /jobs" in given.asked:
        assert given.asked[-1] == "DELETE /me", "nothing is left"


NO_TOKEN = (503, {"code": "Unavailable"})


@pytest.mark.parametrize(
    "answers",
    [
        {"POST /register": [(504, "")]},
        {"POST /login": [NO_TOKEN, (200, {"access_token": "token"})]},
        {"DELETE /me": [(503, {}), (200, "")]},
    ],
    ids=["register", "log in", "delete account"],
)
def test_an_account_that_may_have_been_made_is_removed_whatever_step_failed(
    service: tuple[str, type[Service]], answers: Answers
) -> None:
    url, given = service
    given.answers |= answers
    said: list[str] = []
    with pytest.raises(SmokeError):
        smoke(url, said.append, sleep=lambda _: None)
    assert given.asked[-2:] == ["POST /login", "DELETE /me"]
    assert not [line for line in said if "account smoke-" in line]


def test_an_account_that_is_not_there_is_not_said_to_be_left(service: tuple[str, type[Service]]) -> None:
    url, given = service
    given.answers |= {"POST /register": [(429, {})], "POST /login": [(401, {})]}
    said: list[str] = []
    with pytest.raises(SmokeError, match="register"):
        smoke(url, said.append, sleep=lambda _: None)
    assert given.asked[-1] == "POST /login"
    assert not [line for line in said if "account smoke-" in line]


@pytest.mark.parametrize(
    "answers",
    [{"POST /login": [NO_TOKEN]}, {"POST /login": [(200, {})]}, {"DELETE /me": [(503, {})]}],
    ids=["no log-in", "no token", "no removal"],
)
def test_an_account_that_cannot_be_removed_is_named(service: tuple[str, type[Service]], answers: Answers) -> None:
    url, given = service
    given.answers |= answers
    said: list[str] = []
    with pytest.raises(SmokeError):
        smoke(url, said.append, sleep=lambda _: None)
    assert re.fullmatch(r"  the account smoke-[0-9a-f]{12} could not be removed, and may be left", said[-1])


def test_a_smoke_test_that_is_stopped_leaves_no_account(service: tuple[str, type[Service]]) -> None:
    url, given = service

    def stopped(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        smoke(url, lambda _: None, sleep=stopped)
    assert given.asked[-1] == "DELETE /me"


def test_an_unknown_path_that_is_no_problem_document_fails(service: tuple[str, type[Service]]) -> None:
    url, given = service
    given.media_type_of_errors = "application/json"
    with pytest.raises(SmokeError, match=r"^smoke test, unknown path: GET /smoke-.* answered 404 as application/json"):
        smoke(url, lambda _: None, sleep=lambda _: None)


def test_an_answer_is_given_whatever_its_status_and_a_call_raises(service: tuple[str, type[Service]]) -> None:
    url, _ = service
    given = answer(url, "GET", "/nowhere")
    assert (given.status, given.media_type, given.content) == (404, PROBLEM, {"status": 404})
    with pytest.raises(ApiError, match="GET /nowhere answered 404") as refused:
        call(url, "GET", "/nowhere")
    assert refused.value.status == 404
    with pytest.raises(ApiError, match="no service answers") as silent:
        call(nowhere(), "GET", "/health")
    assert silent.value.status is None


@pytest.mark.parametrize("url", ["foo", "ftp://example.com", "http://", "https:///jobs"])
def test_what_is_no_address_of_an_api_is_refused_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("URL", url)
    assert smoke_main() == 1
    assert capsys.readouterr().err.startswith("URL must begin with https:// or http:// and a host, not be ")

"""The consumer of the intake queue, and that it judges a job as ``POST /jobs`` does."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.batches import Message, MessagesReturned
from chalicelib.domain.receipts import Refusal
from chalicelib.intake import COMES_AGAIN_AFTER_MIN, PATIENCE, IntakeConsumer
from tests.api.client import Api
from tests.aws import PROJECT
from tests.factories import World, make_event, make_limits, make_user
from tests.fakes import NOON, FixedClock
from tests.intake_fakes import Refused
from tests.unit.test_intake_messages import FORM, RECORDED


def world_of_ada(**options: Any) -> World:
    world = World(**{"partial_responses": True} | options)
    world.users.add(make_user(), make_event())
    return world


def messages(*bodies: Any, sent_at: datetime = NOON) -> list[Message]:
    return [
        Message(
            body=body if isinstance(body, str) else json.dumps(body),
            message_id=f"message-{number}",
            receipt_handle=f"receipt-{number}",
            sent_at=sent_at,
        )
        for number, body in enumerate(bodies)
    ]


def consumed(world: World, *bodies: Any, consumer: IntakeConsumer | None = None) -> Any:
    return (consumer or world.services().intake).consume(messages(*bodies))


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


@pytest.mark.parametrize(("partial_responses", "answer"), [(True, failures()), (False, None)])
@pytest.mark.parametrize("name", ["sns", "eventbridge", "form"])
def test_a_message_of_each_form_delivered_twice_makes_one_job(
    name: str, *, partial_responses: bool, answer: Any
) -> None:
    world = world_of_ada(partial_responses=partial_responses)
    for _ in range(2):
        assert consumed(world, RECORDED[name]) == answer
    assert consumed(world, RECORDED[name], RECORDED[name]) == answer
    (job,) = world.jobs.all()
    assert (job.operation, job.data_json, job.tags) == ("square_sum", "[1,2,3]", ("monthly",))
    assert list(world.queue.messages) == [job.key]
    assert world.refused.messages == []


def test_a_form_without_an_event_is_known_by_its_message() -> None:
    world = world_of_ada()
    for _ in range(2):
        assert consumed(world, FORM, FORM) == failures()
    assert len(world.jobs.all()) == 2, "two messages, each delivered twice"


def test_an_event_by_all_three_ways_makes_one_job() -> None:
    world = world_of_ada()
    form = FORM | {"event_id": "one", "event_time": "2026-11-23T11:00:00Z"}
    sns = RECORDED["sns"] | {"Message": json.dumps(form)}
    assert consumed(world, form, sns, RECORDED["eventbridge"] | {"detail": form}) == failures()
    assert len(world.jobs.all()) == 1


def documented(kind: str) -> list[Any]:
    """The blocks of this kind on the page on intake."""
    page = (PROJECT / "docs" / "intake.md").read_text()
    return [json.loads(block.partition("```")[0]) for block in page.split(f"<!-- intake: {kind} -->\n```json\n")[1:]]


def transformed(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What a rule's input transformer makes of an event: each name in angle brackets becomes its value as JSON."""
    form: str = target["InputTransformer"]["InputTemplate"]["Fn::Sub"].replace("${Username}", "yourname")
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        value: Any = event
        for step in path.split(".")[1:]:
            value = value[step]
        form = form.replace(f"<{name}>", json.dumps(value))
    return form


def test_each_example_of_the_page_makes_a_job() -> None:
    (entries,) = documented("entries for put-events")
    (message,) = documented("the message of a notification")
    events = [
        RECORDED["eventbridge"] | {"detail": json.loads(entry["Detail"]), "detail-type": entry["DetailType"]}
        for entry in entries
    ]
    bodies = [*documented("a form"), RECORDED["sns"] | {"Message": json.dumps(message)}, *events]
    assert len(bodies) == 4
    for body in bodies:
        world = World(partial_responses=True, clock=FixedClock(NOON + timedelta(days=1)))
        world.users.add(make_user(username="yourname"), make_event())
        assert consumed(world, body) == failures()
        assert (len(world.jobs.all()), world.refused.messages) == (1, [])


def test_the_stack_of_the_page_makes_one_job_of_an_upload() -> None:
    (stack,) = documented("a stack")
    (target,) = stack["Resources"]["JobForEachUpload"]["Properties"]["Targets"]
    world = World(partial_responses=True)
    world.users.add(make_user(username="yourname"), make_event())
    form = transformed(target, RECORDED["s3 upload"])
    assert consumed(world, form, form) == failures()
    (job,) = world.jobs.all()
    assert (job.operation, job.data_json, job.tags) == ("square_sum", "[5]", ("upload",))
    assert json.loads(job.metadata_json or "") == {"bucket": "amzn-s3-demo-bucket", "key": "incoming/figures.csv"}
    assert world.refused.messages == []


REFUSED_BY_HTTP = [
    "{}",
    '{"operation": "square_sum"}',
    '{"data": [1]}',
    '{"operation": 7, "data": [1]}',
    '{"operation": null, "data": [1]}',
    '{"operation": "sqare_sum", "data": [1]}',
    '{"operation": "sqare_sum", "data": [1], "tags": 5}',
    '{"operation": "square_sum", "data": null}',
    '{"operation": "square_sum", "data": [1, "2"]}',
    '{"operation": "square_sum", "data": [1e400]}',
    '{"operation": "square_sum", "data": [1], "run_att": 1}',
    '{"operation": "square_sum", "data": [1], "a/b~ü": 1}',
    '{"operation": "square_sum", "data": [1], "' + "x" * 1000 + '": 1}',
    '{"operation": "square_sum", "data": [1], "max_attempts": 1.5}',
    '{"operation": "square_sum", "data": [1], "max_attempts": 21}',
    '{"operation": "square_sum", "data": [1], "timeout_s": 0}',
    '{"operation": "square_sum", "data": [1], "retention_days": 367}',
    '{"operation": "square_sum", "data": [1], "delay_s": -1}',
    '{"operation": "square_sum", "data": [1], "delay_s": 1, "run_at": "2026-11-24T00:00:00Z"}',
    '{"operation": "square_sum", "data": [1], "run_at": "2030-11-24T00:00:00Z"}',
    '{"operation": "square_sum", "data": [1], "run_at": "2026-11-24T00:00:00"}',
    '{"operation": "square_sum", "data": [1], "tags": [""]}',
    '{"operation": "square_sum", "data": [1], "tags": ["a", 5]}',
    '{"operation": "square_sum", "data": [1], "metadata": {"a": "x", "b/c": 5}}',
    '{"operation": "square_sum", "data": [1], "metadata": {"": "x"}}',
    '{"operation": "square_sum", "data": [11111,2222,33333]}',
    '{"operation": "square_sum", "data": ' + "[" * 5000 + "]" * 5000 + "}",
]


@pytest.mark.parametrize("job", REFUSED_BY_HTTP)
@pytest.mark.parametrize("way", ["form", "sns", "eventbridge"])
def test_a_job_that_http_refuses_is_refused_for_the_same_reason(job: str, way: str) -> None:
    api = Api(World(limits=make_limits(data_max_bytes=15), partial_responses=True))
    problem = api.send("POST", "/jobs", job, token=api.logged_in()).problem
    form = '{"username": "ada"' + ("}" if job == "{}" else ", " + job[1:])
    envelope = json.dumps({key: value for key, value in RECORDED["eventbridge"].items() if key != "detail"})
    body = {
        "form": form,
        "sns": json.dumps(RECORDED["sns"] | {"Message": form}),
        "eventbridge": envelope[:-1] + ', "detail": ' + form + "}",
    }[way]
    assert consumed(api.world, body) == failures()
    (kept,) = api.world.refused.messages
    pointers = [error["pointer"] for error in problem.get("errors", [])]
    assert (kept.refusal.code, kept.refusal.detail) == (problem["code"], problem["detail"])
    assert kept.refusal.pointer == (pointers[0] if pointers else None)
    assert kept.body == body
    assert api.world.jobs.all() == []


@pytest.mark.parametrize(
    ("body", "code", "pointer", "event_id"),
    [
        ("nonsense", "MALFORMED_BODY", None, "message-0"),
        ({"operation": "square_sum"}, "INVALID_INPUT", "#", "message-0"),
        (FORM | {"event_id": "one"}, "INVALID_INPUT", "#/event_time", "message-0"),
        (FORM | {"username": "bob"}, "INVALID_INPUT", "#/username", "message-0"),
        (
            FORM | {"username": "bob", "event_id": "one", "event_time": "2026-11-23T11:00:00Z"},
            "INVALID_INPUT",
            "#/username",
            "one",
        ),
        (
            RECORDED["eventbridge"] | {"time": "2027-11-23T11:58:16Z"},
            "INVALID_INPUT",
            "#/event_time",
            "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        ),
        (RECORDED["s3 upload"], "INVALID_INPUT", "#", "message-0"),
    ],
)
def test_what_is_refused_is_kept_as_it_came_with_the_reason_and_the_log_has_the_code_only(
    body: Any, code: str, pointer: str | None, event_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_of_ada()
    with caplog.at_level(logging.INFO):
        assert consumed(world, body) == failures()
    (kept,) = world.refused.messages
    assert kept.body == (body if isinstance(body, str) else json.dumps(body))
    assert (kept.refusal.code, kept.refusal.pointer, kept.event_id) == (code, pointer, event_id)
    assert kept.refusal.detail
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("message refused", "WARNING")
    assert (record.__dict__["code"], record.__dict__["message_id"]) == (code, "message-0")
    assert kept.refusal.detail not in str(record.__dict__)


def test_a_refused_message_stops_no_other() -> None:
    world = world_of_ada()
    assert consumed(world, "nonsense", RECORDED["sns"]) == failures()
    assert len(world.jobs.all()) == 1
    assert len(world.refused.messages) == 1


def test_another_job_under_an_event_that_has_one_is_refused_and_the_first_stands() -> None:
    world = world_of_ada()
    form = FORM | {"event_id": "one", "event_time": "2026-11-23T11:00:00Z"}
    assert consumed(world, form, form | {"data": [2]}) == failures()
    (job,) = world.jobs.all()
    assert job.data_json == "[1]"
    (kept,) = world.refused.messages
    assert (kept.refusal.code, kept.event_id) == ("IDEMPOTENCY_KEY_REUSED", "one")


def test_over_the_limit_a_message_comes_again_when_there_may_be_room() -> None:
    world = world_of_ada(intake_quota=1)
    consumer = world.services().intake
    assert consumed(world, FORM, FORM, consumer=consumer) == failures(1)
    wait = world.intake_queue.waits["receipt-1"]
    assert list(world.intake_queue.waits) == ["receipt-1"]
    assert COMES_AGAIN_AFTER_MIN <= wait <= timedelta(seconds=70)
    assert len(world.jobs.all()) == 1
    world.clock.advance(seconds=wait.total_seconds())
    assert consumer.consume(messages(FORM, FORM)[1:]) == failures()
    assert len(world.jobs.all()) == 2
    assert world.refused.messages == []


def test_a_message_that_has_its_job_is_settled_though_there_is_no_room() -> None:
    world = world_of_ada(intake_quota=1)
    consumer = world.services().intake
    assert consumed(world, FORM, FORM, consumer=consumer) == failures(1)
    assert consumer.consume(messages(FORM)) == failures()


def test_room_that_comes_soon_is_not_hurried_for() -> None:
    """An interval of the limit may end in a moment, and a thousand messages may wait for its one permit."""
    world = world_of_ada(intake_quota=1)
    consumer = world.services().intake
    consumed(world, FORM, consumer=consumer)
    world.clock.advance(seconds=69)
    assert consumer.consume(messages(FORM, FORM)[1:]) == failures(1)
    assert world.intake_queue.waits["receipt-1"] == COMES_AGAIN_AFTER_MIN


@pytest.mark.parametrize(("age", "is_refused"), [(PATIENCE - timedelta(milliseconds=1), False), (PATIENCE, True)])
def test_a_message_that_waited_an_hour_in_vain_is_refused(age: timedelta, *, is_refused: bool) -> None:
    world = world_of_ada(intake_quota=1)
    consumer = world.services().intake
    consumed(world, FORM, consumer=consumer)
    (_, late) = messages(FORM, FORM, sent_at=NOON - age)
    assert consumer.consume([late]) == (failures() if is_refused else failures(1))
    assert [kept.refusal.code for kept in world.refused.messages] == ["RATE_LIMITED"] * is_refused
    if is_refused:
        assert world.refused.messages[0].refusal.detail.startswith("the limit intake is 1 in any 60 s")
        assert world.refused.messages[0].refusal.detail.endswith("; it waited for 60 min in vain")
    assert len(world.jobs.all()) == 1


def test_without_partial_responses_the_function_fails_and_one_message_at_a_time_harms_no_other() -> None:
    world = world_of_ada(intake_quota=1, partial_responses=False)
    consumer = world.services().intake
    assert consumer.consume(messages(FORM)) is None
    with pytest.raises(MessagesReturned, match="1 of 1 messages failed; all of them return to the queue"):
        consumer.consume(messages(FORM, FORM)[1:])
    assert list(world.intake_queue.waits) == ["receipt-1"]


@pytest.mark.parametrize("store", ["users", "jobs", "hits"])
def test_without_a_store_the_message_comes_back_and_the_log_says_why(
    store: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_of_ada()
    getattr(world, store).away = True
    assert consumed(world, RECORDED["sns"]) == failures(0)
    errors = [record for record in caplog.records if record.name == "chalicelib.intake"]
    assert [(record.message, record.__dict__["message_id"]) for record in errors] == [
        ("store or queue is away", "message-0")
    ]
    getattr(world, store).away = False
    assert world.jobs.all() == []
    assert consumed(world, RECORDED["sns"]) == failures()
    assert len(world.jobs.all()) == 1
    assert world.refused.messages == []


def test_without_the_jobs_queue_the_message_is_done_and_the_sweep_sends() -> None:
    world = world_of_ada()
    world.queue.away = True
    assert consumed(world, RECORDED["sns"]) == failures()
    assert len(world.jobs.all()) == 1


def test_what_cannot_be_kept_among_the_refused_comes_back() -> None:
    world = world_of_ada()
    world.refused.away = True
    assert consumed(world, "nonsense", RECORDED["sns"]) == failures(0)
    world.refused.away = False
    assert consumed(world, "nonsense") == failures()
    refusal = Refusal(code="MALFORMED_BODY", detail=world.refused.messages[0].refusal.detail)
    assert world.refused.messages == [Refused(body="nonsense", refusal=refusal, event_id="message-0")]


def test_a_message_whose_wait_cannot_be_set_comes_back_by_itself() -> None:
    world = world_of_ada(intake_quota=1)
    consumer = world.services().intake
    world.intake_queue.away = True
    assert consumed(world, FORM, FORM, consumer=consumer) == failures(1)


def test_a_fault_of_ours_in_one_message_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of_ada()
    real_find = world.users.find

    def find(username: str) -> Any:
        if username == "bob":
            message = "broken"
            raise ZeroDivisionError(message)
        return real_find(username)

    world.users.find = find  # type: ignore[method-assign]
    assert consumed(world, FORM | {"username": "bob"}, FORM) == failures(0)
    assert len(world.jobs.all()) == 1
    assert world.refused.messages == []
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == ["intake broke"]


def test_the_log_names_job_and_owner_and_nothing_of_the_form(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of_ada()
    with caplog.at_level(logging.INFO):
        consumed(world, RECORDED["sns"])
        consumed(world, RECORDED["sns"])
    (job,) = world.jobs.all()
    records = [record for record in caplog.records if record.name == "chalicelib.intake"]
    assert [record.__dict__["outcome"] for record in records] == ["submitted", "there already"]
    for record in records:
        assert record.message == "event has its job"
        assert (record.__dict__["job_id"], record.__dict__["owner_id"]) == (job.key.job_id, job.key.owner_id)
        assert not {"ada", "monthly", "[1"} & set(map(str, record.__dict__.values()))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")) | ANY_JSON.map(json.dumps))
def test_any_body_that_is_no_order_is_refused_and_makes_no_job(body: str) -> None:
    world = world_of_ada()
    assert consumed(world, body) == failures()
    assert world.jobs.all() == []
    assert [kept.body for kept in world.refused.messages] == [body]


@given(
    st.dictionaries(
        st.sampled_from([*FORM, "event_id", "event_time", "tags", "metadata", "run_at", "delay_s", "Type", "detail"]),
        ANY_JSON | st.sampled_from(["ada", "square_sum", [1, 2], "2026-11-23T11:00:00Z", "Notification"]),
    ).map(lambda members: (members | FORM, members))
)
def test_any_members_make_a_job_or_are_refused(forms: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for form in forms:
        world = world_of_ada()
        assert consumed(world, form) == failures()
        assert len(world.jobs.all()) + len(world.refused.messages) == 1
        if not set(form) <= {*FORM, "event_id", "event_time", "tags", "metadata", "run_at", "delay_s"}:
            assert world.jobs.all() == [], "a member that no form has"

"""Events out, on the whole product: a job's transitions reach an EventBridge target and an owner's webhook."""

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from chalicelib.adapters.webhook_sender import ATTEMPT_TIMEOUT
from chalicelib.domain.webhooks import SLOTS
from tests.aws import PROJECT, client
from tests.e2e.conftest import Runner, call, finished, local_stage, logged_in
from tests.e2e.receiver import Receiver, Told, listening

AT_ONCE = 20
"""How many attempts `deliver` makes at once: its maximum_concurrency, in app.py."""

SUCCESSFUL = ["job.submitted", "job.started", "job.succeeded"]
HOUR = timedelta(hours=1)
RULE = re.compile(r"<!-- events: a test makes this rule.*?-->\n```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""A rule that the page gives, to be filled in with the stage's own stack."""


@pytest.fixture(scope="module")
def runner(runner_of_its_own: Runner) -> Runner:
    """Its rules hear of all that happens, and its webhooks are tried again for a day."""
    return runner_of_its_own


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def outputs(aws_endpoint: str) -> dict[str, str]:
    return local_stage(aws_endpoint).stack().outputs()


@pytest.fixture(scope="module")
def target_url(aws_endpoint: str, outputs: dict[str, str]) -> str:
    """A queue that a rule without conditions sends every event of the bus to."""
    return queue_of_rule(aws_endpoint, outputs["EventBusName"], "everything", '{"source": [{"prefix": ""}]}')


def queue_of_rule(aws_endpoint: str, bus: str, name: str, pattern: str) -> str:
    """Make a rule on the bus, and a queue that is its target; the queue's URL."""
    sqs, events = client("sqs", aws_endpoint), client("events", aws_endpoint)
    url = str(sqs.create_queue(QueueName=f"events-{name}")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def received(aws_endpoint: str, url: str, job_id: str, *, until: str, patience_s: float = 30) -> list[dict[str, Any]]:
    """The bus's events of a job, in the order in which they came, up to one of the type ``until``."""
    sqs = client("sqs", aws_endpoint)
    deadline = time.monotonic() + patience_s
    events: list[dict[str, Any]] = []
    while not any(event["detail-type"] == until for event in events):
        assert time.monotonic() < deadline, events
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            if event["detail"]["subject"] == job_id:
                events.append(event)
    return events


def submitted(api: str, token: str, **members: Any) -> str:
    body = {"data": [1, 2, 3], "operation": "square_sum", **members}
    status, job = call(api, "POST", "/jobs", body=body, token=token)
    assert status == 202, job
    return str(job["job_id"])


def webhook(api: str, token: str, url: str, **members: Any) -> dict[str, Any]:
    status, made = call(api, "POST", "/webhooks", body={"url": url, **members}, token=token)
    assert status == 201, made
    return dict(made)


def types_of(told: list[Told], secret: str) -> list[str]:
    return [each.verified(secret)["type"] for each in told]


def count_of(event_type: str, at_least: int = 1) -> Callable[[list[Told]], bool]:
    return lambda told: sum(json.loads(each.body)["type"] == event_type for each in told) >= at_least


def test_a_jobs_events_are_on_the_bus_in_order_as_cloud_events(api: str, aws_endpoint: str, target_url: str) -> None:
    token = logged_in(api, "watched")
    job_id = submitted(api, token, tags=["nightly"])
    finished(api, f"/jobs/{job_id}", token)
    events = received(aws_endpoint, target_url, job_id, until="job.succeeded")
    assert [event["detail-type"] for event in events] == SUCCESSFUL
    stack_name = local_stage(aws_endpoint).stack_name
    assert {event["source"] for event in events} == {stack_name}
    details = [event["detail"] for event in events]
    assert len({detail["id"] for detail in details}) == 3
    assert sorted(detail["time"] for detail in details) == [detail["time"] for detail in details]
    for detail in details:
        assert detail["specversion"] == "1.0"
        assert detail["source"] == f"/{stack_name}/jobs"
        assert (detail["data"]["job_id"], detail["data"]["tags"]) == (job_id, ["nightly"])
    assert [detail["data"]["status"] for detail in details] == ["PENDING", "IN_PROGRESS", "SUCCESS"]
    assert details[-1]["data"]["result"] == 14


def test_each_rule_of_the_page_gets_what_it_says_and_nothing_else(
    api: str, aws_endpoint: str, outputs: dict[str, str], target_url: str
) -> None:
    stack_name, bus = local_stage(aws_endpoint).stack_name, outputs["EventBusName"]
    rules = RULE.findall((PROJECT / "docs" / "events.md").read_text())
    queues = [
        queue_of_rule(aws_endpoint, bus, f"rule-{number}", rule.replace("job-backend-prod", stack_name))
        for number, rule in enumerate(rules)
    ]
    token = logged_in(api, "ruled")
    later = (datetime.now(UTC) + HOUR).isoformat()
    tagged = submitted(api, token, tags=["weekly", "nightly"], run_at=later)
    for how in ("cancel", "retry"):
        status, answer = call(api, "POST", f"/jobs/{tagged}/{how}", token=token)
        assert status == 202, answer
    finished(api, f"/jobs/{tagged}", token)
    of_tagged = received(aws_endpoint, target_url, tagged, until="job.succeeded")
    assert len(of_tagged) == 5, "submitted, cancelled, retrying, started, succeeded"
    plain = submitted(api, token, tags=["weekly"])
    of_plain = received(aws_endpoint, target_url, plain, until="job.succeeded")

    # No operation of the product fails: of its own event, one that says so, of this stack and of another.
    failed = of_plain[-1]["detail"] | {"type": "job.failed"}
    entry = {"EventBusName": bus, "DetailType": "job.failed", "Detail": json.dumps(failed)}
    entries = [entry | {"Source": source} for source in (stack_name, "another")]
    assert client("events", aws_endpoint).put_events(Entries=entries)["FailedEntryCount"] == 0

    expected = [
        [(stack_name, "job.failed", plain)],
        [(stack_name, "job.succeeded", tagged)],
        [(stack_name, event["detail-type"], tagged) for event in of_tagged],
    ]
    assert [taken(aws_endpoint, url, len(wanted)) for url, wanted in zip(queues, expected, strict=True)] == expected


def taken(aws_endpoint: str, url: str, count: int, *, patience_s: float = 10) -> list[tuple[str, str, str]]:
    """Source, type and job of the events in a queue, once there are so many, and of those beyond."""
    sqs = client("sqs", aws_endpoint)
    deadline = time.monotonic() + patience_s
    found: list[tuple[str, str, str]] = []
    while True:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages and len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        events = [json.loads(message["Body"]) for message in messages]
        found += [(event["source"], event["detail-type"], event["detail"]["subject"]) for event in events]


def test_a_receiver_that_fails_twice_first_gets_every_event_signed(api: str, receiver: Receiver) -> None:
    """The waits are real: five seconds after the first failure, half a minute after the second."""
    receiver.statuses.extend([500, 503])
    token = logged_in(api, "persistent")
    made = webhook(api, token, f"{receiver.url}/hook", event_types=["job.succeeded"])
    job_id = submitted(api, token)
    told = receiver.wait_for(lambda told: len(told) == 3)
    assert [each.status for each in told] == [500, 503, 204]
    assert {each.event_id for each in told} == {json.loads(told[0].body)["id"]}
    events = [each.verified(made["secret"]) for each in told]
    assert [event["data"]["job_id"] for event in events] == [job_id] * 3
    assert events[-1]["data"]["result"] == 14
    assert len({each.headers["webhook-timestamp"] for each in told}) == 3

    path = f"/webhooks/{made['webhook_id']}/deliveries/{told[0].event_id}"
    deadline = time.monotonic() + 10
    while (delivery := call(api, "GET", path, token=token)[1])["status"] == "PENDING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert delivery["status"] == "SUCCESS"
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 503, 204]
    assert json.loads(delivery["body"]) == events[-1]


def test_a_webhook_without_types_gets_all_of_a_job_and_a_callback_url_its_end(api: str, receiver: Receiver) -> None:
    token = logged_in(api, "curious")
    made = webhook(api, token, f"{receiver.url}/all")
    secret = call(api, "POST", "/webhooks/callbacks/secret", token=token)[1]["secret"]
    submitted(api, token, callback_url=f"{receiver.url}/own")
    told = receiver.wait_for(lambda told: Counter(each.path for each in told) == {"/all": 3, "/own": 1})
    assert sorted(types_of([each for each in told if each.path == "/all"], made["secret"])) == sorted(SUCCESSFUL)
    assert types_of([each for each in told if each.path == "/own"], secret) == ["job.succeeded"]


def test_a_replay_delivers_again_with_the_same_id(api: str, receiver: Receiver) -> None:
    token = logged_in(api, "forgetful")
    made = webhook(api, token, receiver.url, event_types=["job.succeeded"])
    submitted(api, token)
    first = receiver.wait_for(count_of("job.succeeded"))[0]
    deliveries = f"/webhooks/{made['webhook_id']}/deliveries"
    settled(api, token, deliveries)
    status, _ = call(api, "POST", f"{deliveries}/{first.event_id}/replay", token=token)
    assert status == 202
    again = receiver.wait_for(count_of("job.succeeded", 2))[1]
    assert (again.event_id, again.body) == (first.event_id, first.body)
    assert again.verified(made["secret"]) == first.verified(made["secret"])
    settled(api, token, deliveries)
    since = (datetime.now(UTC) - HOUR).isoformat()
    status, answer = call(api, "POST", f"/webhooks/{made['webhook_id']}/replay", body={"since": since}, token=token)
    assert (status, answer) == (202, {"replayed": 1, "next_cursor": None})
    receiver.wait_for(count_of("job.succeeded", 3))


def test_after_a_rotation_both_secrets_verify_a_delivery(api: str, receiver: Receiver) -> None:
    token = logged_in(api, "careful")
    made = webhook(api, token, receiver.url)
    path = f"/webhooks/{made['webhook_id']}"
    status, rotated = call(api, "POST", f"{path}/secret", token=token)
    assert (status, rotated["secret"] == made["secret"]) == (201, False)
    call(api, "POST", f"{path}/test", token=token)
    (told,) = receiver.wait_for(count_of("webhook.test"))
    assert told.verified(rotated["secret"]) == told.verified(made["secret"])
    with pytest.raises(WebhookVerificationError):
        told.verified("whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode())


def test_an_endpoint_that_is_gone_is_disabled_and_its_owner_sees_it(api: str, receiver: Receiver) -> None:
    receiver.statuses.append(410)
    token = logged_in(api, "leaver")
    path = f"/webhooks/{webhook(api, token, receiver.url)['webhook_id']}"
    call(api, "POST", f"{path}/test", token=token)
    (delivery,) = settled(api, token, f"{path}/deliveries")
    assert (delivery["status"], [each["status_code"] for each in delivery["attempts"]]) == ("FAILED", [410])
    shown = call(api, "GET", path, token=token)[1]
    assert (shown["is_disabled"], shown["disabled_because"]) == (True, "GONE")


def test_one_slow_endpoint_delays_no_other_owner(api: str) -> None:
    """As many calls wait for the slow one as ``deliver`` may make at once; it answers none of them meanwhile."""
    slow_token, other_token = logged_in(api, "slow"), logged_in(api, "prompt")
    with listening() as slow, listening() as other, slow.silent():

        def test_call(token: str, receiver: Receiver) -> Callable[[], None]:
            path = f"/webhooks/{webhook(api, token, receiver.url)['webhook_id']}/test"

            def make() -> None:
                assert call(api, "POST", path, token=token)[0] == 202

            return make

        call_slow, call_other = test_call(slow_token, slow), test_call(other_token, other)
        # Now the emulator starts its processes, which takes a busy machine longer than what is measured.
        for _ in range(AT_ONCE):
            call_other()
        other.wait_for(lambda told: len(told) == AT_ONCE)
        for _ in range(AT_ONCE):
            call_slow()
        slow.wait_for(lambda told: len(told) >= SLOTS)
        call_other()
        last = other.wait_for(lambda told: len(told) > AT_ONCE)[-1]
        # The slow one is tried a fifth time when the first of four was given up; no other waits for that.
        fifth_and_more = slow.told[SLOTS:]
        assert all(last.at_s < each.at_s for each in fifth_and_more)
        soon_s = ATTEMPT_TIMEOUT.total_seconds() / 2
        assert all(
            later.at_s - earlier.at_s > soon_s for earlier, later in zip(slow.told, fifth_and_more, strict=False)
        )


def settled(api: str, token: str, path: str) -> list[dict[str, Any]]:
    """The deliveries of a webhook, once none is under way any more."""
    deadline = time.monotonic() + 20
    while True:
        deliveries: list[dict[str, Any]] = call(api, "GET", path, token=token)[1]["deliveries"]
        if deliveries and all(each["status"] != "PENDING" for each in deliveries):
            return deliveries
        assert time.monotonic() < deadline, deliveries
        time.sleep(0.1)


class Deliveries:
    """The rows of the deliveries table, whose time a test moves instead of waiting for hours."""

    def __init__(self, aws_endpoint: str, outputs: dict[str, str]) -> None:
        self._dynamodb = client("dynamodb", aws_endpoint)
        self._lambda = client("lambda", aws_endpoint)
        self._table = outputs["DeliveriesTableName"]
        self._stack_name = local_stage(aws_endpoint).stack_name

    def of(self, owner_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="owner_id = :owner_id",
            ExpressionAttributeValues={":owner_id": {"S": owner_id}},
            ConsistentRead=True,
        )["Items"]
        return rows

    def wait_until_all(self, owner_id: str, *, count: int, attempts: int) -> None:
        deadline = time.monotonic() + 60
        while True:
            tried = [int(row["attempt"]["N"]) for row in self.of(owner_id)]
            if len(tried) == count and min(tried) >= attempts:
                return
            assert time.monotonic() < deadline, tried
            time.sleep(0.1)

    def pass_time(self, owner_id: str) -> None:
        """Have every delivery that waits be due: as if the hours until then were over."""
        for row in self.of(owner_id):
            if "due_at_epoch_ms" not in row:
                continue
            now_ms = str(int(time.time() * 1000))
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"owner_id": row["owner_id"], "place": row["place"]},
                UpdateExpression="SET run_at_epoch_ms = :now, due_at_epoch_ms = :now",
                ExpressionAttributeValues={":now": {"N": now_ms}},
            )

    def sweep(self) -> None:
        functions = self._lambda.list_functions()["Functions"]
        name = next(each["FunctionName"] for each in functions if each["Handler"] == "app.sweep")
        event = {
            "source": "aws.events",
            "detail-type": "Scheduled Event",
            "detail": {},
            "resources": [],
            "id": "1",
            "account": "0",
            "time": "2026-11-24T12:00:00Z",
            "region": "us-east-1",
            "version": "0",
        }
        answer = self._lambda.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()


def test_a_receiver_that_is_away_for_hours_gets_everything_on_return(
    api: str, aws_endpoint: str, outputs: dict[str, str]
) -> None:
    with listening() as gone:
        port = int(gone.url.rpartition(":")[2])
    token = logged_in(api, "offline")
    owner_id = call(api, "GET", "/me", token=token)[1]["user_id"]
    made = webhook(api, token, gone.url)
    jobs = {submitted(api, token) for _ in range(3)}
    deliveries = Deliveries(aws_endpoint, outputs)
    for attempts in (1, 2):
        deliveries.wait_until_all(owner_id, count=9, attempts=attempts)
        deliveries.pass_time(owner_id)
        deliveries.sweep()
    deliveries.wait_until_all(owner_id, count=9, attempts=3)
    # It is back before anything is due: messages of earlier attempts that are still on their way may try at once.
    with listening(port) as back:
        deliveries.pass_time(owner_id)
        deliveries.sweep()
        told = back.wait_for(lambda told: len({each.event_id for each in told}) == 9)
        by_job: dict[str, list[str]] = {}
        for event in {each.event_id: each.verified(made["secret"]) for each in told}.values():
            by_job.setdefault(event["subject"], []).append(event["type"])
        assert by_job.keys() == jobs
        assert all(sorted(types) == sorted(SUCCESSFUL) for types in by_job.values())
        rows = settled(api, token, f"/webhooks/{made['webhook_id']}/deliveries")
        assert {row["status"] for row in rows} == {"SUCCESS"}

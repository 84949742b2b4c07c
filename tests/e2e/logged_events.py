"""Webhooks, schedules and intake, with values of which none may be in a log."""

import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.adapters.delivery_queue import to_body
from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.domain.webhook_deliveries import DeliveryId, DeliveryKey
from chalicelib.domain.webhooks import CALLBACKS
from chalicelib.event_ports import DeliveryMessage
from tests.e2e.conftest import finished
from tests.e2e.event_probes import NOBODY, change
from tests.e2e.logged_run import Behind, Run
from tests.e2e.probes import SCHEDULE_EVENT, waiting_job
from tests.e2e.receiver import listening
from tests.e2e.test_erasure import wait_until
from tests.e2e.test_events_in import RECORDED

TOLD_OF = ["job.submitted", "job.started", "job.succeeded"]
TOLD = len(TOLD_OF) + 2
"""Calls of the receiver before the replay: the test, those of the job, and the callback."""


def call_webhooks(run: Run, behind: Behind, token: str) -> None:
    """One that is called, one that is not reached and one that may not be; a callback, and a replay."""
    with listening() as receiver:
        run.call("POST", "/webhooks", body={"url": run.url("ftp://127.0.0.1")}, token=token)
        run.call("POST", "/webhooks", body={"url": run.url(f"http://{run.plain('user')}:x@127.0.0.1")}, token=token)
        lost = run.call("POST", "/webhooks", body={"url": run.url(NOBODY)}, token=token)
        run.call("POST", f"/webhooks/{lost['webhook_id']}/test", token=token)
        body = {"url": run.url(NOBODY), "description": run.text("description"), "event_types": ["job.started"]}
        path = f"/webhooks/{run.call('POST', '/webhooks', body=body, token=token)['webhook_id']}"
        another = {"url": run.url(receiver.url), "event_types": TOLD_OF, "description": run.text("another description")}
        run.call("PATCH", path, body=another, token=token)
        run.call("GET", "/webhooks", token=token)
        run.call("POST", f"{path}/secret", token=token)
        run.call("POST", "/webhooks/callbacks/secret", token=token)
        tested = run.call("POST", f"{path}/test", token=token)["delivery_id"]
        wanted = {
            "operation": "echoes",
            "data": run.text("told"),
            "metadata": {"note": run.text("told of a job")},
            "tags": [run.plain("told-tag")],
            "callback_url": run.url(receiver.url),
        }
        run.call("POST", "/jobs", body=wanted, token=token)
        run.call("POST", "/jobs", body=wanted | {"callback_url": run.url("ftp://127.0.0.1")}, token=token)
        receiver.wait_for(lambda told: len(told) >= TOLD)
        wait_until(
            lambda: run.call("GET", f"{path}/deliveries/{tested}", token=token)["status"] == "SUCCESS", "it is told"
        )
        run.call("POST", f"{path}/deliveries/{tested}/replay", token=token)
        receiver.wait_for(lambda told: len(told) > TOLD)
        run.call("GET", f"{path}/deliveries?cursor={run.plain('query')}", token=token)
        run.call("POST", f"{path}/replay", body={"since": run.text("since")}, token=token)
        wait_until(lambda: behind.has_logged("Deliver", "delivery tried", times=TOLD + 2), "all are tried")
        for each in (path, f"/webhooks/{lost['webhook_id']}"):
            run.call("DELETE", each, token=token)
        run.tokens += [each.headers["webhook-signature"] for each in receiver.told]
        assert any(wanted["data"] in json.loads(each.body)["data"].get("result", "") for each in receiver.told)


def fire_schedule(run: Run, behind: Behind, token: str) -> None:
    """Jobs that are made by the clock, and what is refused at once."""
    body = {
        "cron": "0 0 1 1 *",
        "operation": "echoes",
        "data": run.text("scheduled"),
        "name": run.text("name"),
        "metadata": {"note": run.text("scheduled metadata")},
        "tags": [run.plain("scheduled-tag")],
    }
    owner_id = run.call("GET", "/me", token=token)["user_id"]
    schedule_id = run.call("POST", "/schedules", body=body, token=token)["schedule_id"]
    path = f"/schedules/{schedule_id}"
    for refused in ({"cron": run.text("cron")}, {"time_zone": run.text("zone")}, {"data": [run.text("no text")]}):
        run.call("POST", "/schedules", body=body | refused, token=token)
        run.call("PATCH", path, body=refused, token=token)
    run.call("PATCH", path, body={"data": run.text("changed")}, token=token)
    behind.make_due(owner_id, schedule_id)
    behind.invoke("Sweep", SCHEDULE_EVENT)
    # Should the emulator's own timer be at it, the job is there a little later.
    wait_until(lambda: run.call("GET", path, token=token)["last_job_id"] is not None, "the schedule is fired")
    finished(run.api, f"/jobs/{run.call('GET', path, token=token)['last_job_id']}", token)
    run.call("DELETE", path, token=token)


def take_in(run: Run, behind: Behind, username: str) -> None:
    """Messages that jobs are made of, and messages that are refused."""
    now = datetime.now(UTC).isoformat()
    good: dict[str, Any] = {"username": username, "event_id": run.plain("event"), "event_time": now}
    good |= {"operation": "echoes", "data": run.text("taken in")}
    good |= {"metadata": {"note": run.text("metadata taken in")}, "callback_url": run.url(NOBODY)}
    refused = (
        good | {"data": [run.text("a list")]},
        good | {"username": run.plain("nobody")},
        good | {run.plain("member"): run.text("unknown member")},
        good | {"operation": run.plain("no-operation")},
        run.text("no form"),
    )
    # As the topic hands it over: of what is published, the emulator's own log has the beginning.
    envelope = json.dumps(RECORDED["sns"] | {"Message": json.dumps(good)})
    behind.sqs.send_message(QueueUrl=behind.names["IntakeQueue"], MessageBody=envelope)
    for form in refused:
        body = json.dumps({**form, "event_id": run.plain("event")} if isinstance(form, dict) else form)
        behind.sqs.send_message(QueueUrl=behind.names["IntakeQueue"], MessageBody=body)
    malformed = '{"data": "' + run.plain("malformed-message")
    behind.sqs.send_message(QueueUrl=behind.names["IntakeQueue"], MessageBody=malformed)
    wait_until(lambda: behind.has_logged("Intake", "event has its job"), "the event has its job")
    wait_until(lambda: behind.has_logged("Intake", "message refused", times=len(refused) + 1), "the rest is refused")


def break_events(run: Run, behind: Behind, token: str) -> None:
    """What the functions of events make of tables that are not there; that of the jobs is gone before."""
    for table in ("WebhooksTable", "DeliveriesTable", "SchedulesTable"):
        behind.dynamodb.delete_table(TableName=behind.names[table])
    run.call("POST", "/webhooks", body={"url": run.url(NOBODY), "description": run.text("lost")}, token=token)
    schedule = {"rate_s": 3600, "operation": "echoes", "data": run.text("lost schedule")}
    run.call("POST", "/schedules", body=schedule, token=token)
    behind.invoke("Sweep", SCHEDULE_EVENT)
    job = waiting_job(data_json=json.dumps(run.text("change")), callback_url=run.url(NOBODY))
    behind.invoke("Relay", change(dict(to_job_item(job)), dict(job_key(job.key))))
    key = DeliveryKey(owner_id=job.key.owner_id, webhook_id=CALLBACKS, delivery_id=DeliveryId(job.key.job_id))
    queued = {
        "DeliveriesQueue": to_body(DeliveryMessage(key=key)),
        "IntakeQueue": json.dumps({"username": "bob", "operation": "echoes", "data": run.text("lost message")}),
    }
    for queue, body in queued.items():
        behind.sqs.send_message(QueueUrl=behind.names[queue], MessageBody=body)
    wait_until(lambda: behind.has_logged("Deliver", "delivery broke"), "a delivery met no table")
    wait_until(lambda: behind.has_logged("Intake", "intake broke"), "an event met no table")

"""
For each permission of what events, webhooks, schedules and intake need, the smallest thing that needs it.

As in `tests.e2e.probes`; rows are made by the API where it makes them, and messages are taken from the queues that they
were sent to, so that nothing here knows how either is written.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.domain.jobs import JobEvent, JobStatus, Transition
from chalicelib.domain.users import UserId
from tests.e2e.probes import (
    SCHEDULE_EVENT,
    Probe,
    bearer,
    json_of,
    log_in,
    new_key,
    request,
    submit,
    waiting_job,
)
from tests.e2e.roles import Deployment, Seen
from tests.events import api_event, sqs_event

NOBODY = "http://127.0.0.1:9/hooks"
"""Nothing listens there: an attempt fails at once, and another follows."""

INTAKES_PER_MINUTE = 1
"""Of the deployment: the second message of a user is over the limit."""

DONE: dict[str, list[Any]] = {"batchItemFailures": []}


def make_webhook(deployment: Deployment, headers: dict[str, str] | None = None) -> Seen:
    headers = headers or bearer(deployment)
    return request(deployment, "POST", "/webhooks", body={"url": NOBODY}, wanted=201, headers=headers)


def of_webhook(deployment: Deployment, method: str, *, body: Any = None, wanted: int = 200) -> Seen:
    """One request about a new webhook."""
    headers = bearer(deployment)
    webhook = {"webhook_id": json_of(make_webhook(deployment, headers))["webhook_id"]}
    path = "/webhooks/{webhook_id}"
    return request(deployment, method, path, body=body, wanted=wanted, headers=headers, path_parameters=webhook)


def read_webhook(deployment: Deployment) -> Seen:
    return of_webhook(deployment, "GET")


def change_webhook(deployment: Deployment) -> Seen:
    return of_webhook(deployment, "PATCH", body={"description": "changed"})


def remove_webhook(deployment: Deployment) -> Seen:
    return of_webhook(deployment, "DELETE", wanted=204)


class Tested:
    """A new webhook, a test call of it, and that call's message, which nothing has taken."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        deployment.sqs.purge_queue(QueueUrl=deployment.names["DeliveriesQueue"])
        self.headers = bearer(deployment)
        self.names = {"webhook_id": json_of(make_webhook(deployment, self.headers))["webhook_id"]}
        self.seen = self.call("POST", "/webhooks/{webhook_id}/test", wanted=202)
        if self.seen.succeeded:
            self.names["delivery_id"] = json_of(self.seen)["delivery_id"]

    def call(self, method: str, path: str, *, body: Any = None, wanted: int = 200) -> Seen:
        """One request about the webhook or its delivery."""
        names = {name: value for name, value in self.names.items() if f"{{{name}}}" in path}
        seen = request(
            self.deployment, method, path, body=body, wanted=wanted, headers=self.headers, path_parameters=names
        )
        return Seen(succeeded=seen.succeeded and "not sent" not in seen.log, log=seen.log, answer=seen.answer)

    def delivered(self) -> Seen:
        """What `deliver` makes of the message."""
        url = self.deployment.names["DeliveriesQueue"]
        (message,) = self.deployment.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
        seen = self.deployment.invoke("deliver", sqs_event(message["Body"]))
        is_done = seen.answer == DONE and "not sent" not in seen.log
        return Seen(succeeded=seen.succeeded and is_done, log=seen.log, answer=seen.answer)


def call_webhook(deployment: Deployment) -> Seen:
    return Tested(deployment).seen


def list_deliveries(deployment: Deployment) -> Seen:
    return Tested(deployment).call("GET", "/webhooks/{webhook_id}/deliveries")


def read_delivery(deployment: Deployment) -> Seen:
    return Tested(deployment).call("GET", "/webhooks/{webhook_id}/deliveries/{delivery_id}")


def replay(deployment: Deployment) -> Seen:
    """Of a delivery that has failed, as its webhook was disabled for a while."""
    tested = Tested(deployment)
    path = "/webhooks/{webhook_id}"
    json_of(tested.call("PATCH", path, body={"is_disabled": True}))
    assert tested.delivered().succeeded
    json_of(tested.call("PATCH", path, body={"is_disabled": False}))
    return tested.call("POST", f"{path}/deliveries/{{delivery_id}}/replay", wanted=202)


def deliver(deployment: Deployment) -> Seen:
    """An attempt that fails, after which the next one's message is sent."""
    return Tested(deployment).delivered()


def make_schedule(deployment: Deployment, headers: dict[str, str] | None = None) -> Seen:
    headers = headers or bearer(deployment)
    body = {"rate_s": 3600, "operation": "square_sum", "data": [1]}
    return request(deployment, "POST", "/schedules", body=body, wanted=201, headers=headers)


def of_schedule(deployment: Deployment, method: str, *, body: Any = None, wanted: int = 200) -> Seen:
    """One request about a new schedule."""
    headers = bearer(deployment)
    schedule = {"schedule_id": json_of(make_schedule(deployment, headers))["schedule_id"]}
    path = "/schedules/{schedule_id}"
    return request(deployment, method, path, body=body, wanted=wanted, headers=headers, path_parameters=schedule)


def read_schedule(deployment: Deployment) -> Seen:
    return of_schedule(deployment, "GET")


def change_schedule(deployment: Deployment) -> Seen:
    return of_schedule(deployment, "PATCH", body={"is_paused": True})


def remove_schedule(deployment: Deployment) -> Seen:
    return of_schedule(deployment, "DELETE", wanted=204)


def list_schedules(deployment: Deployment) -> Seen:
    return request(deployment, "GET", "/schedules", headers=bearer(deployment))


def make_due(deployment: Deployment, table: str, row: str) -> None:
    """Have a row of which ``row`` is part of the key be due since a minute, whatever of it says when."""
    name = deployment.names[table]
    (item,) = [each for each in deployment.dynamodb.scan(TableName=name)["Items"] if row in json.dumps(each)]
    due = item["due_at_epoch_ms"]
    now_ms = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp() * 1000)
    item |= {attribute: {"N": str(now_ms)} for attribute, value in item.items() if value == due}
    deployment.dynamodb.put_item(TableName=name, Item=item)


def swept(deployment: Deployment, row: str, said: str) -> Seen:
    """What a sweep does about a row that is due."""
    seen = deployment.invoke("sweep", SCHEDULE_EVENT)
    is_done = any(row in line and said in line for line in seen.log.splitlines())
    is_whole = "cannot be swept" not in seen.log and "not sent" not in seen.log
    return Seen(succeeded=seen.succeeded and is_done and is_whole, log=seen.log)


def fire(deployment: Deployment) -> Seen:
    deployment.forget_what_is_due()
    headers = bearer(deployment)
    schedule_id = json_of(make_schedule(deployment, headers))["schedule_id"]
    make_due(deployment, "SchedulesTable", schedule_id)
    seen = swept(deployment, schedule_id, "schedule fired")
    names = {"schedule_id": schedule_id}
    removed = request(
        deployment, "DELETE", "/schedules/{schedule_id}", wanted=204, headers=headers, path_parameters=names
    )
    assert removed.succeeded, removed.log
    return seen


def sweep_delivery(deployment: Deployment) -> Seen:
    """Sends the message again and puts the next look off."""
    deployment.forget_what_is_due()
    delivery_id = Tested(deployment).names["delivery_id"]
    make_due(deployment, "DeliveriesTable", delivery_id)
    return swept(deployment, delivery_id, "delivery sent again")


def change(image: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    """The event of one change of the jobs table."""
    told = {"ApproximateCreationDateTime": datetime.now(UTC).timestamp(), "SequenceNumber": "1", "SizeBytes": 1}
    told |= {"Keys": key, "NewImage": image, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    record = {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": told}
    return {"Records": [record]}


def relayed(deployment: Deployment, event: dict[str, Any]) -> Seen:
    seen = deployment.invoke("relay", event)
    logged = ("not sent", "no webhook of callbacks", "ends cannot be counted")
    is_done = seen.answer == DONE and not any(each in seen.log for each in logged)
    return Seen(succeeded=seen.succeeded and is_done, log=seen.log, answer=seen.answer)


def relay(deployment: Deployment) -> Seen:
    """The end of a job that has a callback URL."""
    at = datetime.now(UTC)
    ended = JobEvent(at=at, transition=Transition.FINISH, attempt=1, worker="consumer")
    values: dict[str, Any] = {
        "status": JobStatus.SUCCESS,
        "finished_at": at,
        "due_at": None,
        "result_json": "1",
        "events": (ended,),
    }
    headers = bearer(deployment)
    json_of(submit(deployment, headers=headers, callback_url=NOBODY))
    owner_id = UserId(json_of(request(deployment, "GET", "/me", headers=headers))["user_id"])
    job = waiting_job(key=new_key(owner_id), callback_url=NOBODY, **values)
    return relayed(deployment, change(dict(to_job_item(job)), dict(job_key(job.key))))


def relay_nothing_known(deployment: Deployment) -> Seen:
    """A row of another version, which is told nobody and kept as a failure."""
    key = dict(job_key(new_key()))
    seen = relayed(deployment, change(key | {"status": {"S": "UNHEARD_OF"}}, key))
    deployment.sqs.purge_queue(QueueUrl=deployment.names["RelayFailuresQueue"])
    return seen


def new_username(deployment: Deployment) -> str:
    """The name of a new user."""
    token = json_of(log_in(deployment))["access_token"]
    event = api_event("GET", "/me", headers={"authorization": f"Bearer {token}"})
    return str(json_of(deployment.invoke("api_handler", event))["username"])


def asked(deployment: Deployment, username: str) -> Seen:
    """What `intake` makes of a message, which it was sent just now and has taken from its queue."""
    url = deployment.names["IntakeQueue"]
    body = json.dumps({"username": username, "operation": "square_sum", "data": [1], "callback_url": NOBODY})
    deployment.sqs.send_message(QueueUrl=url, MessageBody=body)
    (message,) = deployment.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    event = sqs_event(body)
    (record,) = event["Records"]
    record |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
    record["attributes"]["SentTimestamp"] = str(int(datetime.now(UTC).timestamp() * 1000))
    seen = deployment.invoke("intake", event)
    deployment.sqs.purge_queue(QueueUrl=url)
    return seen


def take_in(deployment: Deployment) -> Seen:
    seen = asked(deployment, new_username(deployment))
    is_done = seen.answer == DONE and "event has its job" in seen.log and "not sent" not in seen.log
    return Seen(succeeded=seen.succeeded and is_done, log=seen.log, answer=seen.answer)


def refuse(deployment: Deployment) -> Seen:
    """A message that names nobody."""
    seen = asked(deployment, "nobody")
    deployment.sqs.purge_queue(QueueUrl=deployment.names["IntakeRefusedQueue"])
    return Seen(succeeded=seen.answer == DONE and "message refused" in seen.log, log=seen.log, answer=seen.answer)


def put_off(deployment: Deployment) -> Seen:
    """A message over its user's limit, which comes back when there is room."""
    username = new_username(deployment)
    assert asked(deployment, username).answer == DONE
    seen = asked(deployment, username)
    is_put_off = len(seen.answer["batchItemFailures"]) == 1 and "ERROR" not in seen.log
    return Seen(succeeded=seen.succeeded and is_put_off, log=seen.log, answer=seen.answer)


EVENT_PROBES: dict[tuple[str, str, str], Probe] = {
    ("api_handler", "dynamodb:DeleteItem", "WebhooksTable"): remove_webhook,
    ("api_handler", "dynamodb:GetItem", "WebhooksTable"): read_webhook,
    ("api_handler", "dynamodb:PutItem", "WebhooksTable"): make_webhook,
    ("api_handler", "dynamodb:Query", "WebhooksTable"): make_webhook,
    ("api_handler", "dynamodb:UpdateItem", "WebhooksTable"): change_webhook,
    ("api_handler", "dynamodb:GetItem", "DeliveriesTable"): read_delivery,
    ("api_handler", "dynamodb:PutItem", "DeliveriesTable"): call_webhook,
    ("api_handler", "dynamodb:Query", "DeliveriesTable"): list_deliveries,
    ("api_handler", "dynamodb:UpdateItem", "DeliveriesTable"): replay,
    ("api_handler", "sqs:SendMessage", "DeliveriesQueue"): call_webhook,
    ("api_handler", "dynamodb:DeleteItem", "SchedulesTable"): remove_schedule,
    ("api_handler", "dynamodb:GetItem", "SchedulesTable"): read_schedule,
    ("api_handler", "dynamodb:PutItem", "SchedulesTable"): make_schedule,
    ("api_handler", "dynamodb:Query", "SchedulesTable"): list_schedules,
    ("api_handler", "dynamodb:UpdateItem", "SchedulesTable"): change_schedule,
    ("relay", "dynamodb:Query", "WebhooksTable"): relay,
    ("relay", "dynamodb:PutItem", "DeliveriesTable"): relay,
    ("relay", "dynamodb:UpdateItem", "StatisticsTable"): relay,
    ("relay", "sqs:SendMessage", "DeliveriesQueue"): relay,
    ("relay", "sqs:SendMessage", "RelayFailuresQueue"): relay_nothing_known,
    ("relay", "events:PutEvents", "EventBus"): relay,
    ("deliver", "dynamodb:GetItem", "WebhooksTable"): deliver,
    ("deliver", "dynamodb:UpdateItem", "WebhooksTable"): deliver,
    ("deliver", "dynamodb:GetItem", "DeliveriesTable"): deliver,
    ("deliver", "dynamodb:UpdateItem", "DeliveriesTable"): deliver,
    ("deliver", "sqs:SendMessage", "DeliveriesQueue"): deliver,
    ("intake", "dynamodb:GetItem", "UsersTable"): take_in,
    ("intake", "dynamodb:GetItem", "JobsTable"): take_in,
    ("intake", "dynamodb:PutItem", "JobsTable"): take_in,
    ("intake", "dynamodb:GetItem", "WebhooksTable"): take_in,
    ("intake", "dynamodb:PutItem", "WebhooksTable"): take_in,
    ("intake", "dynamodb:UpdateItem", "LimitsTable"): take_in,
    ("intake", "sqs:SendMessage", "JobsQueue"): take_in,
    ("intake", "sqs:ChangeMessageVisibility", "IntakeQueue"): put_off,
    ("intake", "sqs:SendMessage", "IntakeRefusedQueue"): refuse,
    ("sweep", "dynamodb:PutItem", "JobsTable"): fire,
    ("sweep", "dynamodb:GetItem", "SchedulesTable"): fire,
    ("sweep", "dynamodb:UpdateItem", "SchedulesTable"): fire,
    ("sweep", "dynamodb:Query", "SchedulesTable/index/due"): fire,
    ("sweep", "dynamodb:GetItem", "DeliveriesTable"): sweep_delivery,
    ("sweep", "dynamodb:UpdateItem", "DeliveriesTable"): sweep_delivery,
    ("sweep", "dynamodb:Query", "DeliveriesTable/index/due"): sweep_delivery,
    ("sweep", "sqs:SendMessage", "DeliveriesQueue"): sweep_delivery,
}
"""Of each permission by function, action and resource: what fails without it."""

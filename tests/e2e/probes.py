"""
For each permission of each function, the smallest thing that needs it.

`PROBES` is the table; what the emulator does not enforce is in that of `tests.e2e.unenforced`. A probe makes its own
state, as the emulator's administrator or by permissions other than the one it is for.
"""

import itertools
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.account_ports import Erasure
from chalicelib.adapters.dynamodb.account_items import to_credential_item, to_user_item
from chalicelib.adapters.dynamodb.batch_deletes import PAGE_ROWS
from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.keys import user_key
from chalicelib.adapters.dynamodb.pauses import to_pause_item
from chalicelib.adapters.dynamodb.webhook_items import to_webhook_item
from chalicelib.adapters.erasure_queue import to_body
from chalicelib.domain.jobs import Job, JobEvent, JobId, JobKey, JobStatus, Transition
from chalicelib.domain.pauses import JobsOfUser
from chalicelib.domain.users import Role, UserId
from chalicelib.services.dead_letters import DEAD_LETTERED
from chalicelib.services.erasure import NEEDED
from tests.e2e.roles import Deployment, Seen
from tests.events import api_event, job_message, sqs_event
from tests.factories import OWNER, make_job, make_pause, make_session, make_user, make_webhook

OPERATIONS = {
    "asks": """
def asks(data: None, job: RunningJob) -> bool:
    'Whether the job is called off.'
    return job.is_cancelled()
""",
    "fails": """
def fails(data: None) -> int:
    'Nothing: it fails, and is tried again.'
    raise RuntimeError("not yet")
""",
}
"""What the deployment has besides: one that needs to read its job while it runs, and one that needs another try."""

SETTINGS = dict.fromkeys(
    ("SIGN_INS_PER_HOUR_FROM_ADDRESS", "REGISTRATIONS_PER_HOUR_FROM_ADDRESS", "SUBMITS_PER_MINUTE"), "1000"
)
"""No limit is reached by probing, which is all done from one address."""

PASSWORD = "a long enough password"
numbers = itertools.count(1)

Probe = Callable[[Deployment], Seen]


def request(
    deployment: Deployment, method: str, resource: str, *, body: Any = None, wanted: int = 200, **more: Any
) -> Seen:
    """One request of the API, as API Gateway hands it over; it succeeds with the ``wanted`` status."""
    headers = {"content-type": "application/json"} | more.pop("headers", {})
    text = None if body is None else json.dumps(body)
    seen = deployment.invoke("api_handler", api_event(method, resource, body=text, headers=headers, **more))
    status = seen.answer.get("statusCode") if isinstance(seen.answer, dict) else None
    return Seen(succeeded=seen.succeeded and status == wanted, log=seen.log, answer=seen.answer)


def json_of(seen: Seen) -> Any:
    assert seen.succeeded, seen.log
    return json.loads(seen.answer["body"])


def register(deployment: Deployment) -> Seen:
    body = {"username": f"user-{next(numbers)}", "password": PASSWORD}
    return request(deployment, "POST", "/register", body=body, wanted=201)


def log_in(deployment: Deployment) -> Seen:
    """The first sign-in from an address, which the account remembers."""
    username = f"user-{next(numbers)}"
    body = {"username": username, "password": PASSWORD}
    assert request(deployment, "POST", "/register", body=body, wanted=201).succeeded
    return request(deployment, "POST", "/login", body=body)


def fail_to_log_in(deployment: Deployment) -> Seen:
    """The sign-in of nobody, which is counted before it is refused."""
    body = {"username": f"nobody-{next(numbers)}", "password": PASSWORD}
    return request(deployment, "POST", "/login", body=body, wanted=401)


def in_a_new_container(deployment: Deployment, function: str) -> None:
    """Have a function know nothing from before."""
    name = deployment.function_name(function)
    variables = deployment.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    variables["CONTAINER"] = str(next(numbers))
    deployment.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def log_in_anew(deployment: Deployment) -> Seen:
    """A sign-in in a container that has no signing key yet."""
    in_a_new_container(deployment, "api_handler")
    return log_in(deployment)


def bearer(deployment: Deployment) -> dict[str, str]:
    """The headers of a new user."""
    return {"authorization": f"Bearer {json_of(log_in(deployment))['access_token']}"}


def of_administrator(deployment: Deployment) -> dict[str, str]:
    """The headers of a new administrator."""
    body = {"username": f"admin-{next(numbers)}", "password": PASSWORD}
    assert request(deployment, "POST", "/register", body=body, wanted=201).succeeded
    deployment.dynamodb.update_item(
        TableName=deployment.names["UsersTable"],
        Key=user_key(body["username"]),
        UpdateExpression="SET #role = :role",
        ExpressionAttributeNames={"#role": "role"},
        ExpressionAttributeValues={":role": {"S": Role.ADMIN}},
    )
    token = json_of(request(deployment, "POST", "/login", body=body))["access_token"]
    return {"authorization": f"Bearer {token}"}


def look_at_all(deployment: Deployment, path: str) -> Seen:
    """What a new administrator is told of all jobs."""
    return request(deployment, "GET", path, headers=of_administrator(deployment))


def read_statistics(deployment: Deployment) -> Seen:
    return look_at_all(deployment, "/admin/statistics")


def read_overview(deployment: Deployment) -> Seen:
    return look_at_all(deployment, "/admin/overview")


def submit(deployment: Deployment, *, headers: dict[str, str] | None = None, **options: Any) -> Seen:
    body = {"data": [1], "operation": "square_sum", **options}
    seen = request(deployment, "POST", "/jobs", body=body, wanted=202, headers=headers or bearer(deployment))
    return Seen(succeeded=seen.succeeded and "not sent" not in seen.log, log=seen.log, answer=seen.answer)


def submit_once(deployment: Deployment) -> Seen:
    return submit(deployment, headers=bearer(deployment) | {"idempotency-key": f'"key-{next(numbers)}"'})


def submit_batch_once(deployment: Deployment) -> Seen:
    """A batch, whose receipt is looked for before anything else."""
    headers = bearer(deployment) | {"idempotency-key": f'"key-{next(numbers)}"'}
    body = {"jobs": [{"data": [1], "operation": "square_sum"}]}
    return request(deployment, "POST", "/jobs/batch", body=body, wanted=202, headers=headers)


def read(deployment: Deployment) -> Seen:
    headers = bearer(deployment)
    parameters = {"job_id": json_of(submit(deployment, headers=headers, delay_s=3600))["job_id"]}
    return request(deployment, "GET", "/jobs/{job_id}", headers=headers, path_parameters=parameters)


def cancel(deployment: Deployment, headers: dict[str, str] | None = None) -> Seen:
    headers = headers or bearer(deployment)
    parameters = {"job_id": json_of(submit(deployment, headers=headers, delay_s=3600))["job_id"]}
    path = "/jobs/{job_id}/cancel"
    return request(deployment, "POST", path, headers=headers, path_parameters=parameters, wanted=202)


def delete(deployment: Deployment) -> Seen:
    headers = bearer(deployment)
    parameters = {"job_id": json_of(cancel(deployment, headers))["job_id"]}
    return request(deployment, "DELETE", "/jobs/{job_id}", headers=headers, path_parameters=parameters, wanted=204)


def list_all(deployment: Deployment) -> Seen:
    return request(deployment, "GET", "/jobs", headers=bearer(deployment))


def list_cancelled(deployment: Deployment) -> Seen:
    headers = bearer(deployment)
    assert cancel(deployment, headers).succeeded
    return request(deployment, "GET", "/jobs", headers=headers, query="status=CANCELLED")


def look_at_usage(deployment: Deployment) -> Seen:
    return request(deployment, "GET", "/me/usage", headers=bearer(deployment))


def new_key(owner_id: UserId = OWNER) -> JobKey:
    return JobKey(owner_id=owner_id, job_id=JobId(str(uuid.uuid4())))


def waiting_job(operation: str = "asks", **overrides: Any) -> Job:
    """A job that has waited for ten minutes."""
    at = datetime.now(UTC) - timedelta(minutes=10)
    values: dict[str, Any] = {
        "key": new_key(),
        "operation": operation,
        "data_json": "null",
        "created_at": at,
        "run_at": at,
        "due_at": at + timedelta(seconds=60),
        "expires_at": at + timedelta(days=30),
        "events": (JobEvent(at=at, transition=Transition.SUBMIT, attempt=0, worker="api"),),
    }
    return make_job(**values | overrides)


def delivered(job: Job) -> dict[str, Any]:
    """The event of a job's message, sent just now."""
    event = sqs_event(job_message(job.key))
    event["Records"][0]["attributes"]["SentTimestamp"] = str(int(datetime.now(UTC).timestamp() * 1000))
    return event


def worked_on(deployment: Deployment, function: str, job: Job, event: Any, wanted: JobStatus) -> Seen:
    """What a function does about ``job``, which then is to have the status ``wanted``."""
    deployment.put(job)
    seen = deployment.invoke(function, event)
    is_done = deployment.job(job.key).status is wanted and "not sent" not in seen.log
    deployment.forget(job.key)
    return Seen(succeeded=seen.succeeded and is_done, log=seen.log)


def run(deployment: Deployment) -> Seen:
    job = waiting_job()
    return worked_on(deployment, "consume", job, delivered(job), JobStatus.SUCCESS)


def hold_back(deployment: Deployment) -> Seen:
    """A job of a user whose jobs are paused, in a container that has yet to look at the pauses."""
    owner_id = UserId(str(uuid.uuid4()))
    job = waiting_job(key=new_key(owner_id))
    pause(deployment, owner_id)
    in_a_new_container(deployment, "consume")
    seen = worked_on(deployment, "consume", job, delivered(job), JobStatus.PENDING)
    forget_pauses(deployment)
    return Seen(succeeded=seen.succeeded and "PAUSED" in seen.log, log=seen.log)


def pause(deployment: Deployment, owner_id: UserId) -> None:
    item = to_pause_item(make_pause(JobsOfUser(owner_id=owner_id, username="somebody")))
    deployment.dynamodb.put_item(TableName=deployment.names["PausesTable"], Item=item)


def forget_pauses(deployment: Deployment) -> None:
    name = deployment.names["PausesTable"]
    for item in deployment.dynamodb.scan(TableName=name)["Items"]:
        deployment.dynamodb.delete_item(TableName=name, Key={each: item[each] for each in ("part", "paused")})


def list_pauses(deployment: Deployment) -> Seen:
    return look_at_all(deployment, "/admin/pauses")


def pause_somebody(deployment: Deployment) -> Seen:
    username = json_of(register(deployment))["username"]
    seen = request(
        deployment,
        "POST",
        "/admin/users/{username}/pause",
        body={},
        headers=of_administrator(deployment),
        path_parameters={"username": username},
    )
    forget_pauses(deployment)
    return seen


def resume_somebody(deployment: Deployment) -> Seen:
    """A user has a job that waits, and is to be sent."""
    user = json_of(register(deployment))
    owner_id = UserId(user["user_id"])
    pause(deployment, owner_id)
    job = waiting_job(key=new_key(owner_id))
    deployment.put(job)
    parameters = {"username": user["username"]}
    path = "/admin/users/{username}/resume"
    seen = request(deployment, "POST", path, headers=of_administrator(deployment), path_parameters=parameters)
    forget_pauses(deployment)
    deployment.forget(job.key)
    is_sent = seen.succeeded and json_of(seen) == {"sent": 1}
    return Seen(succeeded=is_sent, log=seen.log, answer=seen.answer)


def try_again(deployment: Deployment) -> Seen:
    job = waiting_job("fails")
    return worked_on(deployment, "consume", job, delivered(job), JobStatus.PENDING)


def bury(deployment: Deployment) -> Seen:
    job = waiting_job()
    return worked_on(deployment, "dead_letter", job, delivered(job), JobStatus.FAILED)


def redrive(deployment: Deployment) -> Seen:
    at = datetime.now(UTC) - timedelta(minutes=1)
    job = waiting_job(status=JobStatus.FAILED, error=DEAD_LETTERED, finished_at=at, due_at=None)
    return worked_on(deployment, "redrive", job, {}, JobStatus.PENDING)


def order_of(user_id: UserId) -> Erasure:
    """The order to erase a user, who has a name of the user's own."""
    return Erasure(user_id=user_id, username=f"user-{user_id}")


OWNED = {"WebhooksTable": "webhook_id", "DeliveriesTable": "place", "SchedulesTable": "schedule_id"}
"""Tables of rows that an owner has besides jobs, each with what tells them apart."""


def erase(deployment: Deployment, *, jobs: int = 1) -> Seen:
    """An account with a credential, a webhook and jobs, which are all to be gone."""
    user_id = UserId(str(uuid.uuid4()))
    order = order_of(user_id)
    rows: dict[str, list[dict[str, Any]]] = {
        "UsersTable": [to_user_item(make_user(user_id=user_id, username=order.username))],
        "CredentialsTable": [to_credential_item(make_session(user_id=user_id))],
        "WebhooksTable": [to_webhook_item(make_webhook(owner_id=user_id))],
        "JobsTable": [to_job_item(waiting_job(key=new_key(user_id))) for _ in range(jobs)],
        **{table: [{"owner_id": {"S": user_id}, key: {"S": "any"}}] for table, key in OWNED.items()},
    }
    for table, items in rows.items():
        for item in items:
            deployment.dynamodb.put_item(TableName=deployment.names[table], Item=item)
    pause(deployment, user_id)
    seen = deployment.invoke("erase", sqs_event(to_body(order)))
    left = [each for table in rows for each in deployment.rows_of(table, user_id)]
    left += deployment.dynamodb.scan(TableName=deployment.names["PausesTable"])["Items"]
    forget_pauses(deployment)
    # What nobody could read must not be left for the other functions.
    for table, key in OWNED.items():
        for item in deployment.rows_of(table, user_id):
            row = {name: item[name] for name in ("owner_id", key)}
            deployment.dynamodb.delete_item(TableName=deployment.names[table], Key=row)
    is_done = seen.answer == {"batchItemFailures": []} and not left
    return Seen(succeeded=seen.succeeded and is_done, log=seen.log, answer=seen.answer)


def erase_in_little_time(deployment: Deployment) -> Seen:
    """More jobs than there is time for, of which the rest is ordered anew."""
    name = deployment.function_name("erase")
    timeout_s = deployment.functions.get_function_configuration(FunctionName=name)["Timeout"]
    deployment.functions.update_function_configuration(FunctionName=name, Timeout=int(NEEDED.total_seconds()))
    try:
        seen = erase(deployment, jobs=PAGE_ROWS + 1)
    finally:
        deployment.functions.update_function_configuration(FunctionName=name, Timeout=timeout_s)
    url = deployment.names["ErasuresQueue"]
    ordered = deployment.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0).get("Messages", [])
    for message in ordered:
        deployment.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return Seen(succeeded=seen.answer == {"batchItemFailures": []} and len(ordered) == 1, log=seen.log)


def list_audit_events(deployment: Deployment) -> Seen:
    return request(deployment, "GET", "/me/audit", headers=bearer(deployment))


def list_sessions(deployment: Deployment) -> Seen:
    return request(deployment, "GET", "/me/sessions", headers=bearer(deployment))


def log_out(deployment: Deployment) -> Seen:
    return request(deployment, "POST", "/logout", wanted=204, headers=bearer(deployment))


def log_out_everywhere(deployment: Deployment) -> Seen:
    return request(deployment, "POST", "/logout/all", wanted=204, headers=bearer(deployment))


def make_api_key(deployment: Deployment) -> Seen:
    """A key is made only for an account that is as it was seen."""
    body = {"name": "robot", "scopes": ["jobs:read"]}
    return request(deployment, "POST", "/api-keys", body=body, wanted=201, headers=bearer(deployment))


def refresh(deployment: Deployment) -> Seen:
    body = {"refresh_token": json_of(log_in(deployment))["refresh_token"]}
    return request(deployment, "POST", "/token/refresh", body=body)


def end_account(deployment: Deployment) -> Seen:
    """Both orders are sent, and nothing is there to carry them out."""
    headers = bearer(deployment)
    seen = request(deployment, "DELETE", "/me", headers=headers, wanted=204)
    deployment.sqs.purge_queue(QueueUrl=deployment.names["ErasuresQueue"])
    return seen


SCHEDULED = {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "1"}
SCHEDULED |= {"time": "2026-01-01T00:00:00Z", "region": "us-east-1"}
SCHEDULE_EVENT: dict[str, Any] = {**SCHEDULED, "resources": [], "detail": {}}


def sweep(deployment: Deployment) -> Seen:
    """Sends the job again and puts the next look off."""
    deployment.forget_what_is_due()
    job = waiting_job()
    deployment.put(job)
    due_at = deployment.job(job.key).due_at
    seen = deployment.invoke("sweep", SCHEDULE_EVENT)
    is_put_off = deployment.job(job.key).due_at != due_at
    deployment.forget(job.key)
    is_sent = any(job.key.job_id in line and "job sent again" in line for line in seen.log.splitlines())
    return Seen(succeeded=seen.succeeded and is_put_off and is_sent, log=seen.log)


PROBES: dict[tuple[str, str, str], Probe] = {
    ("api_handler", "dynamodb:ConditionCheckItem", "UsersTable"): make_api_key,
    ("api_handler", "dynamodb:DeleteItem", "UsersTable"): end_account,
    ("api_handler", "dynamodb:GetItem", "UsersTable"): log_in,
    ("api_handler", "dynamodb:PutItem", "UsersTable"): register,
    ("api_handler", "dynamodb:UpdateItem", "UsersTable"): log_in,
    ("api_handler", "dynamodb:BatchWriteItem", "CredentialsTable"): log_out_everywhere,
    ("api_handler", "dynamodb:DeleteItem", "CredentialsTable"): log_out,
    ("api_handler", "dynamodb:GetItem", "CredentialsTable"): log_out,
    ("api_handler", "dynamodb:PutItem", "CredentialsTable"): log_in,
    ("api_handler", "dynamodb:Query", "CredentialsTable"): list_sessions,
    ("api_handler", "dynamodb:UpdateItem", "CredentialsTable"): refresh,
    ("api_handler", "dynamodb:PutItem", "AuditTable"): fail_to_log_in,
    ("api_handler", "dynamodb:Query", "AuditTable"): list_audit_events,
    ("api_handler", "dynamodb:BatchGetItem", "JobsTable"): list_cancelled,
    ("api_handler", "dynamodb:DeleteItem", "JobsTable"): delete,
    ("api_handler", "dynamodb:GetItem", "JobsTable"): read,
    ("api_handler", "dynamodb:PutItem", "JobsTable"): submit,
    ("api_handler", "dynamodb:Query", "JobsTable"): list_all,
    ("api_handler", "dynamodb:UpdateItem", "JobsTable"): cancel,
    ("api_handler", "dynamodb:Query", "JobsTable/index/owner_status"): list_cancelled,
    ("api_handler", "dynamodb:GetItem", "LimitsTable"): look_at_usage,
    ("api_handler", "dynamodb:Query", "JobsTable/index/due"): read_overview,
    ("api_handler", "dynamodb:Query", "StatisticsTable"): read_statistics,
    ("api_handler", "sqs:GetQueueAttributes", "JobsQueue"): read_overview,
    ("api_handler", "dynamodb:DeleteItem", "PausesTable"): resume_somebody,
    ("api_handler", "dynamodb:PutItem", "PausesTable"): pause_somebody,
    ("api_handler", "dynamodb:Query", "PausesTable"): list_pauses,
    ("api_handler", "dynamodb:UpdateItem", "LimitsTable"): fail_to_log_in,
    ("api_handler", "dynamodb:GetItem", "IdempotencyTable"): submit_batch_once,
    ("api_handler", "dynamodb:PutItem", "IdempotencyTable"): submit_once,
    ("api_handler", "sqs:SendMessage", "JobsQueue"): submit,
    ("api_handler", "sqs:SendMessage", "ErasuresQueue"): end_account,
    ("api_handler", "ssm:GetParameter", "signing-keys"): log_in_anew,
    ("consume", "dynamodb:GetItem", "JobsTable"): run,
    ("consume", "dynamodb:UpdateItem", "JobsTable"): run,
    ("consume", "dynamodb:Query", "PausesTable"): hold_back,
    ("consume", "sqs:SendMessage", "JobsQueue"): try_again,
    ("dead_letter", "dynamodb:GetItem", "JobsTable"): bury,
    ("dead_letter", "dynamodb:UpdateItem", "JobsTable"): bury,
    ("erase", "dynamodb:DeleteItem", "UsersTable"): erase,
    ("erase", "dynamodb:Query", "CredentialsTable"): erase,
    ("erase", "dynamodb:BatchWriteItem", "CredentialsTable"): erase,
    ("erase", "dynamodb:Query", "JobsTable"): erase,
    ("erase", "dynamodb:BatchWriteItem", "JobsTable"): erase,
    ("erase", "dynamodb:Query", "WebhooksTable"): erase,
    ("erase", "dynamodb:BatchWriteItem", "WebhooksTable"): erase,
    ("erase", "dynamodb:Query", "DeliveriesTable"): erase,
    ("erase", "dynamodb:BatchWriteItem", "DeliveriesTable"): erase,
    ("erase", "dynamodb:Query", "SchedulesTable"): erase,
    ("erase", "dynamodb:BatchWriteItem", "SchedulesTable"): erase,
    ("erase", "dynamodb:DeleteItem", "PausesTable"): erase,
    ("erase", "sqs:SendMessage", "ErasuresQueue"): erase_in_little_time,
    ("sweep", "dynamodb:GetItem", "JobsTable"): sweep,
    ("sweep", "dynamodb:UpdateItem", "JobsTable"): sweep,
    ("sweep", "dynamodb:Query", "JobsTable/index/due"): sweep,
    ("sweep", "sqs:SendMessage", "JobsQueue"): sweep,
    ("redrive", "dynamodb:GetItem", "JobsTable"): redrive,
    ("redrive", "dynamodb:UpdateItem", "JobsTable"): redrive,
    ("redrive", "dynamodb:Query", "JobsTable/index/due"): redrive,
    ("redrive", "sqs:SendMessage", "JobsQueue"): redrive,
}
"""Of each permission by function, action and resource: what fails without it."""

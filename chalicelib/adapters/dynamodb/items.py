"""
Items as DynamoDB has them, to and from the domain.

Instants are epoch milliseconds, but for ``expires_at_epoch_s``, which DynamoDB's TTL wants in seconds. Data and results
are JSON text: DynamoDB's own numbers end at 38 digits.

While a stack is updated, and after the way back from an update, old code reads rows of newer code. So an attribute may
be added that old code does without: it passes over it, and leaves it where it updates the row. None may be renamed or
become necessary, and a new value of one, such as a status, is read by one version and first written by the next.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.keys import (
    DEAD_SHARD,
    EPOCH,
    INDEXED_STATUSES,
    failed_shard,
    job_key,
    marked_interval,
    owner_status,
    parsed_receipt_key,
    receipt_key,
    shard_value,
)
from chalicelib.domain.delivery import shard
from chalicelib.domain.jobs import (
    FINAL,
    MOVES_ATTEMPT_ON,
    Job,
    JobError,
    JobEvent,
    JobId,
    JobKey,
    JobStatus,
    ScheduledRun,
    Transition,
)
from chalicelib.domain.rate_limits import Tally
from chalicelib.domain.receipts import Outcome, Receipt, Refusal
from chalicelib.domain.users import UserId
from chalicelib.ports import DueJob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

MILLISECOND = timedelta(milliseconds=1)

UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a row gives rise to that was edited by hand or written by another version."""


def number(value: int) -> "AttributeValueTypeDef":
    """Return an integer as an attribute value."""
    return {"N": str(value)}


def text(value: str) -> "AttributeValueTypeDef":
    """Return a string as an attribute value."""
    return {"S": value}


def duration_ms(duration: timedelta) -> "AttributeValueTypeDef":
    """Return a length of time in whole milliseconds."""
    return number(duration // MILLISECOND)


def epoch_ms(at: datetime) -> "AttributeValueTypeDef":
    """Return an instant as epoch milliseconds."""
    return number((at - EPOCH) // MILLISECOND)


def epoch_s(at: datetime) -> "AttributeValueTypeDef":
    """Return an instant as epoch seconds, rounded up, so that a TTL never comes early."""
    return number(-((EPOCH - at) // timedelta(seconds=1)))


def instant(value: "AttributeValueTypeDef") -> datetime:
    """Return the instant of epoch milliseconds."""
    return EPOCH + int(value["N"]) * MILLISECOND


def error_value(error: JobError) -> "AttributeValueTypeDef":
    """Return a job's error as a map."""
    return {"M": {"code": text(error.code), "detail": text(error.detail)}}


def from_tally_item(item: "Mapping[str, AttributeValueTypeDef]") -> Tally:
    """Return the tally of an item."""
    marks = {marked: int(value["N"]) for name, value in item.items() if (marked := marked_interval(name)) is not None}
    return Tally(born=item["born"]["S"], taken=int(item["taken"]["N"]), marks=marks)


def event_value(event: JobEvent) -> "AttributeValueTypeDef":
    """Return one event of a job's log, without the attempt, which follows from the row's."""
    value = {"at_epoch_ms": epoch_ms(event.at), "transition": text(event.transition), "worker": text(event.worker)}
    return {"M": value if event.reason is None else value | {"reason": text(event.reason)}}


def to_job_item(job: Job) -> "Item":
    """Return the item of a job; what it does not have, or not any more, is left out."""
    item = job_key(job.key) | {
        "operation": text(job.operation),
        "data": text(job.data_json),
        "status": text(job.status),
        "token": text(job.token),
        "attempt": number(job.attempt),
        "last_attempt": number(job.last_attempt),
        "max_attempts": number(job.max_attempts),
        "timeout_ms": duration_ms(job.timeout),
        "retention_s": number(int(job.retention.total_seconds())),
        "created_at_epoch_ms": epoch_ms(job.created_at),
        "run_at_epoch_ms": epoch_ms(job.run_at),
        "expires_at_epoch_s": epoch_s(job.expires_at),
        "events": {"L": [event_value(event) for event in job.events]},
    }
    indexed = _indexed(job)
    if indexed is not None:
        shard, due_at = indexed
        item |= {"due_shard": text(shard), "due_at_epoch_ms": epoch_ms(due_at)}
    if job.status in INDEXED_STATUSES:
        item["owner_status"] = text(owner_status(job.key.owner_id, job.status))
    instants = {
        "first_run_at_epoch_ms": job.first_run_at,
        "started_at_epoch_ms": job.started_at,
        "finished_at_epoch_ms": job.finished_at,
        "lease_expires_at_epoch_ms": job.lease_expires_at,
    }
    item |= {name: epoch_ms(at) for name, at in instants.items() if at is not None}
    if job.result_json is not None:
        item["result"] = text(job.result_json)
    if job.error is not None:
        item["error"] = error_value(job.error)
    if job.tags:
        item["tags"] = {"L": [text(tag) for tag in job.tags]}
    if job.metadata_json is not None:
        item["metadata"] = text(job.metadata_json)
    if job.callback_url is not None:
        item["callback_url"] = text(job.callback_url)
    if job.scheduled is not None:
        item["schedule_id"] = text(job.scheduled.schedule_id)
        item["scheduled_for_epoch_ms"] = epoch_ms(job.scheduled.due_at)
    return item


def from_job_item(item: "Mapping[str, AttributeValueTypeDef]") -> Job:
    """Return the job of an item."""
    error = item["error"]["M"] if "error" in item else None
    status = JobStatus(item["status"]["S"])
    attempt = int(item["attempt"]["N"])
    return Job(
        key=JobKey(owner_id=UserId(item["owner_id"]["S"]), job_id=JobId(item["job_id"]["S"])),
        operation=item["operation"]["S"],
        data_json=item["data"]["S"],
        status=status,
        token=item["token"]["S"],
        attempt=attempt,
        last_attempt=int(item["last_attempt"]["N"]),
        max_attempts=int(item["max_attempts"]["N"]),
        timeout=int(item["timeout_ms"]["N"]) * MILLISECOND,
        retention=timedelta(seconds=int(item["retention_s"]["N"])),
        created_at=instant(item["created_at_epoch_ms"]),
        run_at=instant(item["run_at_epoch_ms"]),
        due_at=None if status in FINAL else instant(item["due_at_epoch_ms"]),
        expires_at=EPOCH + timedelta(seconds=int(item["expires_at_epoch_s"]["N"])),
        first_run_at=instant(item["first_run_at_epoch_ms"]) if "first_run_at_epoch_ms" in item else None,
        started_at=instant(item["started_at_epoch_ms"]) if "started_at_epoch_ms" in item else None,
        finished_at=instant(item["finished_at_epoch_ms"]) if "finished_at_epoch_ms" in item else None,
        lease_expires_at=instant(item["lease_expires_at_epoch_ms"]) if "lease_expires_at_epoch_ms" in item else None,
        result_json=item["result"]["S"] if "result" in item else None,
        error=JobError(code=error["code"]["S"], detail=error["detail"]["S"]) if error else None,
        events=_events(item["events"]["L"], attempt),
        tags=tuple(tag["S"] for tag in item["tags"]["L"]) if "tags" in item else (),
        metadata_json=item["metadata"]["S"] if "metadata" in item else None,
        callback_url=item["callback_url"]["S"] if "callback_url" in item else None,
        scheduled=_scheduled(item),
    )


def _scheduled(item: "Mapping[str, AttributeValueTypeDef]") -> ScheduledRun | None:
    if "schedule_id" not in item:
        return None
    return ScheduledRun(schedule_id=item["schedule_id"]["S"], due_at=instant(item["scheduled_for_epoch_ms"]))


def from_due_item(item: "Mapping[str, AttributeValueTypeDef]") -> DueJob:
    """Return an entry of the index of due jobs."""
    key = JobKey(owner_id=UserId(item["owner_id"]["S"]), job_id=JobId(item["job_id"]["S"]))
    return DueJob(key=key, due_at=instant(item["due_at_epoch_ms"]))


def to_receipt_item(receipt: Receipt) -> "Item":
    """Return the item of a receipt."""
    return receipt_key(receipt.owner_id, receipt.key_digest) | {
        "fingerprint": text(receipt.fingerprint),
        "token": text(receipt.token),
        "outcomes": {"L": [_outcome_value(outcome) for outcome in receipt.outcomes]},
        "created_at_epoch_ms": epoch_ms(receipt.created_at),
        "expires_at_epoch_s": epoch_s(receipt.expires_at),
    }


def from_receipt_item(item: "Mapping[str, AttributeValueTypeDef]") -> Receipt:
    """Return the receipt of an item."""
    owner_id, key_digest = parsed_receipt_key(item)
    return Receipt(
        owner_id=owner_id,
        key_digest=key_digest,
        fingerprint=item["fingerprint"]["S"],
        token=item["token"]["S"],
        outcomes=tuple(_outcome(value) for value in item["outcomes"]["L"]),
        created_at=instant(item["created_at_epoch_ms"]),
        expires_at=EPOCH + timedelta(seconds=int(item["expires_at_epoch_s"]["N"])),
    )


def _outcome_value(outcome: Outcome) -> "AttributeValueTypeDef":
    if not isinstance(outcome, Refusal):
        return text(outcome)
    value = {"code": text(outcome.code), "detail": text(outcome.detail)}
    return {"M": value if outcome.pointer is None else value | {"pointer": text(outcome.pointer)}}


def _outcome(value: "AttributeValueTypeDef") -> Outcome:
    if "S" in value:
        return JobId(value["S"])
    refusal = value["M"]
    pointer = refusal["pointer"]["S"] if "pointer" in refusal else None
    return Refusal(code=refusal["code"]["S"], detail=refusal["detail"]["S"], pointer=pointer)


def _indexed(job: Job) -> tuple[str, datetime] | None:
    """Return where the index of due jobs has the job, ``None`` for one that nobody would look for there."""
    of_the_job = shard(job.key.job_id)
    if job.due_at is not None:
        return shard_value(of_the_job), job.due_at
    if job.status is JobStatus.FAILED and job.finished_at is not None:
        return DEAD_SHARD if job.is_dead else failed_shard(of_the_job), job.finished_at
    return None


def _events(values: "Sequence[AttributeValueTypeDef]", attempt: int) -> tuple[JobEvent, ...]:
    """
    Return a job's log.

    The attempt of each event is counted back from the row's, which the last one left. A long log lacks events behind
    its first, the submission, whose attempt is none.
    """
    events: list[JobEvent] = []
    for value in reversed(values):
        stored = value["M"]
        transition = Transition(stored["transition"]["S"])
        event = JobEvent(
            at=instant(stored["at_epoch_ms"]),
            transition=transition,
            attempt=0 if transition is Transition.SUBMIT else attempt,
            worker=stored["worker"]["S"],
            reason=stored["reason"]["S"] if "reason" in stored else None,
        )
        events.append(event)
        if transition in MOVES_ATTEMPT_ON:
            attempt -= 1
    return tuple(reversed(events))

"""Items of the schedules table, to and from the domain; see `chalicelib.adapters.dynamodb.items` for their rules."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.event_keys import schedule_key
from chalicelib.adapters.dynamodb.items import duration_ms, epoch_ms, error_value, instant, number, text
from chalicelib.adapters.dynamodb.keys import shard_value
from chalicelib.domain.jobs import JobError, JobId
from chalicelib.domain.schedules import Schedule, ScheduleId, ScheduleKey, Timing, shard
from chalicelib.domain.users import UserId
from chalicelib.schedule_ports import DueSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item

    Row = Mapping[str, AttributeValueTypeDef]

MILLISECOND = timedelta(milliseconds=1)


def to_schedule_item(schedule: Schedule) -> "Item":
    """Return the item of a schedule; what it does not have is left out, and one that is not to fire has no entry."""
    timing = schedule.timing
    item = schedule_key(schedule.key) | {
        "name": text(schedule.name),
        "time_zone": text(timing.time_zone),
        "anchor_epoch_ms": epoch_ms(timing.anchor),
        "operation": text(schedule.operation),
        "data": text(schedule.data_json),
        "token": text(schedule.token),
        "created_at_epoch_ms": epoch_ms(schedule.created_at),
        "is_paused": {"BOOL": schedule.is_paused},
        "missed_within_ms": duration_ms(schedule.missed_within),
        "skipped": number(schedule.skipped),
    }
    if timing.cron is not None:
        item["cron"] = text(timing.cron)
    if timing.rate is not None:
        item["rate_ms"] = duration_ms(timing.rate)
    if schedule.due_at is not None:
        shard_of_it = shard_value(shard(schedule.key.schedule_id))
        item |= {"due_shard": text(shard_of_it), "due_at_epoch_ms": epoch_ms(schedule.due_at)}
    instants = {"next_run_at_epoch_ms": schedule.next_run_at, "last_run_at_epoch_ms": schedule.last_run_at}
    item |= {name: epoch_ms(at) for name, at in instants.items() if at is not None}
    numbers = {
        "max_attempts": schedule.max_attempts,
        "timeout_s": schedule.timeout_s,
        "retention_days": schedule.retention_days,
    }
    item |= {name: number(value) for name, value in numbers.items() if value is not None}
    texts = {"metadata": schedule.metadata_json, "last_job_id": schedule.last_job_id}
    item |= {name: text(value) for name, value in texts.items() if value is not None}
    if schedule.tags:
        item["tags"] = {"L": [text(tag) for tag in schedule.tags]}
    if schedule.last_error is not None:
        item["last_error"] = error_value(schedule.last_error)
    return item


def from_schedule_item(item: "Row") -> Schedule:
    """Return the schedule of an item."""
    error = item["last_error"]["M"] if "last_error" in item else None
    return Schedule(
        key=schedule_key_of(item),
        name=item["name"]["S"],
        timing=Timing(
            anchor=instant(item["anchor_epoch_ms"]),
            cron=item["cron"]["S"] if "cron" in item else None,
            rate=int(item["rate_ms"]["N"]) * MILLISECOND if "rate_ms" in item else None,
            time_zone=item["time_zone"]["S"],
        ),
        operation=item["operation"]["S"],
        data_json=item["data"]["S"],
        token=item["token"]["S"],
        created_at=instant(item["created_at_epoch_ms"]),
        next_run_at=instant(item["next_run_at_epoch_ms"]) if "next_run_at_epoch_ms" in item else None,
        is_paused=item["is_paused"]["BOOL"],
        missed_within=int(item["missed_within_ms"]["N"]) * MILLISECOND,
        max_attempts=_number_or_none(item, "max_attempts"),
        timeout_s=_number_or_none(item, "timeout_s"),
        retention_days=_number_or_none(item, "retention_days"),
        tags=tuple(tag["S"] for tag in item["tags"]["L"]) if "tags" in item else (),
        metadata_json=item["metadata"]["S"] if "metadata" in item else None,
        last_run_at=instant(item["last_run_at_epoch_ms"]) if "last_run_at_epoch_ms" in item else None,
        last_job_id=JobId(item["last_job_id"]["S"]) if "last_job_id" in item else None,
        skipped=int(item["skipped"]["N"]),
        last_error=JobError(code=error["code"]["S"], detail=error["detail"]["S"]) if error else None,
    )


def from_due_schedule_item(item: "Row") -> DueSchedule:
    """Return an entry of the index of due schedules."""
    return DueSchedule(key=schedule_key_of(item), due_at=instant(item["due_at_epoch_ms"]))


def schedule_key_of(item: "Row") -> ScheduleKey:
    """Return the key of an item, or of what a page ended with."""
    return ScheduleKey(owner_id=UserId(item["owner_id"]["S"]), schedule_id=ScheduleId(item["schedule_id"]["S"]))


def _number_or_none(item: "Row", name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None

"""
The events of a job: which transition made a row what it is, and what is told of it.

All follows from the row, so a change that is looked at again gives the same event, byte for byte.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chalicelib.domain.cloud_events import CloudEvent, EventType, rfc3339
from chalicelib.domain.jobs import Job, Transition
from chalicelib.domain.stable_ids import stable_id

RESULT_MAX_BYTES: Final = 8 * 1024
"""A longer result is left out of the event, and can be read at the job."""

ERROR_DETAIL_MAX_CHARACTERS: Final = 1000

INTEGERS: Final = range(-(2**63), 2**63)
DEPTH_MAX: Final = 900
"""
Integers and nesting that EventBridge takes: 64 bits and 1,000 levels, some of which the event around a result needs.

Source: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html.
"""

INTEGER_MAX_CHARACTERS: Final = 20
"""Of an integer with 64 bits and its sign; longer ones need not be read, and Python would not read the longest."""

TYPES: Final = {
    Transition.SUBMIT: EventType.SUBMITTED,
    Transition.CLAIM: EventType.STARTED,
    Transition.RETRY: EventType.RETRYING,
    Transition.RETRY_BY_HAND: EventType.RETRYING,
    Transition.FINISH: EventType.SUCCEEDED,
    Transition.FAIL: EventType.FAILED,
    Transition.CANCEL: EventType.CANCELLED,
}
"""What each transition is told as."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<number>-?\d[\d.eE+-]*)|(?P<opens>[\[{])|(?P<closes>[\]}])')
"""Of JSON text, all that matters here: numbers and brackets, but not those within strings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One change of a job's row: what it was and what it is, ``None`` where it was not or is no more.

    ``position`` names the change in the order in which they happened.
    """

    position: str
    before: Job | None
    after: Job | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A change of a row that this version cannot read; ``reason`` has nothing of what is in it."""

    position: str
    reason: str


def job_event(before: Job | None, after: Job | None, *, source: str) -> CloudEvent | None:
    """
    Return the event of the transition that made ``after``.

    ``None`` if none did: each gives the row a new token, which the sweep's looks leave, and a row that is gone tells
    nothing. The id is that of the transition's time, the job and the token, whoever asks and however often.
    """
    if after is None or not after.events or (before is not None and before.token == after.token):
        return None
    newest = after.events[-1]
    job_id = after.key.job_id
    return CloudEvent(
        id=stable_id(newest.at, job_id, after.token),
        source=source,
        type=TYPES[newest.transition],
        subject=job_id,
        time=newest.at,
        owner_id=after.key.owner_id,
        data_json=_data_json(after),
    )


def is_portable(json_text: str) -> bool:
    """Whether EventBridge takes a JSON text as it is: every integer in `INTEGERS`, and nested at most `DEPTH_MAX`."""
    depth = 0
    for token in _TOKEN.finditer(json_text):
        if token["number"] and not _is_portable_number(token["number"]):
            return False
        depth += bool(token["opens"]) - bool(token["closes"])
        if depth > DEPTH_MAX:
            return False
    return True


def _is_portable_number(text: str) -> bool:
    if not text.removeprefix("-").isdigit():
        return True  # with a point or an exponent it is no integer
    return len(text) <= INTEGER_MAX_CHARACTERS and int(text) in INTEGERS


def _data_json(job: Job) -> str:
    """Return what is told of a job; metadata and result go in as they are stored, whatever their numbers."""
    head = {
        "job_id": job.key.job_id,
        "owner_id": job.key.owner_id,
        "operation": job.operation,
        "status": job.status,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "created_at": rfc3339(job.created_at),
        "run_at": rfc3339(job.run_at),
        "started_at": _instant(job.started_at),
        "finished_at": _instant(job.finished_at),
        "tags": job.tags,
    }
    tail = {
        "error": _error(job),
        "schedule_id": None if job.scheduled is None else job.scheduled.schedule_id,
        "scheduled_for": None if job.scheduled is None else rfc3339(job.scheduled.due_at),
    }
    parts = [_members(head), f'"metadata":{job.metadata_json or "{}"}', _members(tail)]
    if job.result_json is not None and _is_told(job.result_json):
        parts.append(f'"result":{job.result_json}')
    return f"{{{','.join(parts)}}}"


def _is_told(result_json: str) -> bool:
    return len(result_json.encode()) <= RESULT_MAX_BYTES and is_portable(result_json)


def _error(job: Job) -> dict[str, str] | None:
    if job.error is None:
        return None
    return {"code": job.error.code, "detail": job.error.detail[:ERROR_DETAIL_MAX_CHARACTERS]}


def _members(values: Mapping[str, object]) -> str:
    return json.dumps(values, separators=(",", ":"))[1:-1]


def _instant(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)

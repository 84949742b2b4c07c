"""What is told of each transition of a job, byte for byte."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.event_bus import CALL_MAX_BYTES
from chalicelib.domain.cloud_events import CloudEvent, EventType
from chalicelib.domain.job_events import (
    DEPTH_MAX,
    ERROR_DETAIL_MAX_CHARACTERS,
    RESULT_MAX_BYTES,
    TYPES,
    is_portable,
    job_event,
)
from chalicelib.domain.jobs import Job, JobError, JobId, JobKey, JobStatus, ScheduledRun, Transition
from chalicelib.fields import (
    METADATA_MAX,
    METADATA_NAME_MAX_CHARACTERS,
    METADATA_VALUE_MAX_CHARACTERS,
    TAG_MAX_CHARACTERS,
    TAGS_MAX,
)
from tests.factories import KEY, make_act, make_claim, make_job
from tests.fakes import NOON
from tests.recorded import EVENTS, LATER, jobs

SOURCE = "/job-backend/jobs"
RECORDED: dict[str, list[str]] = json.loads((EVENTS / "cloud_events.json").read_text())
"""The event of the newest transition of each of `told`, in parts."""


def told() -> dict[str, tuple[Job | None, Job]]:
    """A job before and after each transition there is."""
    recorded = jobs()
    pending, running, failed = recorded["pending"], recorded["in progress"], recorded["failed"]
    scheduled = ScheduledRun(schedule_id="6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a44", due_at=NOON)
    again = failed.retried_by_hand(make_act("by hand", at=LATER), due_at=LATER)
    return {
        "submitted": (None, pending),
        "submitted by a schedule": (None, make_job(scheduled=scheduled)),
        "started": (pending, running),
        "retrying": (running, recorded["retried"]),
        "retrying by hand": (failed, again),
        "succeeded": (running, recorded["success"]),
        "failed": (running, failed),
        "cancelled": (pending, recorded["cancelled"]),
    }


def event_of(before: Job | None, after: Job | None) -> CloudEvent:
    event = job_event(before, after, source=SOURCE)
    assert event is not None
    return event


def data_of(job: Job) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(event_of(None, job).to_json())["data"]
    return data


def succeeded(result_json: str) -> Job:
    return make_job().claimed(make_claim("claim")).finished(result_json, make_act("finish"))


def failed(detail: str) -> Job:
    return make_job().claimed(make_claim("claim")).failed(JobError(code="NO", detail=detail), make_act("fail"))


@pytest.mark.parametrize("name", told())
def test_what_is_told_is_what_was_recorded(name: str) -> None:
    """Receivers read it, so it may get more members, recorded anew here, and lose none."""
    before, after = told()[name]
    assert event_of(before, after).to_json() == "".join(RECORDED[name])


def test_every_transition_has_its_type() -> None:
    assert TYPES.keys() == set(Transition)
    types = {name: event_of(before, after).type for name, (before, after) in told().items()}
    assert types == {
        "submitted": EventType.SUBMITTED,
        "submitted by a schedule": EventType.SUBMITTED,
        "started": EventType.STARTED,
        "retrying": EventType.RETRYING,
        "retrying by hand": EventType.RETRYING,
        "succeeded": EventType.SUCCEEDED,
        "failed": EventType.FAILED,
        "cancelled": EventType.CANCELLED,
    }


def test_an_event_has_the_time_of_its_transition_and_the_job_as_its_subject() -> None:
    event = event_of(*told()["started"])
    assert (event.time, event.subject, event.owner_id, event.source) == (LATER, KEY.job_id, KEY.owner_id, SOURCE)


def test_a_change_that_is_no_transition_tells_nothing() -> None:
    job = make_job()
    assert job_event(job, job.looked_at(again_at=LATER), source=SOURCE) is None
    assert job_event(job, None, source=SOURCE) is None
    assert job_event(None, None, source=SOURCE) is None
    assert job_event(None, replace(job, events=()), source=SOURCE) is None


def test_each_transition_has_an_id_of_its_own_and_always_the_same() -> None:
    events = [event_of(before, after) for before, after in told().values() if after.scheduled is None]
    assert len({event.id for event in events}) == len(events)
    assert events == [event_of(before, after) for before, after in told().values() if after.scheduled is None]
    other = make_job(key=JobKey(owner_id=KEY.owner_id, job_id=JobId("01900000-0000-7000-8000-000000000002")))
    ids = {event_of(None, job).id for job in (make_job(), other, make_job(token="another"))}
    assert len(ids) == 3, "whatever differs"
    assert event_of(make_job(token="before"), make_job()).id == event_of(None, make_job()).id, "not by what was before"


def test_ids_sort_by_the_time_of_what_they_tell() -> None:
    """Lists of deliveries are in that order."""
    ids = [
        event_of(None, make_job().claimed(make_claim(f"claim {number}", at=NOON + timedelta(milliseconds=number)))).id
        for number in range(50)
    ]
    assert ids == sorted(ids)


def test_only_a_job_that_succeeded_has_a_result_in_its_event() -> None:
    assert data_of(succeeded("14"))["result"] == 14
    assert data_of(succeeded("null"))["result"] is None
    assert [name for name, (_, after) in told().items() if "result" in data_of(after)] == ["succeeded"]


def test_the_data_of_a_job_is_told_to_nobody() -> None:
    job = make_job(data_json='"the very secret"', callback_url="https://example.com/?key=secret")
    assert "secret" not in event_of(None, job).to_json()


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**63)])
def test_a_big_number_is_told_to_the_last_digit(number: int) -> None:
    assert f'"result":{number}}}' in event_of(None, succeeded(str(number))).to_json()


@pytest.mark.parametrize("result", ["1.0", "0.1000000000000000055511151231257827", "1e400", f"{'9' * 40}.5", "-0.0"])
def test_a_float_is_told_as_it_is_stored(result: str) -> None:
    assert f'"result":{result}}}' in event_of(None, succeeded(result)).to_json()


@pytest.mark.parametrize(
    "result",
    [str(2**63), str(-(2**63) - 1), "9" * 5000, f'{{"sum":[1,-{"9" * 21}]}}', "[" * 901 + "]" * 901, '[{"a":' * 451],
)
def test_a_result_that_the_bus_would_refuse_is_left_out(result: str) -> None:
    """The event would be lost with it. EventBridge takes integers of 64 bits, and 1,000 levels."""
    assert "result" not in data_of(succeeded(result))


@pytest.mark.parametrize("result", [f'"{"9" * 40}"', '"[[[[\\"[[[["', f'{{"{"9" * 40}":"\\\\"}}', "[[],[]]"])
def test_digits_and_brackets_in_texts_are_no_numbers_and_no_levels(result: str) -> None:
    assert data_of(succeeded(result))["result"] == json.loads(result)
    assert is_portable("[]," * (DEPTH_MAX + 1)), "those that were closed count no more"


NUMBERS = st.integers() | st.integers(2**62, 2**65) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    NUMBERS | st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def integers(value: object) -> list[int]:
    match value:
        case bool():
            return []
        case int():
            return [value]
        case list():
            return [number for each in value for number in integers(each)]
        case dict():
            return integers(list(value.values()))
        case _:
            return []


@given(value=VALUES, ascii_only=st.booleans())
def test_a_json_text_is_portable_if_its_integers_have_64_bits(value: object, *, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert is_portable(text) == all(-(2**63) <= number < 2**63 for number in integers(value))


def test_a_result_of_more_than_eight_kibibytes_is_left_out() -> None:
    def of(size_bytes: int) -> str:
        return '"' + "é" * ((size_bytes - 2) // 2) + '"'

    assert len(of(RESULT_MAX_BYTES).encode()) == 8192
    assert "result" in data_of(succeeded(of(RESULT_MAX_BYTES)))
    assert "result" not in data_of(succeeded(of(RESULT_MAX_BYTES + 2)))


def test_the_detail_of_an_error_is_cut() -> None:
    assert data_of(failed("x" * 1000))["error"] == {"code": "NO", "detail": "x" * 1000}
    assert data_of(failed("x" * 1001))["error"]["detail"] == "x" * ERROR_DETAIL_MAX_CHARACTERS


def test_metadata_and_tags_are_told_as_they_were_given() -> None:
    data = data_of(make_job(tags=("a", "é"), metadata_json='{"run":"7","":"\\u0000"}'))
    assert (data["tags"], data["metadata"]) == (["a", "é"], {"run": "7", "": "\0"})
    assert (data_of(make_job())["tags"], data_of(make_job())["metadata"]) == ([], {})


def test_the_fullest_event_fits_one_call_of_the_bus() -> None:
    worst = "\N{PILE OF POO}"
    names = [f"{number:02}" + "\0" * (METADATA_NAME_MAX_CHARACTERS - 2) for number in range(METADATA_MAX)]
    job = make_job(
        operation="x" * 200,
        tags=(worst * TAG_MAX_CHARACTERS,) * TAGS_MAX,
        metadata_json=msgspec.json.encode(dict.fromkeys(names, "\0" * METADATA_VALUE_MAX_CHARACTERS)).decode(),
        status=JobStatus.SUCCESS,
        result_json='"' + "x" * (RESULT_MAX_BYTES - 2) + '"',
        error=JobError(code="x" * 40, detail=worst * 2000),
    )
    assert len(event_of(None, job).to_json()) < CALL_MAX_BYTES / 2

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.errors import IdempotencyKeyReused, InputTooLarge, InvalidInput, Unavailable
from chalicelib.domain.jobs import Job, JobId, JobKey, JobStatus
from chalicelib.domain.receipts import KeyedRequest, Refusal, Submitted
from chalicelib.domain.webhooks import CALLBACKS
from chalicelib.services.acceptance import DELAY_MAX, WantedJob
from chalicelib.services.dispatch import dispatch_all
from tests.factories import OWNER, World, make_job, make_limits
from tests.fakes import NOON, InMemoryJobQueue


def wanted(**options: Any) -> WantedJob:
    return WantedJob(**{"operation": "square_sum", "data_json": b"[1]"} | options)


def test_an_accepted_job_is_stored_and_queued() -> None:
    world = World()
    job = world.services().submissions.submit(OWNER, wanted(operation="square_sum", data_json=b"[1, 2, 3]"))
    assert world.jobs.get(job.key) == job
    assert list(world.queue.messages) == [job.key]
    assert (job.status, job.attempt, job.data_json) == (JobStatus.PENDING, 0, "[1,2,3]")
    assert (job.created_at, job.expires_at) == (NOON, NOON + timedelta(days=30))


@pytest.mark.parametrize(("operation", "hint"), [("sqare_sum", "; did you mean square_sum?"), ("_", "")])
def test_an_unknown_operation_is_refused_with_those_there_are(operation: str, hint: str) -> None:
    world = World()
    names = ", ".join(each.name for each in world.catalogue.all())
    assert {"cube_sum", "square_sum"} <= set(names.split(", "))
    with pytest.raises(InvalidInput) as refused:
        world.services().submissions.submit(OWNER, wanted(operation=operation, data_json=b"[]"))
    assert str(refused.value) == f"there is no such operation; there are {names}{hint}"
    assert refused.value.pointer == "#/operation"
    assert not world.jobs.all()


def test_data_of_the_wrong_type_is_refused_and_nothing_stored() -> None:
    world = World()
    with pytest.raises(InvalidInput) as refused:
        world.services().submissions.submit(OWNER, wanted(operation="square_sum", data_json=b'[1, "2"]'))
    assert refused.value.pointer == "#/data/1"
    assert not world.jobs.all()
    assert not world.queue.messages


def test_the_limit_counts_the_bytes_that_are_stored() -> None:
    """``1e15`` has 4 bytes as sent and 18 as stored."""
    world = World(limits=make_limits(data_max_bytes=20))
    world.services().submissions.submit(OWNER, wanted(operation="square_sum", data_json=b"[1e15]"))
    with pytest.raises(InputTooLarge, match="data takes 39 bytes as JSON, and a job may have 20"):
        world.services().submissions.submit(OWNER, wanted(operation="square_sum", data_json=b"[1e15,1e15]"))
    assert len(world.jobs.all()) == 1


@pytest.mark.parametrize("fault", ["away", "misconfigured"])
def test_a_job_whose_message_cannot_be_sent_is_accepted_and_left_to_the_sweep(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    if fault == "away":
        world.queue.away = True
    else:
        world.queue.fault = PermissionError("sqs:SendMessage is not allowed")
    job = world.services().submissions.submit(OWNER, wanted(operation="square_sum", data_json=b"[1]"))
    assert world.jobs.get(job.key) == job
    assert job.due_at == NOON + world.limits.resend_after
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("message not sent; the sweep will send it", "ERROR")
    assert record.__dict__["job_id"] == job.key.job_id
    assert record.exc_info, "the log keeps the cause that the caller is not told"


def test_with_the_store_away_nothing_is_queued() -> None:
    world = World()
    world.jobs.away = True
    with pytest.raises(Unavailable):
        world.services().submissions.submit(OWNER, wanted(operation="square_sum", data_json=b"[1]"))
    assert not world.queue.messages


MILLISECOND = timedelta(milliseconds=1)


def submitted(world: World, **options: Any) -> Job:
    return world.services().submissions.submit(OWNER, wanted(**options))


REQUEST_WITH_KEY = KeyedRequest(key_digest="called back", fingerprint="work")

SUBMISSIONS: dict[str, Callable[[World, WantedJob], object]] = {
    "single": lambda world, job: world.services().submissions.submit(OWNER, job),
    "once": lambda world, job: world.services().submissions.submit_once(OWNER, job, REQUEST_WITH_KEY),
    "batch": lambda world, job: world.services().submissions.submit_batch(OWNER, [job, wanted(), job], None),
    "batch once": lambda world, job: world.services().submissions.submit_batch(OWNER, [job], REQUEST_WITH_KEY),
}
URL = "https://example.com/my/job"


@pytest.mark.parametrize("how", SUBMISSIONS)
def test_a_job_with_a_callback_url_has_the_webhook_of_callbacks_beforehand(how: str) -> None:
    world = World()
    world.jobs.away = True
    with pytest.raises(Unavailable):
        SUBMISSIONS[how](world, wanted(callback_url=URL))
    (made,) = world.webhooks.all_of(OWNER)
    assert (made.webhook_id, made.owner_id, made.url) == (CALLBACKS, OWNER, "")
    assert made.secret.startswith("whsec_")
    world.jobs.away = False
    SUBMISSIONS[how](world, wanted(callback_url=URL))
    assert world.jobs.all()
    assert world.webhooks.all() == [made], "made once"


@pytest.mark.parametrize("how", SUBMISSIONS)
def test_without_a_callback_url_no_webhook_of_callbacks_is_made(how: str) -> None:
    world = World()
    SUBMISSIONS[how](world, wanted())
    assert world.jobs.all()
    assert world.webhooks.all() == []


@pytest.mark.parametrize("how", SUBMISSIONS)
def test_without_the_store_of_webhooks_no_job_that_calls_back_is_stored_and_others_are(how: str) -> None:
    world = World()
    world.webhooks.away = True
    with pytest.raises(Unavailable):
        SUBMISSIONS[how](world, wanted(callback_url=URL))
    assert not world.jobs.all()
    assert not world.queue.messages
    SUBMISSIONS[how](world, wanted())
    assert world.jobs.all()


def test_a_job_that_is_refused_makes_no_webhook_of_callbacks() -> None:
    world = World()
    refused = wanted(operation="_", callback_url=URL)
    with pytest.raises(InvalidInput):
        world.services().submissions.submit(OWNER, refused)
    world.services().submissions.submit_batch(OWNER, [refused, wanted()], None)
    assert len(world.jobs.all()) == 1
    assert world.webhooks.all() == []


def test_without_options_the_operation_and_the_settings_decide() -> None:
    job = submitted(World())
    assert (job.max_attempts, job.last_attempt, job.timeout, job.retention) == (
        3,
        3,
        timedelta(seconds=60),
        timedelta(days=30),
    )
    assert job.run_at == NOON


def test_a_job_may_have_bounds_of_its_own_within_its_operations() -> None:
    job = submitted(World(), max_attempts=1, timeout_s=5, retention_days=2)
    assert (job.max_attempts, job.last_attempt, job.timeout) == (1, 1, timedelta(seconds=5))
    assert job.expires_at == NOON + timedelta(days=2)


@pytest.mark.parametrize(
    ("options", "pointer", "detail"),
    [
        ({"max_attempts": 4}, "#/max_attempts", "max_attempts must be from 1 to 3, which is what the operation allows"),
        ({"max_attempts": 0}, "#/max_attempts", "max_attempts must be from 1 to 3"),
        ({"timeout_s": 61}, "#/timeout_s", "timeout_s must be from 1 to 60"),
        ({"timeout_s": -1}, "#/timeout_s", "timeout_s must be from 1 to 60"),
        ({"retention_days": 0}, "#/retention_days", "retention_days must be from 1 to 366"),
        ({"retention_days": 367}, "#/retention_days", "retention_days must be from 1 to 366"),
        ({"delay_s": -1}, "#/delay_s", "delay_s must be from 0 to 31622400, which is 366 days"),
        ({"delay_s": 366 * 86_400 + 1}, "#/delay_s", "delay_s must be from 0 to 31622400"),
        ({"run_at": NOON + DELAY_MAX + timedelta(milliseconds=1)}, "#/run_at", "run_at must be within 366 days"),
        ({"callback_url": "http://example.com"}, "#/callback_url", "the URL must begin with https://"),
        ({"callback_url": "https://10.0.0.1/"}, "#/callback_url", "the address is not one of the public internet"),
        ({"run_at": NOON, "delay_s": 0}, "#/run_at", "give delay_s or run_at, not both"),
    ],
)
def test_an_option_out_of_bounds_is_refused_and_nothing_stored(
    options: dict[str, Any], pointer: str, detail: str
) -> None:
    world = World()
    with pytest.raises(InvalidInput, match=detail) as refused:
        submitted(world, **options)
    assert refused.value.pointer == pointer
    assert not world.jobs.all()


@pytest.mark.parametrize(
    ("options", "run_at", "delays"),
    [
        ({"delay_s": 0}, NOON, [timedelta()]),
        ({"delay_s": 5}, NOON + timedelta(seconds=5), [timedelta(seconds=5)]),
        ({"delay_s": 900}, NOON + timedelta(minutes=15), [timedelta(minutes=15)]),
        ({"delay_s": 901}, NOON + timedelta(seconds=901), []),
        ({"delay_s": 366 * 86_400}, NOON + DELAY_MAX, []),
        ({"run_at": NOON - timedelta(days=1)}, NOON, [timedelta()]),
        (
            {"run_at": NOON + timedelta(microseconds=1_500_999)},
            NOON + timedelta(milliseconds=1500),
            [timedelta(seconds=2)],
        ),
    ],
)
def test_a_delayed_job_is_sent_to_arrive_when_it_is_due_or_left_to_the_sweep(
    options: dict[str, Any], run_at: datetime, delays: list[timedelta]
) -> None:
    world = World()
    job = submitted(world, **options)
    assert job.run_at == run_at
    assert world.queue.delays == delays
    assert job.due_at == (run_at + timedelta(minutes=1) if delays else run_at - timedelta(minutes=2))
    assert job.expires_at >= run_at + timedelta(days=30), "a job that waits does not expire in the meantime"


REQUEST = KeyedRequest(key_digest="monday", fingerprint="one body")


def submitted_once(world: World, data_json: bytes = b"[1]", request: KeyedRequest = REQUEST) -> Submitted:
    return world.services().submissions.submit_once(OWNER, wanted(data_json=data_json), request)


def test_what_became_of_a_request_is_told_by_its_key_and_by_nothing_else() -> None:
    world = World()
    submissions = world.services().submissions
    assert submissions.repeated(OWNER, REQUEST_WITH_KEY) is None
    first = submissions.submit_once(OWNER, wanted(), REQUEST_WITH_KEY)
    assert submissions.repeated(OWNER, REQUEST_WITH_KEY) == replace(first, jobs=(), is_replay=True)
    with pytest.raises(IdempotencyKeyReused):
        submissions.repeated(OWNER, replace(REQUEST_WITH_KEY, fingerprint="another"))


def test_a_repeated_request_names_the_job_of_the_first_and_sends_nothing() -> None:
    world = World()
    first = submitted_once(world)
    (job,) = world.jobs.all()
    assert first == Submitted(outcomes=(job.key.job_id,), jobs=(job,))
    assert submitted_once(world) == Submitted(outcomes=first.outcomes, is_replay=True)
    assert world.jobs.all() == [job]
    assert list(world.queue.messages) == [job.key]


def test_a_key_is_known_for_a_day() -> None:
    world = World()
    first = submitted_once(world)
    world.clock.advance(hours=24, milliseconds=-1)
    assert submitted_once(world).outcomes == first.outcomes
    world.clock.advance(milliseconds=1)
    again = submitted_once(world)
    assert not again.is_replay
    assert again.outcomes != first.outcomes
    assert len(world.jobs.all()) == 2


def test_another_request_under_the_key_is_refused_and_nothing_stored() -> None:
    world = World()
    submitted_once(world)
    with pytest.raises(IdempotencyKeyReused, match="was given to another request; use a new one"):
        submitted_once(world, b"[2]", replace(REQUEST, fingerprint="another body"))
    assert len(world.jobs.all()) == 1


def test_of_a_refused_request_nothing_is_kept() -> None:
    world = World()
    with pytest.raises(InvalidInput):
        submitted_once(world, b'["1"]')
    assert not world.submissions.receipts()
    assert not submitted_once(world).is_replay


def batch_of(world: World, *wanted_jobs: WantedJob | InvalidInput, request: KeyedRequest | None = None) -> Submitted:
    return world.services().submissions.submit_batch(OWNER, wanted_jobs, request)


@pytest.mark.parametrize("request_", [None, REQUEST])
def test_each_job_of_a_batch_is_accepted_or_refused_by_itself_in_order(request_: KeyedRequest | None) -> None:
    world = World()
    unreadable = InvalidInput("expected object, got int")
    outcomes = batch_of(
        world, wanted(data_json=b"[1]"), wanted(data_json=b'["1"]'), unreadable, wanted(delay_s=5), request=request_
    ).outcomes
    first, last = sorted(world.jobs.all(), key=lambda job: job.key.job_id)
    assert outcomes == (
        first.key.job_id,
        Refusal(code="INVALID_INPUT", detail="expected a number, got text", pointer="#/data/0"),
        Refusal(code="INVALID_INPUT", detail="expected object, got int", pointer="#"),
        last.key.job_id,
    )
    assert list(world.queue.messages) == [first.key, last.key]
    assert world.queue.delays == [timedelta(), timedelta(seconds=5)]


def test_a_batch_without_an_accepted_job_stores_and_sends_nothing() -> None:
    world = World()
    (refusal,) = batch_of(world, wanted(operation="_"), request=REQUEST).outcomes
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.pointer) == ("INVALID_INPUT", "#/operation")
    assert not world.jobs.all()
    assert not world.submissions.receipts()
    assert not world.queue.messages


def test_a_repeated_batch_is_answered_with_what_was_accepted_and_refused() -> None:
    world = World()
    first = batch_of(world, wanted(), wanted(operation="_"), request=REQUEST)
    again = batch_of(world, wanted(), wanted(operation="_"), request=REQUEST)
    assert again == Submitted(outcomes=first.outcomes, is_replay=True)
    assert len(world.jobs.all()) == len(world.queue.messages) == 1


@pytest.mark.parametrize("pointer", ["#/data/" + "x" * 600, "#/data/" + "/".join("x" * 400)])
def test_a_refusal_keeps_as_much_of_a_pointer_as_names_a_value_and_fits(pointer: str) -> None:
    kept = Refusal.of(InvalidInput("wrong", pointer=pointer)).pointer
    assert kept is not None
    assert len(kept) <= 512
    assert pointer.startswith(f"{kept}/")


def test_messages_of_a_batch_that_the_queue_refuses_are_left_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    jobs = [make_job(key=JobKey(owner_id=OWNER, job_id=JobId(name))) for name in ("one", "two")]
    queue = InMemoryJobQueue()
    queue.refuses = {jobs[0].key}
    dispatch_all(queue, jobs, at=NOON)
    assert list(queue.messages) == [jobs[1].key]
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("message refused; the sweep will send it", "ERROR")
    assert (record.__dict__["job_id"], record.__dict__["reason"]) == ("one", "the fake refuses it")


def test_with_the_queue_away_a_batch_is_accepted_and_left_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.queue.away = True
    outcomes = batch_of(world, wanted(), wanted()).outcomes
    (record,) = caplog.records
    assert (record.message, record.levelname) == ("messages not sent; the sweep will send them", "ERROR")
    assert record.__dict__["job_ids"] == list(outcomes)
    assert record.exc_info
    assert len(world.jobs.all()) == 2


def test_a_batch_whose_jobs_all_wait_long_sends_nothing() -> None:
    world = World()
    world.queue.away = True
    batch_of(world, wanted(delay_s=901))
    assert len(world.jobs.all()) == 1


@pytest.mark.parametrize("request_", [None, REQUEST])
def test_with_the_store_away_no_job_of_a_batch_is_queued(request_: KeyedRequest | None) -> None:
    world = World()
    world.jobs.away = True
    with pytest.raises(Unavailable):
        batch_of(world, wanted(), request=request_)
    assert not world.queue.messages
    assert not world.submissions.receipts()

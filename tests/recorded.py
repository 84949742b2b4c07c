"""
What released code has written, in ``tests/events``: rows, and what clients hold. A recorded text never changes.

The rest of this module is what the rows were written for. When the form of something changes, what is written from then
on is recorded beside it, and all of it stays readable.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.cloud_events import FINAL_EVENTS
from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.job_ends import Count, Ending
from chalicelib.domain.jobs import Job, JobError, JobStatus, ScheduledRun
from chalicelib.domain.rate_limits import Tally
from chalicelib.domain.receipts import KeyedRequest, Receipt, Refusal
from chalicelib.domain.schedules import Schedule, Timing
from chalicelib.domain.users import Role, User
from chalicelib.domain.webhook_deliveries import Delivery, DeliveryAttempt
from chalicelib.domain.webhooks import CALLBACKS, DisabledBecause, Slot, Webhook
from tests.aws import PROJECT
from tests.factories import (
    KEY,
    OWNER,
    make_act,
    make_api_key,
    make_claim,
    make_delivery,
    make_event,
    make_job,
    make_schedule,
    make_session,
    make_user,
    make_webhook,
)
from tests.fakes import NOON

EVENTS = PROJECT / "tests" / "events"
LATER = NOON + timedelta(seconds=5)
ROWS: dict[str, Any] = json.loads((EVENTS / "rows.json").read_text())
TOKENS: dict[str, str] = {
    name: "".join(parts) for name, parts in json.loads((EVENTS / "tokens.json").read_text()).items()
}
"""Each is in parts, so that no search for secrets takes it for one. They are signed by the key of `make_ring`."""


def jobs() -> dict[str, Job]:
    """A job in each status, and one that a schedule has made and that calls back."""
    pending = make_job(tags=("nightly",), metadata_json='{"run":"7"}')
    running = pending.claimed(make_claim("claim", at=LATER))
    scheduled = ScheduledRun(schedule_id="6f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a44", due_at=NOON)
    error = JobError(code="OPERATION_FAILED", detail="no such planet")
    return {
        "pending": pending,
        "in progress": running,
        "retried": running.retried(error, make_act("retry", at=LATER), run_at=LATER, due_at=LATER),
        "success": running.finished("14", make_act("finish", at=LATER)),
        "failed": running.failed(error, make_act("fail", at=LATER)),
        "cancelled": pending.cancelled(make_act("cancel", at=LATER)),
        "scheduled": make_job(callback_url="https://example.com/hooks/jobs", scheduled=scheduled),
    }


def users() -> dict[str, User]:
    """One as nearly all are, and one as few are."""
    user = make_user()
    return {
        "user": user,
        "administrator": replace(user, role=Role.ADMIN, is_disabled=True, known_addresses={"digest": NOON}),
    }


def schedules() -> dict[str, Schedule]:
    """One that has just been made, and one with all there can be, which rests."""
    return {
        "by rate": make_schedule(),
        "by cron": make_schedule(
            timing=Timing(anchor=NOON, cron="30 2 * * *", time_zone="Europe/Zurich"),
            is_paused=True,
            max_attempts=2,
            timeout_s=30,
            retention_days=7,
            tags=("nightly",),
            metadata_json='{"run":"7"}',
            last_run_at=LATER,
            last_job_id=KEY.job_id,
            skipped=12,
            last_error=JobError(code="INVALID_INPUT", detail="there is no such operation"),
        ),
    }


def webhooks() -> dict[str, Webhook]:
    """One with all that a webhook can have, and the one that has the least."""
    secret = "secret"  # as no search for secrets takes for one
    slots = {0: Slot(delivery_id=KEY.job_id, until=LATER, token="take"), 3: Slot(delivery_id="2", until=NOON)}
    full = make_webhook(secret=secret, slots=slots, failing_since=NOON).rotated("next", token="rotate", at=LATER)
    return {
        "webhook": full.disabled(DisabledBecause.ONLY_FAILURES, token="disable", at=LATER),
        "callbacks": make_webhook(
            webhook_id=CALLBACKS, url="", description="", event_types=FINAL_EVENTS, secret=secret
        ),
    }


def deliveries() -> dict[str, Delivery]:
    """A delivery in each status."""
    pending = make_delivery(url="https://example.net/back")
    taken = DeliveryAttempt(at=LATER, duration=timedelta(milliseconds=125), status_code=204)
    lost = DeliveryAttempt(at=NOON, duration=timedelta(seconds=15), error="no answer in 15 s")
    retried = make_delivery().retried(lost, token="retry", run_at=LATER, due_at=LATER + timedelta(minutes=1))
    return {
        "pending": pending,
        "retried": retried,
        "success": retried.succeeded(taken, token="success"),
        "failed": retried.failed("every attempt failed", token="fail", attempt=lost),
    }


SESSION = make_session(previous_digest="0" * 64)
API_KEY = make_api_key(last_used_at=LATER)
EVENT = make_event(address="203.0.113.7", credential_id=CredentialId(SESSION.credential_id), detail="by hand")
RECEIPT = Receipt.of(
    OWNER,
    KeyedRequest(key_digest="1" * 64, fingerprint="2" * 64),
    make_act("submit"),
    (KEY.job_id, Refusal(code="INVALID_INPUT", detail="data must be a list", pointer="/jobs/1/data")),
)
COUNT = Count(
    ending=Ending(
        # By their own clock the emulators delete what has expired.
        slot=NOON.replace(year=2100, minute=35),
        operation="square_sum",
        status=JobStatus.FAILED,
        error_code="TIMED_OUT",
    ),
    jobs=7,
    latencies={0: 1, 12: 6},
)
TALLY = Tally(born="ticket-1", taken=7, marks={179543520: 0, 179543521: 4})

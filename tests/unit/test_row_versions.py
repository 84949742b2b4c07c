"""
Rows and tokens across an update: what old code wrote, present code reads, and what later code adds does not disturb it.

A row may get more attributes. What a value can be is another matter: code refuses a status, a role or a transition that
it does not know, so a version that reads a new one is rolled out before the first that writes it. An action of an audit
event is only shown, so any is read.
"""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.account_items import (
    from_credential_item,
    from_event_item,
    from_user_item,
    to_credential_item,
    to_event_item,
    to_user_item,
)
from chalicelib.adapters.dynamodb.delivery_items import (
    from_delivery_item,
    from_due_delivery_item,
    to_delivery_item,
)
from chalicelib.adapters.dynamodb.items import (
    from_due_item,
    from_job_item,
    from_receipt_item,
    from_tally_item,
    to_job_item,
    to_receipt_item,
)
from chalicelib.adapters.dynamodb.schedule_items import from_due_schedule_item, from_schedule_item, to_schedule_item
from chalicelib.adapters.dynamodb.statistics import from_count_item
from chalicelib.adapters.dynamodb.webhook_items import from_webhook_item, to_webhook_item
from chalicelib.domain.credentials import FAMILY_BYTES, SECRET_BYTES, Presented, api_key, refresh_token
from tests.contract.conftest import AUDIT_RETENTION
from tests.factories import KEY, OWNER
from tests.recorded import (
    API_KEY,
    COUNT,
    EVENT,
    RECEIPT,
    ROWS,
    SESSION,
    TALLY,
    TOKENS,
    deliveries,
    jobs,
    schedules,
    users,
    webhooks,
)
from tests.unit.test_cursors import opened
from tests.unit.test_tokens import CLAIMS, codec

READ: dict[str, Any] = {
    **{f"job v1, {name}": (from_job_item, job) for name, job in jobs().items()},
    # Before a retry kept when the job was first to run.
    "job v1, retried": (from_job_item, replace(jobs()["retried"], first_run_at=None)),
    "job v2, retried": (from_job_item, jobs()["retried"]),
    # Since the index of what is due has it, as it had the dead jobs.
    "job v2, failed": (from_job_item, jobs()["failed"]),
    **{f"{name} v1": (from_user_item, user) for name, user in users().items()},
    **{f"schedule v1, {name}": (from_schedule_item, schedule) for name, schedule in schedules().items()},
    "session v1": (from_credential_item, SESSION),
    "api key v1": (from_credential_item, API_KEY),
    "audit event v1": (from_event_item, EVENT),
    "receipt v1": (from_receipt_item, RECEIPT),
    "tally v1": (from_tally_item, TALLY),
    "count v1": (from_count_item, COUNT),
    **{f"delivery v1, {name}": (from_delivery_item, delivery) for name, delivery in deliveries().items()},
    **{f"{name} v1": (from_webhook_item, webhook) for name, webhook in webhooks().items()},
}
ADDED: dict[str, Any] = {
    "priority": {"N": "5"},
    "version": {"N": "2"},
    "trace": {"M": {"id": {"S": "1"}}},
    "is_new": {"BOOL": True},
}


def test_every_recorded_row_is_read() -> None:
    assert READ.keys() == ROWS.keys()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_older_code_is_read(name: str) -> None:
    read, meant = READ[name]
    assert read(ROWS[name]) == meant


@pytest.mark.parametrize("name", ROWS)
def test_what_newer_code_adds_to_a_row_is_passed_over(name: str) -> None:
    read, meant = READ[name]
    assert read({**ROWS[name], **ADDED}) == meant


def test_what_newer_code_adds_within_a_job_is_passed_over() -> None:
    row = ROWS["job v1, failed"]
    events = [{"M": {**event["M"], **ADDED}} for event in row["events"]["L"]]
    error = {"M": {**row["error"]["M"], **ADDED}}
    fuller: dict[str, Any] = {**row, "events": {"L": events}, "error": error}
    assert from_job_item(fuller) == jobs()["failed"]


def test_what_newer_code_adds_within_a_slot_is_passed_over() -> None:
    row = ROWS["webhook v1"]
    fuller: dict[str, Any] = {**row, "slot0": {"M": {**row["slot0"]["M"], **ADDED}}}
    assert from_webhook_item(fuller) == webhooks()["webhook"]


def test_an_audit_event_of_newer_code_is_read_with_an_action_that_is_not_known() -> None:
    row: dict[str, Any] = {**ROWS["audit event v1"], "action": {"S": "KEY_ROTATED"}}
    assert from_event_item(row) == replace(EVENT, action="KEY_ROTATED")


def test_an_entry_of_an_index_may_have_more_attributes() -> None:
    entry: dict[str, Any] = {
        name: ROWS["job v1, pending"][name] for name in ("owner_id", "job_id", "due_shard", "due_at_epoch_ms")
    }
    assert from_due_item({**entry, **ADDED}) == from_due_item(entry)
    schedule = ROWS["schedule v1, by rate"]
    entry = {name: schedule[name] for name in ("owner_id", "schedule_id", "due_shard", "due_at_epoch_ms")}
    assert from_due_schedule_item({**entry, **ADDED}) == from_due_schedule_item(entry)


def test_what_newer_code_adds_within_a_delivery_is_passed_over() -> None:
    row = ROWS["delivery v1, failed"]
    attempts = [{"M": {**attempt["M"], **ADDED}} for attempt in row["attempts"]["L"]]
    fuller: dict[str, Any] = {**row, "attempts": {"L": attempts}}
    assert from_delivery_item(fuller) == deliveries()["failed"]


def test_an_entry_of_the_index_of_deliveries_may_have_more_attributes() -> None:
    names = ("owner_id", "place", "due_shard", "due_at_epoch_ms")
    entry: dict[str, Any] = {name: ROWS["delivery v1, pending"][name] for name in names}
    assert from_due_delivery_item({**entry, **ADDED}) == from_due_delivery_item(entry)


def test_what_is_written_is_what_is_recorded() -> None:
    """Whoever changes what is written records the new version beside the old one."""
    written: dict[str, Any] = {f"job v1, {name}": to_job_item(job) for name, job in jobs().items()}
    written |= {f"schedule v1, {name}": to_schedule_item(schedule) for name, schedule in schedules().items()}
    written |= {f"{name} v1": to_user_item(user) for name, user in users().items()}
    written |= {"session v1": to_credential_item(SESSION), "api key v1": to_credential_item(API_KEY)}
    written |= {"audit event v1": to_event_item(EVENT, retention=AUDIT_RETENTION)}
    written |= {"receipt v1": to_receipt_item(RECEIPT)}
    written |= {f"delivery v1, {name}": to_delivery_item(delivery) for name, delivery in deliveries().items()}
    written |= {f"{name} v1": to_webhook_item(webhook) for name, webhook in webhooks().items()}
    replaced = {"job v1, retried", "job v1, failed"}
    written |= {name.replace("v1", "v2"): written.pop(name) for name in replaced}
    added_to = {"tally v1", "count v1"}
    assert written == {name: row for name, row in ROWS.items() if name not in {*replaced, *added_to}}


def test_tokens_that_older_code_gave_out_are_good() -> None:
    """The keys are in no stack, so an update does not change them."""
    assert codec().verify(TOKENS["access token v1"]) == CLAIMS
    assert opened(TOKENS["cursor v1"]) == KEY.job_id
    assert refresh_token(TOKENS["refresh token v1"]) == Presented(
        user_id=OWNER, credential_id=SESSION.credential_id, secret=bytes(range(FAMILY_BYTES + SECRET_BYTES))
    )
    assert api_key(TOKENS["api key v1"]) == Presented(
        user_id=OWNER, credential_id=API_KEY.credential_id, secret=bytes(range(SECRET_BYTES))
    )

"""What newer code has added to a row stays in it, whatever this code writes there: the way back from an update."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.adapters.dynamodb.account_items import to_credential_item, to_user_item
from chalicelib.adapters.dynamodb.event_keys import count_key, webhook_key
from chalicelib.adapters.dynamodb.items import from_job_item, to_job_item
from chalicelib.adapters.dynamodb.keys import credential_key, job_key, limit_key, user_key
from chalicelib.adapters.dynamodb.webhook_items import to_webhook_item
from chalicelib.domain.job_ends import Addition
from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.domain.webhooks import DisabledBecause, Disabling, Slot
from chalicelib.ports import DueJob
from tests.contract.accounts import ADA, AHEAD, api_key_of, event_of, refreshed, session_of
from tests.contract.conftest import Aws, Ports
from tests.contract.test_rate_limits import LIMIT, taking
from tests.factories import KEY, OWNER, make_act, make_claim, make_job, make_webhook
from tests.recorded import COUNT, ROWS, jobs

ADDED = {"priority": {"N": "5"}, "trace": {"M": {"id": {"S": "1"}}}}
FAR = AHEAD + timedelta(days=30)


def with_more(aws: Aws, table: str, item: Any) -> None:
    aws.dynamodb.put_item(TableName=table, Item={**item, **ADDED})


def what_was_added(aws: Aws, table: str, key: Any) -> Any:
    row = aws.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    return {name: value for name, value in row.items() if name in ADDED}


def test_a_claim_and_an_end_keep_what_they_do_not_know(aws: Aws) -> None:
    with_more(aws, aws.jobs_table, to_job_item(make_job(expires_at=FAR)))
    ports = aws.ports()
    claimed = ports.jobs.claim(KEY, make_claim("claim"))
    assert what_was_added(aws, aws.jobs_table, job_key(KEY)) == ADDED
    ports.jobs.advance(claimed, claimed.finished("14", make_act("end")))
    assert what_was_added(aws, aws.jobs_table, job_key(KEY)) == ADDED


@pytest.mark.parametrize("name", ["in progress", "retried", "failed", "cancelled"])
def test_each_transition_keeps_what_it_does_not_know(aws: Aws, name: str) -> None:
    job = replace(jobs()[name], key=JobKey(owner_id=OWNER, job_id=JobId(KEY.job_id)), expires_at=FAR)
    with_more(aws, aws.jobs_table, to_job_item(job))
    act = make_act("next")
    to = job.retried_by_hand(act, due_at=AHEAD) if job.is_final else job.cancelled(act)
    aws.ports().jobs.advance(job, to)
    assert what_was_added(aws, aws.jobs_table, job_key(KEY)) == ADDED
    row = aws.dynamodb.get_item(TableName=aws.jobs_table, Key=job_key(KEY), ConsistentRead=True)["Item"]
    assert from_job_item(row) == to


def test_a_look_that_is_put_off_keeps_what_it_does_not_know(aws: Aws) -> None:
    job = make_job(expires_at=FAR)
    with_more(aws, aws.jobs_table, to_job_item(job))
    assert job.due_at is not None
    aws.ports().jobs.look_again(DueJob(key=KEY, due_at=job.due_at), at=AHEAD)
    assert what_was_added(aws, aws.jobs_table, job_key(KEY)) == ADDED


def test_a_change_of_a_user_keeps_what_it_does_not_know(aws: Aws) -> None:
    with_more(aws, aws.users_table, to_user_item(ADA))
    aws.ports().users.change(ADA, replace(ADA, password_hash="another", is_disabled=True), events=[event_of(1)])
    assert what_was_added(aws, aws.users_table, user_key(ADA.username)) == ADDED


def rotated(ports: Ports) -> None:
    ports.credentials.rotate(refreshed(session_of(1), b"second"))


def used(ports: Ports) -> None:
    ports.credentials.note_use(replace(api_key_of(1), last_used_at=AHEAD))


@pytest.mark.parametrize(("credential", "write"), [(session_of(1), rotated), (api_key_of(1), used)])
def test_a_use_of_a_credential_keeps_what_it_does_not_know(
    aws: Aws, credential: Any, write: Callable[[Ports], None]
) -> None:
    with_more(aws, aws.credentials_table, to_credential_item(credential))
    write(aws.ports())
    row = credential_key(OWNER, credential.credential_id)
    assert aws.ports().credentials.get(OWNER, credential.credential_id) != credential
    assert what_was_added(aws, aws.credentials_table, row) == ADDED


def test_taking_permits_keeps_what_it_does_not_know(aws: Aws) -> None:
    ports = aws.ports()
    tally = ports.limits.take(OWNER, LIMIT, taking())
    key = limit_key(OWNER, LIMIT)
    row = aws.dynamodb.get_item(TableName=aws.limits_table, Key=key, ConsistentRead=True)["Item"]
    with_more(aws, aws.limits_table, row)
    assert ports.limits.take(OWNER, LIMIT, taking(born=tally.born)).taken == tally.taken + 1
    assert what_was_added(aws, aws.limits_table, key) == ADDED


def test_an_addition_keeps_what_it_does_not_know_of_a_count(aws: Aws) -> None:
    with_more(aws, aws.statistics_table, ROWS["count v1"])
    assert aws.ports().counts.add(Addition(count=COUNT, batch="another"))
    assert what_was_added(aws, aws.statistics_table, count_key(COUNT.ending)) == ADDED


def test_changes_and_attempts_keep_what_they_do_not_know_of_a_webhook(aws: Aws) -> None:
    webhook, webhooks = make_webhook(), aws.ports().webhooks
    slot = Slot(delivery_id="1", until=AHEAD)
    with_more(aws, aws.webhooks_table, to_webhook_item(webhook))
    key = webhook_key(webhook.owner_id, webhook.webhook_id)
    changed = webhook.changed(description="", token="change")
    webhooks.change(webhook, changed)
    gone = Disabling(because=DisabledBecause.GONE, seen_token=changed.token, token="settle")
    for failed_at, disabling in ((None, None), (AHEAD, None), (AHEAD, gone)):
        webhooks.take_slot(changed, 0, slot, at=AHEAD)
        webhooks.settle(OWNER, webhook.webhook_id, number=0, slot=slot, failed_at=failed_at, disabling=disabling)
        assert what_was_added(aws, aws.webhooks_table, key) == ADDED

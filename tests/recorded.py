"""
What released code has written, in ``tests/events``: rows, and what clients hold. A recorded text never changes.

The rest of this module is what the rows were written for. When the form of something changes, what is written from then
on is recorded beside it, and all of it stays readable.
"""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.credentials import CredentialId
from chalicelib.domain.jobs import Job, JobError
from chalicelib.domain.rate_limits import Tally
from chalicelib.domain.receipts import KeyedRequest, Receipt, Refusal
from chalicelib.domain.users import Role, User
from tests.aws import PROJECT
from tests.factories import (
    KEY,
    OWNER,
    make_act,
    make_api_key,
    make_claim,
    make_event,
    make_job,
    make_session,
    make_user,
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
    """A job in each status."""
    pending = make_job(tags=("nightly",), metadata_json='{"run":"7"}')
    running = pending.claimed(make_claim("claim", at=LATER))
    error = JobError(code="OPERATION_FAILED", detail="no such planet")
    return {
        "pending": pending,
        "in progress": running,
        "retried": running.retried(error, make_act("retry", at=LATER), run_at=LATER, due_at=LATER),
        "success": running.finished("14", make_act("finish", at=LATER)),
        "failed": running.failed(error, make_act("fail", at=LATER)),
        "cancelled": pending.cancelled(make_act("cancel", at=LATER)),
    }


def users() -> dict[str, User]:
    """One as nearly all are, and one as few are."""
    user = make_user()
    return {
        "user": user,
        "administrator": replace(user, role=Role.ADMIN, is_disabled=True, known_addresses={"digest": NOON}),
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
TALLY = Tally(born="ticket-1", taken=7, marks={179543520: 0, 179543521: 4})

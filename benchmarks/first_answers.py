"""
The first answers of a contestant's functions, over a stand-in for AWS that answers at once, checked to be right.

``health`` needs no AWS, ``submit`` is a ``POST /jobs`` that is answered with 202, ``consume`` a message whose job is
done.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jwt

from benchmarks.answering import StandIn, answering
from benchmarks.contestants import PRODUCT, Program
from benchmarks.entering import Entered, Failed, Order, bare_interpreter, entered
from chalicelib.adapters.dynamodb.account_items import to_credential_item
from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.signing_keys import to_text
from chalicelib.adapters.sqs import to_body
from chalicelib.domain.credentials import Session
from chalicelib.domain.signing_keys import KeyRing
from tests.deployment import environment
from tests.events import api_event, sqs_event
from tests.factories import make_claim, make_job, make_ring, make_session, make_token

ANSWERS = ("health", "submit", "consume")
JOB = {"data": [1, 2, 3], "operation": "square_sum"}
AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """An interpreter, the stand-in for AWS, the environment of all functions, and the event of each first answer."""

    interpreter: Path
    aws: StandIn
    environment: Mapping[str, str]
    events: Mapping[str, Mapping[str, Any]]

    def order(self, program: Program, what: str) -> Order:
        """Return how a contestant is entered for one of `ANSWERS`."""
        module, handler = program.consumer if what == "consume" else program.api
        event = self.events["peers' submit" if what == "submit" and program.name != PRODUCT else what]
        return Order(
            interpreter=self.interpreter,
            path=program.path,
            module=module,
            handler=handler,
            event=event,
            # As Lambda sets it.
            environment={**self.environment, "_HANDLER": f"{module}.{handler}"},
        )

    def first_answer(self, program: Program, what: str) -> Entered:
        """
        Enter a fresh process for one of `ANSWERS`, and check that it is the right one.

        Raises:
            Failed: It is not.
        """
        self.aws.taken()
        found = entered(self.order(program, what))
        calls = self.aws.taken()
        operations = [operation for operation, _ in calls]
        if what == "consume":
            is_right = found.answer == {"batchItemFailures": []} and '{"S": "SUCCESS"}' in json.dumps(calls[-1:])
        elif what == "submit":
            is_right = found.answer["statusCode"] == HTTPStatus.ACCEPTED
            is_right &= operations[-3:] == ["UpdateItem", "PutItem", "SendMessage"]
        else:
            is_right = found.answer["statusCode"] == HTTPStatus.OK
        if not is_right:
            message = f"{program.name} gave {found.answer} for {what}, after {operations}:\n{found.errors}"
            raise Failed(message)
        return found


@contextmanager
def standing() -> Iterator[Stand]:
    """Give a stand with one user who is signed in, and one job of theirs that any claim gets."""
    now = datetime.now(UTC)
    session = make_session(started_at=now, refreshed_at=now, expires_at=now + AN_HOUR)
    ring = make_ring(at=now, secret=secrets.token_bytes(32))
    variables = environment(
        AWS_DEFAULT_REGION="us-east-1",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - no secret, nobody checks it
        JOBS_QUEUE_URL="https://sqs.us-east-1.amazonaws.com/000000000000/jobs",
        PARTIAL_BATCH_RESPONSES="true",
        JWT_SECRET=secrets.token_urlsafe(32),  # the peers'
    )
    tokens = {
        "submit": make_token(session, ring, issuer=variables["STACK_NAME"], at=now),
        "peers' submit": jwt.encode({"sub": session.user_id, "exp": now + AN_HOUR}, variables["JWT_SECRET"], "HS256"),
    }
    submits = {
        what: api_event(
            "POST",
            "/jobs",
            body=json.dumps(JOB),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        for what, token in tokens.items()
    }
    events = {"health": api_event("GET", "/health"), "consume": sqs_event(to_body(make_job().key)), **submits}
    with TemporaryDirectory() as folder, answering(_answers(session, ring, variables, now)) as aws:
        yield Stand(
            interpreter=bare_interpreter(Path(folder)),
            aws=aws,
            environment=variables | {"AWS_ENDPOINT_URL": aws.endpoint_url},
            events=events,
        )


def _answers(session: Session, ring: KeyRing, variables: Mapping[str, str], now: datetime) -> dict[str, object]:
    job = make_job(created_at=now, run_at=now, expires_at=now + timedelta(days=1))
    tally = {"born": {"S": "t"}, "taken": {"N": "1"}, "ticket": {"S": "t"}}
    return {
        "GetParameter": {"Parameter": {"Name": "keys", "Type": "SecureString", "Value": to_text(ring)}},
        f"GetItem {variables['CREDENTIALS_TABLE']}": {"Item": to_credential_item(session)},
        f"UpdateItem {variables['LIMITS_TABLE']}": {"Attributes": tally},
        f"UpdateItem {variables['JOBS_TABLE']}": {"Attributes": to_job_item(job.claimed(make_claim("claim", at=now)))},
        "PutItem": {},
        "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
        "SendMessage": {"MessageId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"},
    }

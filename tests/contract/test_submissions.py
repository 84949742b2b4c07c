"""New jobs together, and once: a key's receipt and its jobs are there or not, whoever asks and whatever gets lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.adapters.dynamodb.submissions import DynamoDBSubmissions
from chalicelib.adapters.dynamodb.transactions import TRIES, Backoff
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import Job
from chalicelib.domain.receipts import KEPT, KeyedRequest, Receipt, Refusal
from chalicelib.domain.users import UserId
from tests.aws import by_sdk, time_to_live
from tests.contract.conftest import Aws, Ports
from tests.contract.job_table import key_of
from tests.factories import OWNER, make_act, make_job
from tests.fakes import NOON, FixedChance

REQUEST = KeyedRequest(key_digest="0f" * 32, fingerprint="one body")
REFUSAL = Refusal(code="INVALID_INPUT", detail="expected int, got str", pointer="#/data/0")


def new_jobs(numbers: range, token: str = "a", owner_id: UserId = OWNER) -> list[Job]:
    return [make_job(key=key_of(number, owner_id), token=token) for number in numbers]


def receipt_of(
    jobs: list[Job], *, request: KeyedRequest = REQUEST, at: datetime = NOON, owner_id: UserId = OWNER
) -> Receipt:
    outcomes = tuple(job.key.job_id for job in jobs)
    return Receipt.of(owner_id, request, make_act(jobs[0].token, at=at), outcomes)


def stored(ports: Ports, owner_id: UserId = OWNER) -> list[Job]:
    """All jobs of the owner, oldest first."""
    page = ports.lists.page(owner_id, JobFilter(), limit=100, after=None)
    jobs = [*page.jobs]
    while page.next_after is not None:
        page = ports.lists.page(owner_id, JobFilter(), limit=100, after=page.next_after)
        jobs += page.jobs
    return jobs[::-1]


def test_jobs_are_stored_together(ports: Ports) -> None:
    jobs = new_jobs(range(3))
    ports.submissions.add(jobs)
    assert stored(ports) == jobs


def test_a_hundred_jobs_are_stored_in_one_step(ports: Ports) -> None:
    jobs = new_jobs(range(100))
    ports.submissions.add(jobs)
    assert stored(ports) == jobs


@pytest.mark.parametrize("count", [1, 2, 99, 100])
def test_the_first_submission_under_a_key_stands(ports: Ports, count: int) -> None:
    jobs = new_jobs(range(count))
    receipt = receipt_of(jobs)
    assert ports.submissions.add_once(jobs, receipt) == receipt
    assert stored(ports) == jobs


@pytest.mark.parametrize("count", [1, 100])
def test_its_repetition_stores_nothing_and_finds_the_first(ports: Ports, count: int) -> None:
    first = new_jobs(range(count))
    ports.submissions.add_once(first, receipt_of(first))
    again = new_jobs(range(1000, 1000 + count), token="b")
    assert ports.submissions.add_once(again, receipt_of(again)) == receipt_of(first)
    assert stored(ports) == first


def test_a_receipt_tells_what_was_refused(ports: Ports) -> None:
    jobs = new_jobs(range(1))
    without_pointer = replace(REFUSAL, pointer=None)
    receipt = replace(receipt_of(jobs), outcomes=(REFUSAL, jobs[0].key.job_id, without_pointer))
    ports.submissions.add_once(jobs, receipt)
    again = new_jobs(range(1, 2), token="b")
    assert ports.submissions.add_once(again, receipt_of(again)).outcomes == receipt.outcomes


def test_another_body_under_the_key_finds_the_receipt_of_the_first(ports: Ports) -> None:
    first = new_jobs(range(1))
    ports.submissions.add_once(first, receipt_of(first))
    other = new_jobs(range(1, 2), token="b")
    standing = ports.submissions.add_once(other, receipt_of(other, request=replace(REQUEST, fingerprint="another")))
    assert standing.fingerprint == REQUEST.fingerprint
    assert stored(ports) == first


def test_another_users_key_of_the_same_name_is_another(ports: Ports) -> None:
    other = UserId("7f1f2d0e-5a43-4e7f-9d5e-0d4d3f0f5a12")
    ours, theirs = new_jobs(range(1)), new_jobs(range(1), token="b", owner_id=other)
    ports.submissions.add_once(ours, receipt_of(ours))
    receipt = receipt_of(theirs, owner_id=other)
    assert ports.submissions.add_once(theirs, receipt) == receipt
    assert (stored(ports), stored(ports, other)) == (ours, theirs)


@pytest.mark.parametrize("count", [1, 100])
def test_a_key_is_free_again_when_its_receipt_has_expired(ports: Ports, count: int) -> None:
    """Be it deleted by then or not."""
    first = new_jobs(range(count))
    ports.submissions.add_once(first, receipt_of(first))
    moment = timedelta(milliseconds=1)
    early, late = new_jobs(range(200, 200 + count), token="b"), new_jobs(range(400, 400 + count), token="c")
    assert ports.submissions.add_once(early, receipt_of(early, at=NOON + KEPT - moment)) == receipt_of(first)
    receipt = receipt_of(late, at=NOON + KEPT)
    assert ports.submissions.add_once(late, receipt) == receipt
    assert stored(ports) == first + late


def test_of_two_hundred_submissions_at_once_under_one_key_one_is_done_and_all_find_it(atomic_ports: Ports) -> None:
    def submitted(number: int) -> Receipt:
        jobs = new_jobs(range(number, number + 1), token=f"token-{number}")
        return atomic_ports.submissions.add_once(jobs, receipt_of(jobs))

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(submitted, range(200)))
    (job,) = stored(atomic_ports)
    assert {answer.outcomes for answer in answers} == {(job.key.job_id,)}
    assert Counter(answer.token for answer in answers) == {job.token: 200}


def test_of_batches_with_a_job_left_over_at_once_one_is_done_whole(atomic_ports: Ports) -> None:
    def submitted(number: int) -> Receipt:
        jobs = new_jobs(range(1000 * number, 1000 * number + 100), token=f"token-{number}")
        return atomic_ports.submissions.add_once(jobs, receipt_of(jobs))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(submitted, range(8)))
    ids = tuple(job.key.job_id for job in stored(atomic_ports))
    assert len(ids) == 100
    assert {answer.outcomes for answer in answers} == {ids}


@pytest.mark.parametrize("count", [1, 100])
def test_a_submission_whose_response_was_lost_counts_as_ones_own(lossy_ports: Ports, count: int) -> None:
    jobs = new_jobs(range(count))
    assert lossy_ports.submissions.add_once(jobs, receipt_of(jobs)).token == jobs[0].token
    lossy_ports.submissions.add(jobs)
    assert stored(lossy_ports) == jobs


def test_without_the_tables_every_call_says_so(away_ports: Ports) -> None:
    jobs = new_jobs(range(1))
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        away_ports.submissions.add(jobs)
    with pytest.raises(Unavailable, match="the jobs table does not answer"):
        away_ports.submissions.add_once(jobs, receipt_of(jobs))


class Interfering:
    """A client that answers the first transactions itself, by what ``instead`` says of each; then the real one does."""

    def __init__(self, inner: Any, *instead: Any) -> None:
        self._inner = inner
        self._instead = list(instead)

    def __getattr__(self, method: str) -> Any:
        return getattr(self._inner, method)

    def transact_write_items(self, **arguments: Any) -> Any:
        if self._instead and (act := self._instead.pop(0)):
            act()
        return self._inner.transact_write_items(**arguments)


def cancelled(*codes: str) -> Any:
    """Raise what DynamoDB does when it cancels a transaction for these reasons."""

    def act() -> None:
        reasons = [{"Code": code, "Message": "…"} for code in codes]
        error = {"Code": "TransactionCanceledException", "Message": f"Transaction cancelled, {codes}"}
        answer: Any = {
            "Error": error,
            "CancellationReasons": reasons,
            "ResponseMetadata": {"HTTPStatusCode": HTTPStatus.BAD_REQUEST},
        }
        raise ClientError(answer, "TransactWriteItems")

    return act


def died() -> None:
    message = "the process ended"
    raise Unavailable(message)


class Waits:
    """Pauses that take no time."""

    def __init__(self) -> None:
        self.durations: list[timedelta] = []

    def sleep(self, duration: timedelta) -> None:
        self.durations.append(duration)


def submissions_of(aws: Aws, client: Any, waits: Waits | None = None) -> DynamoDBSubmissions:
    return DynamoDBSubmissions(
        lambda: by_sdk(client),
        jobs_table=aws.jobs_table,
        idempotency_table=aws.idempotency_table,
        backoff=Backoff(randomness=FixedChance(0.5), pause=waits or Waits()),
    )


def test_a_job_left_over_by_one_who_died_is_brought_by_the_repetition_once(aws: Aws) -> None:
    jobs = new_jobs(range(100))
    with pytest.raises(Unavailable):
        submissions_of(aws, Interfering(aws.dynamodb, None, died)).add_once(jobs, receipt_of(jobs))
    assert stored(aws.ports()) == jobs[:99], "so the hundredth was not promised to anyone"
    again = new_jobs(range(1000, 1100), token="b")
    assert aws.ports().submissions.add_once(again, receipt_of(again)) == receipt_of(jobs)
    assert stored(aws.ports()) == jobs
    aws.dynamodb.delete_item(
        TableName=aws.jobs_table, Key={"owner_id": {"S": OWNER}, "job_id": {"S": jobs[99].key.job_id}}
    )
    aws.ports().submissions.add_once(again, receipt_of(again))
    assert stored(aws.ports()) == jobs[:99], "what its owner deleted since does not come back"


def test_a_job_left_over_that_another_brings_meanwhile_is_not_doubled(aws: Aws) -> None:
    jobs, again = new_jobs(range(100)), new_jobs(range(1000, 1100), token="b")

    def overtaken() -> None:
        assert aws.ports().submissions.add_once(again, receipt_of(again)) == receipt_of(jobs)

    client = Interfering(aws.dynamodb, None, overtaken)
    assert submissions_of(aws, client).add_once(jobs, receipt_of(jobs)) == receipt_of(jobs)
    assert stored(aws.ports()) == jobs


def test_a_conflict_is_tried_again_after_ever_longer_waits(aws: Aws) -> None:
    conflict = cancelled("TransactionConflict", "None")
    waits = Waits()
    jobs = new_jobs(range(1))
    client = Interfering(aws.dynamodb, conflict, cancelled("None", "ThrottlingError"), conflict)
    assert submissions_of(aws, client, waits).add_once(jobs, receipt_of(jobs)) == receipt_of(jobs)
    assert waits.durations == [timedelta(milliseconds=wait) for wait in (25, 50, 100)]
    assert stored(aws.ports()) == jobs


def test_after_a_conflict_the_winners_receipt_is_found(aws: Aws) -> None:
    first, again = new_jobs(range(1)), new_jobs(range(1, 2), token="b")
    aws.ports().submissions.add_once(first, receipt_of(first))
    client = Interfering(aws.dynamodb, cancelled("TransactionConflict", "None"), died)
    assert submissions_of(aws, client).add_once(again, receipt_of(again)) == receipt_of(first)


def test_after_a_conflict_an_expired_receipt_is_none(aws: Aws) -> None:
    first, late = new_jobs(range(1)), new_jobs(range(1, 2), token="b")
    aws.ports().submissions.add_once(first, receipt_of(first))
    client = Interfering(aws.dynamodb, cancelled("TransactionConflict", "None"))
    receipt = receipt_of(late, at=NOON + KEPT)
    assert submissions_of(aws, client).add_once(late, receipt) == receipt


@pytest.mark.parametrize("call", ["add", "add_once"])
def test_after_too_many_conflicts_it_is_unavailable(aws: Aws, call: str) -> None:
    jobs = new_jobs(range(1))
    client = Interfering(aws.dynamodb, *[cancelled("TransactionConflict", "None")] * TRIES)
    submissions = submissions_of(aws, client)
    with pytest.raises(Unavailable, match="the jobs table is busy"):
        submissions.add(jobs) if call == "add" else submissions.add_once(jobs, receipt_of(jobs))
    assert stored(aws.ports()) == []


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_that_can_never_be_done_is_a_fault_of_ours(aws: Aws, reason: str) -> None:
    jobs = new_jobs(range(1))
    with pytest.raises(AwsRefusal, match=reason):
        submissions_of(aws, Interfering(aws.dynamodb, cancelled("None", reason))).add_once(jobs, receipt_of(jobs))


def test_a_receipt_is_deleted_by_its_time_to_live_and_holds_no_key(aws: Aws) -> None:
    jobs = new_jobs(range(1))
    aws.ports().submissions.add_once(jobs, receipt_of(jobs))
    (item,) = aws.dynamodb.scan(TableName=aws.idempotency_table)["Items"]
    assert item["key_id"] == {"S": f"{OWNER}#{REQUEST.key_digest}"}
    assert item["expires_at_epoch_s"] == {"N": str(int((NOON + KEPT).timestamp()))}
    assert time_to_live(aws.dynamodb, "IdempotencyTable", aws.new_name("forgets")) == ("expires_at_epoch_s", "ENABLED")

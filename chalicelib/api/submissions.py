"""Submitting jobs: ``POST /jobs`` and ``POST /jobs/batch``."""

from chalice.app import Response

from chalicelib.api.auth import count
from chalicelib.api.call import Access, Call, occurrence
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import BatchRequest
from chalicelib.api.idempotency import HEADER, REPLAYED, keyed_request
from chalicelib.api.problems import EXAMPLE_OCCURRENCE, InvalidParameter, refusal_problem
from chalicelib.api.requests import body_of, json_body, json_response
from chalicelib.api.schemas import AcceptedJob, BatchAnswer, BatchedJob, WholeJob
from chalicelib.api.waiting import preferred_wait_s, waited_for
from chalicelib.domain.errors import IdempotencyKeyReused, InvalidInput, MalformedBody, RequestRefused, Unavailable
from chalicelib.domain.jobs import Job, JobId, JobStatus
from chalicelib.domain.receipts import Outcome, Refusal
from chalicelib.fields import EXAMPLE_JOB_ID
from chalicelib.job_requests import JobRequest, wanted_job
from chalicelib.services.acceptance import WantedJob


def submit_job(call: Call) -> Response:
    """Accept one job, or name the one that the same request was accepted as; the whole of it, once it is final."""
    wanted = wanted_job(body_of(call), call.services.operations)
    request = keyed_request(call)
    if request is None:
        return _accepted(call, call.services.submissions.submit(call.user_id, wanted))
    submitted = call.services.submissions.submit_once(call.user_id, wanted, request)
    if submitted.is_replay:
        return _accepted_before(call, JobId(str(submitted.outcomes[0])))
    return _accepted(call, submitted.jobs[0])


def _accepted(call: Call, accepted: Job) -> Response:
    call.headers["Location"] = f"{call.path}/{accepted.key.job_id}"
    job = waited_for(call, accepted)
    if job.is_final:
        return json_response(WholeJob.from_job(job))
    return json_response(AcceptedJob.from_job(job), status=202)


def _accepted_before(call: Call, job_id: JobId) -> Response:
    """Answer as before; the job is read for who wants to wait for it, and for nobody else."""
    call.headers.update(REPLAYED)
    if preferred_wait_s(call.header("prefer") or "") is not None:
        try:
            return _accepted(call, call.services.jobs.get(call.user_id, job_id))
        except (RequestRefused, Unavailable):
            pass  # it was accepted, whatever became of it
    call.headers.update({"Location": f"{call.path}/{job_id}", "Vary": "Prefer"})
    return json_response(AcceptedJob(job_id=job_id, status=JobStatus.PENDING), status=202)


def submit_batch(call: Call) -> Response:
    """Accept or refuse each job of a batch, in order. Each counts, but a batch that was answered before counts once."""
    limit = call.services.submit_limit
    try:
        items = json_body(call, BatchRequest).jobs
        request = keyed_request(call)
        submitted = None if request is None else call.services.submissions.repeated(call.user_id, request)
    except RequestRefused:
        count(call, call.user_id, limit)
        raise
    count(call, call.user_id, limit, permits=1 if submitted else len(items))
    if submitted is None:
        wanted = [_wanted_or_not(call, bytes(item)) for item in items]
        submitted = call.services.submissions.submit_batch(call.user_id, wanted, request)
    if submitted.is_replay:
        call.headers.update(REPLAYED)
    answers = [_answer(call, place, outcome) for place, outcome in enumerate(submitted.outcomes)]
    is_any_accepted = any(not isinstance(outcome, Refusal) for outcome in submitted.outcomes)
    return json_response(BatchAnswer(jobs=answers), status=202 if is_any_accepted else 200)


def _wanted_or_not(call: Call, item: bytes) -> WantedJob | InvalidInput:
    try:
        return wanted_job(item, call.services.operations)
    except InvalidInput as refused:
        return refused
    except MalformedBody as broken:  # bytes that are not UTF-8, which a `msgspec.Raw` lets pass
        return InvalidInput(str(broken))


def _answer(call: Call, place: int, outcome: Outcome) -> BatchedJob:
    if isinstance(outcome, Refusal):
        return BatchedJob(error=refusal_problem(outcome, occurrence(call.request), root=f"#/jobs/{place}"))
    return BatchedJob(job_id=outcome, status=JobStatus.PENDING)


EXAMPLE_ACCEPTED = BatchedJob(job_id=EXAMPLE_JOB_ID, status=JobStatus.PENDING)


def _example_refused(place: int) -> BatchedJob:
    refusal = Refusal(code=InvalidInput.code, detail="expected a number, got text", pointer="#/data/0")
    return BatchedJob(error=refusal_problem(refusal, EXAMPLE_OCCURRENCE, root=f"#/jobs/{place}"))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/jobs",
        summary="Submit a job",
        handler=submit_job,
        access=Access.SUBMIT,
        body=JobRequest,
        answers={202: AcceptedJob, 200: WholeJob},
        meanings={
            202: "Accepted; `Location` is where to follow it",
            200: "Accepted, and final within the time that `Prefer: wait` gave",
        },
        headers=("Prefer", HEADER),
        gives=("Location", "Retry-After"),
        refusals=(InvalidParameter, IdempotencyKeyReused),
    ),
    Endpoint(
        method="POST",
        path="/jobs/batch",
        counts_itself=True,
        summary="Submit many jobs, each accepted or refused by itself",
        handler=submit_batch,
        access=Access.SUBMIT,
        body=BatchRequest,
        answers={202: BatchAnswer, 200: BatchAnswer},
        meanings={202: "At least one job accepted", 200: "No job accepted: each was refused"},
        examples={
            202: BatchAnswer(jobs=[EXAMPLE_ACCEPTED, _example_refused(1)]),
            200: BatchAnswer(jobs=[_example_refused(0)]),
        },
        headers=(HEADER,),
        refusals=(InvalidParameter, IdempotencyKeyReused),
    ),
)

"""Reading one job, at once or once it is final. Each counts as a read of the caller; none can name another's job."""

from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint, Handler
from chalicelib.api.requests import json_response
from chalicelib.api.schemas import EventLog, Explanation, JobResult, JobState, WholeJob
from chalicelib.api.waiting import waited_for
from chalicelib.domain.errors import Expired, NotFound
from chalicelib.domain.explanations import explanation
from chalicelib.domain.jobs import Job


def _own_job(call: Call) -> Job:
    return waited_for(call, call.services.jobs.get(call.user_id, call.parameter("job_id")))


def get_job(call: Call) -> Response:
    """Return all of a job."""
    return json_response(WholeJob.from_job(_own_job(call)))


def get_job_status(call: Call) -> Response:
    """Return a job's status."""
    return json_response(JobState(status=_own_job(call).status))


def get_job_result(call: Call) -> Response:
    """Return a job's status and result."""
    return json_response(JobResult.from_job(_own_job(call)))


def get_job_events(call: Call) -> Response:
    """Return what happened to a job so far."""
    return json_response(EventLog.from_job(_own_job(call)))


def explain_job(call: Call) -> Response:
    """Return why a job is where it is."""
    job = _own_job(call)
    sentence = explanation(job, at=call.services.clock.now(), pause=call.services.pauses.of(job))
    return json_response(Explanation(status=job.status, explanation=sentence))


def _read(part: str, summary: str, handler: Handler, answer: type) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/jobs/{{job_id}}{part}",
        summary=summary,
        handler=handler,
        access=Access.READ,
        answers={200: answer},
        headers=("Prefer", "If-None-Match"),
        refusals=(NotFound, Expired),
    )


ENDPOINTS = (
    _read("", "Everything about one job", get_job, WholeJob),
    _read("/status", "The status of a job", get_job_status, JobState),
    _read("/result", "The status and the result of a job", get_job_result, JobResult),
    _read("/events", "What happened to a job so far", get_job_events, EventLog),
    _read("/explain", "Why a job is where it is, and what comes next", explain_job, Explanation),
)

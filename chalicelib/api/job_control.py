"""Changing one job: cancelling, retrying and deleting it. Each counts as a submission of the caller."""

from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.requests import json_response
from chalicelib.api.schemas import AcceptedJob
from chalicelib.domain.errors import Conflict, Expired, NotFound
from chalicelib.domain.jobs import JobStatus
from chalicelib.domain.polling import poll_after_s
from chalicelib.fields import EXAMPLE_JOB_ID


def cancel_job(call: Call) -> Response:
    """Call a job off."""
    job = call.services.jobs.cancel(call.user_id, call.parameter("job_id"))
    return json_response(AcceptedJob.from_job(job), status=202)


def retry_job(call: Call) -> Response:
    """Give a job a fresh set of attempts."""
    job = call.services.jobs.retry_by_hand(call.user_id, call.parameter("job_id"))
    headers = {"Location": call.path.removesuffix("/retry"), "Retry-After": str(poll_after_s(job, at=job.run_at))}
    return json_response(AcceptedJob.from_job(job), status=202, headers=headers)


def delete_job(call: Call) -> Response:
    """Forget a job."""
    call.services.jobs.delete(call.user_id, call.parameter("job_id"))
    return Response(body="", status_code=204)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/jobs/{job_id}/cancel",
        summary="Call a waiting or running job off",
        handler=cancel_job,
        access=Access.SUBMIT,
        answers={202: AcceptedJob},
        examples={202: AcceptedJob(job_id=EXAMPLE_JOB_ID, status=JobStatus.CANCELLED)},
        refusals=(NotFound, Expired, Conflict),
    ),
    Endpoint(
        method="POST",
        path="/jobs/{job_id}/retry",
        summary="Run a failed or cancelled job again",
        handler=retry_job,
        access=Access.SUBMIT,
        answers={202: AcceptedJob},
        gives=("Location", "Retry-After"),
        refusals=(NotFound, Expired, Conflict),
    ),
    Endpoint(
        method="DELETE",
        path="/jobs/{job_id}",
        summary="Forget a job that is final",
        handler=delete_job,
        access=Access.SUBMIT,
        answers={204: None},
        refusals=(NotFound, Expired, Conflict),
    ),
)

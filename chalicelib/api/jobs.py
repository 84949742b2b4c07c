"""Submitting jobs and reading them. Each route counts one request of the caller; none can name another's job."""

from collections.abc import Callable, Mapping

from chalice.app import Blueprint, Response

from chalicelib.api.auth import admitted_user
from chalicelib.api.edge import ANY_CONTENT_TYPE, answers_problems, json_body, json_response
from chalicelib.api.errors import InvalidParameter
from chalicelib.api.schemas import (
    AcceptedJob,
    JobList,
    JobRequest,
    JobResult,
    JobState,
    ListedJob,
    WholeJob,
)
from chalicelib.bootstrap import Services
from chalicelib.domain.jobs import Job, JobId, parsed_job_id

PAGE_DEFAULT = 20
PAGE_MAX = 100


def blueprint(services: Callable[[], Services]) -> Blueprint:
    """Return the job routes over ``services``."""
    routes = Blueprint(__name__)

    def own_job(job_id: str) -> Job:
        owner_id = admitted_user(services(), routes.current_request, services().read_limit)
        return services().jobs.get(owner_id, job_id)

    @routes.route("/jobs", methods=["POST"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def submit_job() -> Response:
        request = routes.current_request
        owner_id = admitted_user(services(), request, services().submit_limit)
        wanted = json_body(request, JobRequest, max_bytes=services().body_max_bytes)
        job = services().jobs.submit(
            owner_id, operation=wanted.operation, data_json=bytes(wanted.data), options=wanted.options()
        )
        # Below the path that the caller used, which on AWS begins with the stage or a domain's base path.
        location = f"{request.context['path'].rstrip('/')}/{job.key.job_id}"
        return json_response(AcceptedJob.from_job(job), status=202, headers={"Location": location})

    @routes.route("/jobs", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @routes.route("/jobsList", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def list_jobs() -> Response:
        request = routes.current_request
        owner_id = admitted_user(services(), request, services().read_limit)
        query: Mapping[str, str] = request.query_params or {}
        page = services().jobs.newest(owner_id, limit=_limit(query.get("limit")), after=_cursor(query.get("cursor")))
        return json_response(JobList(jobs=[ListedJob.from_job(job) for job in page.jobs], next_cursor=page.next_after))

    @routes.route("/jobs/{job_id}", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def get_job(job_id: str) -> Response:
        return json_response(WholeJob.from_job(own_job(job_id)))

    @routes.route("/jobs/{job_id}/status", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def get_job_status(job_id: str) -> Response:
        return json_response(JobState(status=own_job(job_id).status))

    @routes.route("/jobs/{job_id}/result", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def get_job_result(job_id: str) -> Response:
        return json_response(JobResult.from_job(own_job(job_id)))

    return routes


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE_DEFAULT
    # The length first: Python refuses to convert a number of thousands of digits.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX)) and 1 <= int(text) <= PAGE_MAX):
        detail = f"limit must be a whole number from 1 to {PAGE_MAX}"
        raise InvalidParameter(detail)
    return int(text)


def _cursor(text: str | None) -> JobId | None:
    if text is None:
        return None
    after = parsed_job_id(text)
    if after is None:
        detail = "cursor must be the next_cursor of an earlier page, unchanged"
        raise InvalidParameter(detail)
    return after

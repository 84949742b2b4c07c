"""
What happens to one job, and changing that: its event log, an explanation, cancelling and retrying.

Cancelling and retrying count as submissions of the caller, the others as reads.
"""

from collections.abc import Callable

from chalice.app import Blueprint, Response

from chalicelib.api.auth import admitted_user
from chalicelib.api.edge import ANY_CONTENT_TYPE, answers_problems, json_response
from chalicelib.api.schemas import AcceptedJob, EventLog, Explanation
from chalicelib.bootstrap import Services
from chalicelib.domain.users import UserId


def blueprint(services: Callable[[], Services]) -> Blueprint:
    """Return the routes over ``services``."""
    routes = Blueprint(__name__)

    def reader() -> UserId:
        return admitted_user(services(), routes.current_request, services().read_limit)

    def submitter() -> UserId:
        return admitted_user(services(), routes.current_request, services().submit_limit)

    @routes.route("/jobs/{job_id}/events", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def get_job_events(job_id: str) -> Response:
        return json_response(EventLog.from_job(services().jobs.get(reader(), job_id)))

    @routes.route("/jobs/{job_id}/explain", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def explain_job(job_id: str) -> Response:
        status, sentence = services().jobs.explain(reader(), job_id)
        return json_response(Explanation(status=status, explanation=sentence))

    @routes.route("/jobs/{job_id}/cancel", methods=["POST"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def cancel_job(job_id: str) -> Response:
        return json_response(AcceptedJob.from_job(services().jobs.cancel(submitter(), job_id)), status=202)

    @routes.route("/jobs/{job_id}/retry", methods=["POST"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def retry_job(job_id: str) -> Response:
        return json_response(AcceptedJob.from_job(services().jobs.retry_by_hand(submitter(), job_id)), status=202)

    return routes

"""Powertools' resolver for a REST API."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, ServiceError, UnauthorizedError

from benchmarks.peers import job_queue, job_table
from benchmarks.peers.operations import OPERATIONS
from benchmarks.peers.tokens import NotAuthenticated, owner_of

app = APIGatewayRestResolver()


@app.get("/health")
def health() -> dict[str, str]:
    """Answer, which is all."""
    return {"status": "ok"}


@app.post("/jobs")
def submit() -> tuple[dict[str, str], int]:
    """Take a job."""
    try:
        owner_id = owner_of(app.current_event.headers.get("authorization", ""))
    except NotAuthenticated:
        message = "log in"
        raise UnauthorizedError(message) from None
    body = app.current_event.json_body
    operation, numbers = body.get("operation"), body.get("data")
    is_list = isinstance(numbers, list) and all(isinstance(number, int | float) for number in numbers)
    if operation not in OPERATIONS or not is_list:
        message = "a known operation and a list of numbers are needed"
        raise BadRequestError(message)
    if not job_table.is_within_limit(owner_id):
        raise ServiceError(429, "try again in a minute")
    job_id = job_table.put(owner_id, operation, numbers)
    job_queue.send(owner_id, job_id)
    return {"job_id": job_id, "status": "PENDING"}, 202


def api(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own
    """Answer one request of API Gateway."""
    answer: dict[str, Any] = app.resolve(event, context)
    return answer

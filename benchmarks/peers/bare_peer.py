"""No framework at all: functions, boto3 and PyJWT."""

import json
from typing import Any

from benchmarks.peers import job_queue, job_table
from benchmarks.peers.operations import OPERATIONS
from benchmarks.peers.tokens import NotAuthenticated, owner_of


def api(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    route = (event["httpMethod"], event["path"])
    if route == ("GET", "/health"):
        return _answer(200, {"status": "ok"})
    if route == ("POST", "/jobs"):
        return _submit(event)
    return _answer(404, {"detail": "there is no such page"})


def _submit(event: dict[str, Any]) -> dict[str, Any]:
    try:
        owner_id = owner_of(event["headers"].get("authorization", ""))
    except NotAuthenticated:
        return _answer(401, {"detail": "log in"})
    try:
        body = json.loads(event["body"])
        operation, numbers = body["operation"], body["data"]
    except (ValueError, KeyError, TypeError):
        return _answer(400, {"detail": "operation and data are needed"})
    is_list = isinstance(numbers, list) and all(isinstance(number, int | float) for number in numbers)
    if operation not in OPERATIONS or not is_list:
        return _answer(400, {"detail": "a known operation and a list of numbers are needed"})
    if not job_table.is_within_limit(owner_id):
        return _answer(429, {"detail": "try again in a minute"})
    job_id = job_table.put(owner_id, operation, numbers)
    job_queue.send(owner_id, job_id)
    return _answer(202, {"job_id": job_id, "status": "PENDING"})


def _answer(status: int, body: object) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}

"""
Builders of Lambda events, over events recorded from an API Gateway and an SQS event source mapping.

``dynamodb_stream.json`` is not recorded but made, in the form that Lambda documents for a stream of a table
(docs.aws.amazon.com/lambda/latest/dg/with-ddb.html): a job of ``rows.json`` that is submitted, looked at by the sweep,
claimed, finished, and deleted when its retention is over.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.adapters.dynamodb.items import to_job_item
from chalicelib.adapters.dynamodb.keys import job_key
from chalicelib.adapters.sqs import to_body
from chalicelib.domain.jobs import Job, JobKey

_FOLDER = Path(__file__).parent
API_GATEWAY_POST = json.loads((_FOLDER / "api_gateway_post.json").read_text())
DYNAMODB_STREAM = json.loads((_FOLDER / "dynamodb_stream.json").read_text())
SQS = json.loads((_FOLDER / "sqs.json").read_text())


def api_event(
    method: str,
    resource: str,
    *,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
    path_parameters: Mapping[str, str] | None = None,
    query: str = "",
    address: str | None = None,
) -> dict[str, Any]:
    """
    The event of one request; ``resource`` is the route's template.

    ``address`` is where API Gateway saw it come from; without one it is that of the recorded request.
    """
    event: dict[str, Any] = copy.deepcopy(API_GATEWAY_POST)
    path = resource.format(**path_parameters or {})
    pairs = parse_qsl(query, keep_blank_values=True)
    given = {"host": "127.0.0.1", **{name.lower(): value for name, value in (headers or {}).items()}}
    event |= {
        "httpMethod": method,
        "resource": resource,
        "path": path,
        "body": body,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "pathParameters": dict(path_parameters) if path_parameters else None,
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": {name: [value for each, value in pairs if each == name] for name, _ in pairs}
        or None,
    }
    event["requestContext"] |= {"httpMethod": method, "resourcePath": resource, "path": f"/api{path}"}
    if address is not None:
        event["requestContext"]["identity"]["sourceIp"] = address
    return event


def sqs_event(*bodies: str) -> dict[str, Any]:
    """The event of one batch of messages."""
    records = []
    for number, body in enumerate(bodies):
        record = copy.deepcopy(SQS["Records"][0])
        record |= {"messageId": f"message-{number}", "receiptHandle": f"receipt-{number}", "body": body}
        records.append(record)
    return {"Records": records}


def stream_event(*changes: tuple[Job | None, Job | None]) -> dict[str, Any]:
    """The event of one batch of a stream: what each job was, and what it is."""
    records = []
    for number, (before, after) in enumerate(changes):
        record = copy.deepcopy(DYNAMODB_STREAM["Records"][0])
        key = (after or before).key  # type: ignore[union-attr]  # one of them is there
        record["dynamodb"] |= {"Keys": dict(job_key(key)), "SequenceNumber": sequence_number(number)}
        del record["dynamodb"]["NewImage"]
        if before is not None:
            record["dynamodb"]["OldImage"] = to_job_item(before)
        if after is not None:
            record["dynamodb"]["NewImage"] = to_job_item(after)
        record["eventName"] = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
        records.append(record)
    return {"Records": records}


def sequence_number(number: int) -> str:
    """That of a record of `stream_event`."""
    return f"{100_000_000_000_412_345_600 + number}"


def job_message(key: JobKey) -> str:
    """The body of a job's message."""
    return to_body(key)

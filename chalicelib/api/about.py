"""What the service says of itself, to anyone: ``GET /health`` and ``GET /operations``. Neither reaches AWS."""

from chalice.app import Response

from chalicelib.api.call import Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.requests import json_response
from chalicelib.api.schemas import DescribedOperation, Health, OperationList


def health(_call: Call) -> Response:
    """Answer, which is all."""
    return json_response(Health(status="ok"))


def list_operations(call: Call) -> Response:
    """Return what jobs can compute."""
    described = [
        DescribedOperation(
            name=each.name,
            description=each.description,
            input_schema=each.input_schema,
            max_attempts=each.policy.max_attempts,
            timeout_s=each.policy.timeout_s,
        )
        for each in call.services.operations.all()
    ]
    return json_response(OperationList(operations=described))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/health",
        tag="Service",
        summary="Whether the service answers; asks no table",
        handler=health,
        answers={200: Health},
    ),
    Endpoint(
        method="GET",
        path="/operations",
        tag="Service",
        summary="What jobs can compute, with the schema of each operation's data",
        handler=list_operations,
        answers={200: OperationList},
    ),
)

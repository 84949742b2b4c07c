"""What the service says of itself, to anyone: ``GET /health`` and ``GET /operations``. Neither reaches AWS."""

from collections.abc import Callable

from chalice.app import Blueprint, Response

from chalicelib.api.edge import ANY_CONTENT_TYPE, answers_problems, json_response
from chalicelib.api.schemas import DescribedOperation, Health, OperationList
from chalicelib.bootstrap import Services


def blueprint(services: Callable[[], Services]) -> Blueprint:
    """Return the routes over ``services``."""
    routes = Blueprint(__name__)

    @routes.route("/health", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def health() -> Response:
        return json_response(Health(status="ok"))

    @routes.route("/operations", methods=["GET"], content_types=ANY_CONTENT_TYPE)
    @answers_problems
    def list_operations() -> Response:
        described = [
            DescribedOperation(
                name=each.name,
                description=each.description,
                input_schema=each.input_schema,
                max_attempts=each.policy.max_attempts,
                timeout_s=each.policy.timeout_s,
            )
            for each in services().operations.all()
        ]
        return json_response(OperationList(operations=described))

    return routes

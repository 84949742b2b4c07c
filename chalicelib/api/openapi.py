"""
The description of the API: an OpenAPI 3.1 document, made of the endpoints' declarations and the types that validate.

Only what the declarations say is in it. This module is imported when someone asks for the document, not before.
"""

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from chalicelib.api.call import Access
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.openapi_headers import ALWAYS_WITH, BROUGHT_BY, SOMETIMES_WITH, request_header, response_header
from chalicelib.api.openapi_schemas import Schemas
from chalicelib.api.possible import FROM_THE_GATEWAY, possible_errors
from chalicelib.api.problems import EXAMPLE_OCCURRENCE, PROBLEM_MEDIA_TYPE, FieldError, Problem, problem_of
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.credentials import KEY_SCOPES, UUID_PATTERN, Scope
from chalicelib.domain.errors import InvalidInput, RateLimited
from chalicelib.domain.jobs import JOB_ID_PATTERN
from chalicelib.domain.users import USER_ID_PATTERN, USERNAME_PATTERN
from chalicelib.domain.webhooks import WEBHOOK_ID_PATTERN
from chalicelib.ports import OperationCatalogue

Described = dict[str, Any]

VERSION: Final = "0.1.0"
"""The product's, as ``pyproject.toml`` has it."""

JSON: Final = "application/json"
SESSION: Final = "token"
KEY: Final = "api_key"
JOB_ID: Final = "job_id"

PATH_PARAMETERS: Final = {
    JOB_ID: JOB_ID_PATTERN,
    "schedule_id": JOB_ID_PATTERN,
    "session_id": UUID_PATTERN,
    "key_id": UUID_PATTERN,
    "webhook_id": f"({WEBHOOK_ID_PATTERN})",
    "delivery_id": JOB_ID_PATTERN,
    "owner_id": USER_ID_PATTERN,
    "username": USERNAME_PATTERN,
}
"""The form of each part of a path that has one."""

EXAMPLE_FIELD_ERROR: Final = FieldError(detail="expected a number, got text", pointer="#/data/1")

ABOUT: Final = """\
Submit a job, poll or wait, read its result.

To try it here: `POST /register`, then `POST /login`; paste the `access_token` of its answer into **Authorize**, by
itself, without `Bearer`; then `POST /jobs`, and `GET /jobs/{job_id}/result` with the `job_id` that it gave.

A token expires after `expires_in` seconds; `POST /token/refresh` gives the next one. Programs use API keys instead,
which `POST /api-keys` makes.

Every error is a problem document; [what each kind means](problems), and what to do.
"""

SECURITY_SCHEMES: Final = {
    SESSION: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": (
            "The `access_token` that `POST /login` returns, and `POST /token/refresh` once that has expired. Paste the"
            " bare token: `Bearer` is put before it for you."
        ),
    },
    KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "For programs: an `api_key` that `POST /api-keys` returned. It goes where a token goes, and is good for"
            " jobs and what goes with them, by its scopes: `jobs:read` to read, `jobs:write` to submit and change."
        ),
    },
}

TAGS: Final = [
    {
        "name": "Accounts",
        "description": (
            "A user, and a token for the calls that follow: log in, refresh the token before it expires, log out; or"
            " make an API key for a program"
        ),
    },
    {"name": "Administration", "description": "Other people's accounts, for administrators"},
    {"name": "Jobs", "description": "Submitting jobs, following them, reading what they gave"},
    {
        "name": "Schedules",
        "description": "Jobs that are made by the clock: by a cron expression, or every so many seconds",
    },
    {
        "name": "Webhooks",
        "description": (
            "Being told of what becomes of jobs, at URLs of one's own: CloudEvents, signed after Standard Webhooks"
        ),
    },
    {"name": "Service", "description": "What the service says of itself"},
]


@functools.lru_cache(maxsize=1)
def document_text(operations: OperationCatalogue) -> str:
    """Return the description as JSON text; made once for a catalogue."""
    return json.dumps(document(ENDPOINTS, operations), separators=(",", ":"))


def document(endpoints: Iterable[Endpoint], operations: OperationCatalogue) -> Described:
    """Return the description of those endpoints that are public."""
    public = [endpoint for endpoint in endpoints if endpoint.is_public]
    named = _named(public)
    schemas = Schemas(_types(public), operations)
    paths: dict[str, Described] = {}
    for operation_id, endpoint in named.items():
        operation = _operation(operation_id, endpoint, schemas, named)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    queries = {schemas.of(each.query)["$ref"].rpartition("/")[2] for each in public if each.query}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Job backend", "version": VERSION, "description": ABOUT},
        # Relative to this document, so it holds below a stage, behind a custom domain, and at the local address.
        "servers": [{"url": ".", "description": "this service"}],
        "tags": TAGS,
        "paths": paths,
        "components": {
            "schemas": {name: each for name, each in schemas.components.items() if name not in queries},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _types(endpoints: Iterable[Endpoint]) -> Iterator[type]:
    yield Problem
    for endpoint in endpoints:
        yield from (each for each in (endpoint.body, endpoint.query, *endpoint.answers.values()) if each is not None)


def _named(endpoints: Iterable[Endpoint]) -> dict[str, Endpoint]:
    """Return the endpoints by operation id: the handler's name, and its path's last part where two share a handler."""
    named: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        name = endpoint.handler.__name__
        named[name if name not in named else f"{name}_{endpoint.path.rpartition('/')[2]}"] = endpoint
    return named


def _operation(operation_id: str, endpoint: Endpoint, schemas: Schemas, named: dict[str, Endpoint]) -> Described:
    described: Described = {"operationId": operation_id, "summary": endpoint.summary, "tags": [endpoint.tag]}
    if endpoint.access is not Access.ANYONE:
        scope = endpoint.access.scope
        described["security"] = [{SESSION: []}, *([{KEY: [scope]}] if scope in KEY_SCOPES else [])]
    if parameters := list(_parameters(endpoint, schemas)):
        described["parameters"] = parameters
    if endpoint.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: _content(endpoint.body, schemas)}}
    described["responses"] = _responses(endpoint, schemas, named)
    return described


def _parameters(endpoint: Endpoint, schemas: Schemas) -> Iterator[Described]:
    for step in endpoint.path.split("/"):
        if step.startswith("{"):
            name = step.strip("{}")
            schema = {"type": "string"} | ({"pattern": f"^{PATH_PARAMETERS[name]}$"} if name in PATH_PARAMETERS else {})
            yield {"name": name, "in": "path", "required": True, "schema": schema}
    if endpoint.query is not None:
        yield from schemas.parameters(endpoint.query)
    conditional = ("If-None-Match",) if endpoint.method == "GET" else ()
    for header in dict.fromkeys((*endpoint.headers, *conditional)):
        yield request_header(header)


def _content(form: type, schemas: Schemas) -> Described:
    examples = schemas.examples(form)
    if len(examples) == 1:
        return {"schema": schemas.of(form), "example": examples[0]}
    named = {each["operation"]: {"value": each} for each in examples}
    return {"schema": schemas.of(form), "examples": named}


def _responses(endpoint: Endpoint, schemas: Schemas, named: dict[str, Endpoint]) -> Described:
    responses: Described = {}
    for status, form in endpoint.answers.items():
        answer = _answer(
            status, endpoint.meanings.get(status, HTTPStatus(status).phrase), _success_headers(endpoint, status)
        )
        if form is not None:
            content = _content(form, schemas)
            if status in endpoint.examples:
                content["example"] = msgspec.to_builtins(endpoint.examples[status])
            answer["content"] = {JSON: content}
            is_owners = endpoint.method == "POST" and endpoint.access is not Access.ADMIN
            if is_owners and JOB_ID in schemas.properties(form):
                answer["links"] = _links(named)
        responses[str(status)] = answer
    if endpoint.method == "GET" and HTTPStatus.OK in endpoint.answers:
        unchanged = HTTPStatus.NOT_MODIFIED
        headers = _success_headers(endpoint, HTTPStatus.OK)
        responses[str(unchanged.value)] = _answer(unchanged, unchanged.phrase, headers)
    for status, problems in _problems(endpoint).items():
        titles = "; or: ".join(problem["title"] for problem in problems)
        answer = _answer(status, titles, [*_limit_headers(endpoint, status), *_challenge_headers(endpoint, status)])
        examples = {problem["code"]: {"value": problem} for problem in problems}
        answer["content"] = {PROBLEM_MEDIA_TYPE: {"schema": schemas.of(Problem), "examples": examples}}
        responses[str(status)] = answer
    return dict(sorted(responses.items()))


def _answer(status: int, description: str, headers: Iterable[str]) -> Described:
    always = {"X-Request-Id", *ALWAYS_WITH.get(status, ())} | {"ETag"}.intersection(headers)
    names = sorted({*headers, *always, *SOMETIMES_WITH.get(status, ())})
    described = {name: response_header(name, required=name in always) for name in names}
    return {"description": description, "headers": described}


def _success_headers(endpoint: Endpoint, status: int) -> list[str]:
    brought = [each for header in endpoint.headers for each in BROUGHT_BY.get(header, ())]
    tagged = ["ETag"] if endpoint.method == "GET" and status == HTTPStatus.OK else []
    return [*endpoint.gives, *brought, *tagged, *_limit_headers(endpoint, status)]


def _limit_headers(endpoint: Endpoint, status: int) -> Sequence[str]:
    if endpoint.access is Access.ANYONE:
        counted = RateLimited in endpoint.refusals
    else:
        # Whose account is gone, or whose sign-in is too old, is known and so is counted.
        counted = status != HTTPStatus.UNAUTHORIZED or endpoint.access.scope is Scope.ACCOUNT
    return ("RateLimit", "RateLimit-Policy") if counted else ()


def _challenge_headers(endpoint: Endpoint, status: int) -> Sequence[str]:
    """Return the header that names the scope which an API key lacks."""
    return ("WWW-Authenticate",) if status == HTTPStatus.FORBIDDEN and endpoint.access.scope in KEY_SCOPES else ()


def _links(named: dict[str, Endpoint]) -> Described:
    """Return where its owner can go on with the job of an answer."""
    return {
        operation_id: {"operationId": operation_id, "parameters": {JOB_ID: f"$response.body#/{JOB_ID}"}}
        for operation_id, endpoint in named.items()
        if f"{{{JOB_ID}}}" in endpoint.path and endpoint.access is not Access.ADMIN
    }


def _problems(endpoint: Endpoint) -> dict[int, list[Described]]:
    found: dict[int, list[Described]] = {}
    for kind in dict.fromkeys((*possible_errors(endpoint), *FROM_THE_GATEWAY)):
        if kind.status is not None:
            errors = (EXAMPLE_FIELD_ERROR,) if kind.code == InvalidInput.code else ()
            problem = problem_of(kind, kind.detail, EXAMPLE_OCCURRENCE, errors)
            found.setdefault(kind.status, []).append(msgspec.to_builtins(problem))
    return found

"""The description of the API: a valid document, which says what the service does and no more."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any

import jsonschema_rs
import msgspec
import pytest
from chalice.app import Response
from schemathesis.specs.openapi.definitions import OPENAPI_31

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import Credentials, NewCredentials
from chalicelib.api.openapi import document, document_text
from chalicelib.api.openapi_schemas import Schemas
from chalicelib.api.possible import FROM_THE_GATEWAY, possible_errors
from chalicelib.api.problems import PROBLEM_MEDIA_TYPE, Problem
from chalicelib.api.routes import ENDPOINTS
from chalicelib.domain.operations import OperationPolicy
from chalicelib.job_requests import JobRequest
from chalicelib.operations.registry import TypedOperation
from tests.api.attempts import name_of, prepared
from tests.api.client import Api
from tests.api.description import check, mismatch
from tests.aws import PROJECT
from tests.factories import World

JSON = "application/json"


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_it_is_an_openapi_document(described: dict[str, Any]) -> None:
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(described)
    for name, schema in described["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@pytest.mark.asvs("13.4.5")
def test_it_has_every_public_endpoint_and_nothing_else(described: dict[str, Any]) -> None:
    public = {(each.method, each.path) for each in ENDPOINTS if each.is_public}
    assert {(method, path) for method, path, _ in operations(described)} == public
    assert {"/", "/docs", "/docs/{asset}", "/openapi.json"} <= {each.path for each in ENDPOINTS if not each.is_public}
    names = [operation["operationId"] for *_, operation in operations(described)]
    assert len(set(names)) == len(names) == len(public)
    known_tags = {each["name"] for each in described["tags"]}
    assert all(set(operation["tags"]) <= known_tags for *_, operation in operations(described))


@pytest.mark.asvs("6.4.2")
@pytest.mark.parametrize("form", [Credentials, NewCredentials])
def test_an_account_has_a_name_and_a_password_and_no_hint(form: type[msgspec.Struct]) -> None:
    assert [each.name for each in msgspec.structs.fields(form)] == ["username", "password"]


@pytest.mark.asvs("14.2.1")
def test_no_secret_has_a_place_in_a_url(described: dict[str, Any]) -> None:
    assert {each["type"] for each in described["components"]["securitySchemes"].values()} == {"http"}
    in_urls = [
        parameter["name"]
        for *_, operation in operations(described)
        for parameter in operation.get("parameters", [])
        if parameter["in"] in {"query", "path"}
    ]
    assert in_urls
    assert [name for name in in_urls if re.search("token|password|secret|authorization|api_?key$", name)] == []


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.is_public], ids=lambda each: each.summary)
def test_an_endpoint_is_described_with_every_problem_it_can_meet_and_no_other(
    described: dict[str, Any], endpoint: Endpoint
) -> None:
    responses = described["paths"][endpoint.path][endpoint.method.lower()]["responses"]
    told = {
        (int(status), code)
        for status, answer in responses.items()
        if int(status) >= 400
        for code in answer["content"][PROBLEM_MEDIA_TYPE]["examples"]
    }
    assert told == {(kind.status, kind.code) for kind in (*possible_errors(endpoint), *FROM_THE_GATEWAY)}


def test_its_version_is_the_products(described: dict[str, Any]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert described["info"]["version"] == project["version"]


def test_it_is_made_once_for_a_catalogue() -> None:
    catalogue = World().catalogue
    assert document_text(catalogue) is document_text(catalogue)
    assert Api().get("/openapi.json").json == json.loads(document_text(catalogue))


def test_each_example_is_of_its_schema(described: dict[str, Any]) -> None:
    seen = 0
    for *_, operation in operations(described):
        contents = [operation["requestBody"]] if "requestBody" in operation else []
        contents += operation["responses"].values()
        for media in (each for content in contents for each in content.get("content", {}).values()):
            examples = [each["value"] for each in media["examples"].values()] if "examples" in media else []
            for example in examples or [media["example"]]:
                assert not mismatch(described, media["schema"], example), example
                seen += 1
        for header in (each for answer in operation["responses"].values() for each in answer["headers"].values()):
            assert not mismatch(described, header["schema"], header["example"])
    assert seen > 100


def test_the_first_example_of_a_job_is_the_main_one(described: dict[str, Any]) -> None:
    content = described["paths"]["/jobs"]["post"]["requestBody"]["content"][JSON]
    example = next(iter(content["examples"].values()))["value"]
    assert json.dumps(example) == '{"data": [1, 2, 3], "operation": "square_sum"}'


def test_a_batch_is_described_with_jobs_though_any_json_may_stand_for_one(described: dict[str, Any]) -> None:
    content = described["paths"]["/jobs/batch"]["post"]["requestBody"]["content"][JSON]
    assert content["example"] == {"jobs": [{"data": [1, 2, 3], "operation": "square_sum"}]}
    assert not mismatch(described, content["schema"], {"jobs": [content["example"]["jobs"][0], None, 7]})


SECRETS_OF_ONES_OWN = {"POST /token/refresh": ["refresh_token"], "PUT /me/password": ["current_password"]}
"""What no example can have."""


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.is_public], ids=name_of)
def test_what_the_service_answers_is_what_its_description_says(described: dict[str, Any], endpoint: Endpoint) -> None:
    """Every endpoint is called with its own example; what it needs is there."""
    attempt = prepared(endpoint)
    operation = described["paths"][endpoint.path][endpoint.method.lower()]
    if "requestBody" in operation:
        content = operation["requestBody"]["content"][JSON]
        example = content["example"] if "example" in content else next(iter(content["examples"].values()))["value"]
        attempt.body = example | {name: attempt.body[name] for name in SECRETS_OF_ONES_OWN.get(attempt.name, ())}
        if endpoint.path == "/login":
            attempt.api.registered(**example)
    answer = attempt.send()
    check(described, operation, answer)
    assert answer.status < 300, answer.text
    if endpoint.method == "GET":
        attempt.headers["If-None-Match"] = answer.headers["ETag"]
        again = attempt.send()
        # How one stands with reading is another thing after each read.
        assert again.status == (200 if endpoint.path == "/me/usage" else 304)
        check(described, operation, again)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 202),
        ({"data": [], "operation": "cube_sum"}, 202),
        ({"data": [1.5, 10**30]}, 202),
        ({"data": ["1"]}, 422),
        ({"data": 1}, 422),
        ({"operation": "sqare_sum"}, 422),
        ({"max_attempts": 3}, 202),
        ({"max_attempts": 4}, 422),
        ({"max_attempts": None}, 202),
        ({"timeout_s": 60}, 202),
        ({"timeout_s": 61}, 422),
        ({"timeout_s": 0}, 422),
        ({"delay_s": 31_622_400}, 202),
        ({"delay_s": 31_622_401}, 422),
        ({"delay_s": -1}, 422),
        ({"run_at": "2026-11-23T12:00:00+01:00"}, 202),
        ({"run_at": "tomorrow"}, 422),
        ({"run_at": "2026-11-23T12:00:00Z", "delay_s": 1}, 422),
        ({"run_at": "2026-11-23T12:00:00Z", "delay_s": None}, 202),
        ({"retention_days": 366}, 202),
        ({"retention_days": 367}, 422),
        ({"tags": ["a"], "metadata": {"a": "b"}}, 202),
        ({"tags": [""]}, 422),
        ({"unknown": 1}, 422),
    ],
)
def test_a_job_is_right_to_the_description_when_the_service_takes_it(
    described: dict[str, Any], change: dict[str, Any], status: int
) -> None:
    body = {"data": [1, 2, 3], "operation": "square_sum"} | change
    schema = described["paths"]["/jobs"]["post"]["requestBody"]["content"][JSON]["schema"]
    assert bool(mismatch(described, schema, body)) is (status == 422)
    api = Api()
    assert api.post("/jobs", body, token=api.logged_in()).status == status


def test_examples_of_answers_are_what_such_a_call_gives(described: dict[str, Any]) -> None:
    def shown(method: str, path: str, status: str) -> Any:
        return described["paths"][path][method]["responses"][status]["content"][JSON]["example"]

    assert shown("post", "/jobs/{job_id}/cancel", "202")["status"] == "CANCELLED"
    assert shown("post", "/jobs/{job_id}/retry", "202")["status"] == "PENDING"
    assert [set(each) for each in shown("post", "/jobs/batch", "202")["jobs"]] == [{"job_id", "status"}, {"error"}]
    assert [set(each) for each in shown("post", "/jobs/batch", "200")["jobs"]] == [{"error"}]
    whole = shown("get", "/jobs/{job_id}", "200")
    assert (whole["tags"], whole["metadata"]) == (["nightly"], {"order": "1742"})
    assert whole["expires_at"] > whole["created_at"]
    assert shown("get", "/jobs/{job_id}/events", "200")["events"][0]["transition"] == "SUBMIT"
    (operation,) = shown("get", "/operations", "200")["operations"]
    assert operation in Api().get("/operations").json["operations"]
    for _, path, called in operations(described):
        successes = [answer for status, answer in called["responses"].items() if status < "300"]
        assert '"text"' not in json.dumps([answer.get("content") for answer in successes]), path


def test_every_request_example_is_accepted(described: dict[str, Any]) -> None:
    api = Api()
    token = api.logged_in()
    for path in ("/jobs", "/jobs/batch"):
        content = described["paths"][path]["post"]["requestBody"]["content"][JSON]
        bodies = [each["value"] for each in content["examples"].values()] if "examples" in content else []
        for body in bodies or [content["example"]]:
            answer = api.post(path, body, token=token)
            assert answer.status == 202
            assert "error" not in answer.text


def test_what_a_job_may_have_and_what_a_problem_has_is_described_in_words(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    options = {"delay_s", "run_at", "max_attempts", "timeout_s", "retention_days", "tags", "metadata"}
    told = {"JobRequest.square_sum": options, "Problem": set(schemas["Problem"]["properties"])}
    told |= {"WholeJob": {"attempt", "expires_at", "tags", "metadata"}, "LoggedEvent": {"attempt", "transition"}}
    told |= {"JobList": {"next_cursor"}, "FieldError": {"detail", "pointer"}}
    for name, fields in told.items():
        assert all(schemas[name]["properties"][field].get("description") for field in fields), name


def test_answers_that_differ_by_status_alone_say_which_is_which(described: dict[str, Any]) -> None:
    for path in ("/jobs", "/jobs/batch"):
        responses = described["paths"][path]["post"]["responses"]
        assert "ccepted" in responses["200"]["description"] != responses["202"]["description"] != "Accepted"


def test_it_names_its_server_and_leads_to_the_problems(described: dict[str, Any]) -> None:
    assert described["servers"] == [{"url": ".", "description": "this service"}]
    assert "](problems)" in described["info"]["description"]


def test_a_submitted_job_leads_to_every_call_about_one(described: dict[str, Any]) -> None:
    links = described["paths"]["/jobs"]["post"]["responses"]["202"]["links"]
    about_one = {
        operation["operationId"] for _, path, operation in operations(described) if path.startswith("/jobs/{job_id}")
    }
    assert set(links) == about_one
    assert all(link["parameters"] == {"job_id": "$response.body#/job_id"} for link in links.values())


def test_calls_with_a_token_say_how_to_get_one(described: dict[str, Any]) -> None:
    scheme = described["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert "POST /login" in scheme["description"]
    declared = {(each.method, each.path): each for each in ENDPOINTS}
    for method, path, operation in operations(described):
        access = declared[method, path].access
        assert ("security" in operation) is (access is not Access.ANYONE)
        tells_who_one_is = path in {"/login", "/token/refresh"}
        assert ("401" in operation["responses"]) is (access is not Access.ANYONE or tells_who_one_is)


def test_calls_for_programs_say_which_scope_an_api_key_needs(described: dict[str, Any]) -> None:
    scheme = described["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert all(word in scheme["description"] for word in ("POST /api-keys", "jobs:read", "jobs:write"))
    for method, path, operation in operations(described):
        ways = operation.get("security", [])
        if path.startswith(("/jobs", "/schedules")) or (
            path.startswith("/webhooks") and (method == "GET" or path.endswith(("/test", "/replay")))
        ):
            assert ways == [{"token": []}, {"api_key": ["jobs:read" if method == "GET" else "jobs:write"]}]
        else:
            assert ways in ([], [{"token": []}])


def test_the_parts_of_a_path_are_described_by_their_form(described: dict[str, Any]) -> None:
    for path, name in (("/me/sessions/{session_id}", "session_id"), ("/api-keys/{key_id}", "key_id")):
        (parameter,) = described["paths"][path]["delete"]["parameters"]
        assert (parameter["name"], parameter["in"]) == (name, "path")
        assert not mismatch(described, parameter["schema"], "00000000-0000-4000-9000-000000000006")
        assert mismatch(described, parameter["schema"], "nonsense")
    parameter = described["paths"]["/webhooks/{webhook_id}"]["patch"]["parameters"][0]
    for webhook_id in ("00000000-0000-4000-9000-000000000006", "callbacks"):
        assert not mismatch(described, parameter["schema"], webhook_id)
    for webhook_id in ("nonsense", "callbacks2", "my-callbacks"):
        assert mismatch(described, parameter["schema"], webhook_id)
    parameter = described["paths"]["/users/{username}"]["patch"]["parameters"][0]
    for name in ("ada", "ada.l+x@example.com"):
        assert not mismatch(described, parameter["schema"], name)
    assert mismatch(described, parameter["schema"], "a b")


def test_it_tells_how_to_stay_signed_in(described: dict[str, Any]) -> None:
    told = described["info"]["description"]
    assert all(call in told for call in ("POST /login", "POST /token/refresh", "POST /api-keys"))


class Point(msgspec.Struct):
    x: int
    y: int


class OneOperation:
    """A catalogue of one operation, whose data is of types with names."""

    def __init__(self) -> None:
        self.only = TypedOperation(
            name="distance",
            description="How far two points are apart.",
            function=lambda data: data,
            takes_job=False,
            policy=OperationPolicy(max_attempts=1, timeout_s=5),
            input_schema=msgspec.json.schema(tuple[Point, Point]),
            decoder=msgspec.json.Decoder(tuple[Point, Point]),
        )

    def find(self, name: str) -> TypedOperation | None:
        return self.only if name == self.only.name else None

    def all(self) -> list[TypedOperation]:
        return [self.only]


def test_types_within_an_operations_data_are_described_too() -> None:
    described = document(ENDPOINTS, OneOperation())
    schema = {"$ref": "#/components/schemas/JobRequest"}
    points = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    assert not mismatch(described, schema, {"operation": "distance", "data": points})
    assert mismatch(described, schema, {"operation": "distance", "data": [{"x": 1}, {"x": 3, "y": 4}]})
    assert mismatch(described, schema, {"operation": "distance", "data": points, "max_attempts": 2})
    content = described["paths"]["/jobs"]["post"]["requestBody"]["content"][JSON]
    assert content["example"] == {"data": [{"x": 1, "y": 1}, {"x": 1, "y": 1}], "operation": "distance"}


class NoOperation(OneOperation):
    def all(self) -> list[TypedOperation]:
        return []


def test_without_operations_a_job_is_described_in_general() -> None:
    schema = Schemas([JobRequest], NoOperation()).components["JobRequest"]
    assert schema["properties"]["operation"]["type"] == "string"


class Thing(msgspec.Struct):
    """A ``thing``."""

    name: str
    sizes: list[float]
    good: bool


class ThingQuery(msgspec.Struct, forbid_unknown_fields=True):
    size: int | str | None = None
    old: bool = False


@pytest.mark.asvs("13.4.5")
def test_an_endpoint_is_described_from_its_declaration_alone() -> None:
    def put_thing(_call: Call) -> Response:
        raise NotImplementedError

    endpoint = Endpoint(
        method="PUT",
        path="/things/{name}",
        summary="Put a thing",
        handler=put_thing,
        answers={204: None},
        body=Thing,
        query=ThingQuery,
        headers=("X-New",),
        gives=("X-Other",),
    )
    described = document([endpoint], World().catalogue)
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(described)
    operation = described["paths"]["/things/{name}"]["put"]
    assert [(each["in"], each["name"], each["schema"]) for each in operation["parameters"]] == [
        ("path", "name", {"type": "string"}),
        ("query", "size", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ("query", "old", {"type": "boolean", "default": False}),
        ("header", "X-New", {"type": "string"}),
    ]
    assert operation["requestBody"]["content"][JSON]["example"] == {"name": "text", "sizes": [1, 2, 3], "good": True}
    assert set(operation["responses"]["204"]["headers"]) == {"X-Other", "X-Request-Id"}
    assert described["components"]["schemas"]["Thing"]["description"] == "A `thing`."
    assert "ThingQuery" not in described["components"]["schemas"]


class Settled(msgspec.Struct):
    """One of several: with what it became, or with why it was refused."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    error: Problem | msgspec.UnsetType = msgspec.UNSET


class SettledBatch(msgspec.Struct):
    things: list[
        Annotated[Settled, msgspec.Meta(extra_json_schema={"oneOf": [{"required": ["name"]}, {"required": ["error"]}]})]
    ]


class Batch(msgspec.Struct):
    jobs: Annotated[tuple[JobRequest, ...], msgspec.Meta(min_length=1, max_length=100)]


def test_jobs_within_a_batch_are_described_as_precisely_as_one() -> None:
    def submit_batch(_call: Call) -> Response:
        raise NotImplementedError

    endpoint = Endpoint(
        method="POST",
        path="/things",
        summary="Submit many",
        handler=submit_batch,
        answers={202: SettledBatch},
        body=Batch,
        headers=("Idempotency-Key",),
    )
    described = document([endpoint], World().catalogue)
    operation = described["paths"]["/things"]["post"]
    body = operation["requestBody"]["content"][JSON]
    assert body["example"] == {"jobs": [{"data": [1, 2, 3], "operation": "square_sum"}]}
    assert not mismatch(described, body["schema"], body["example"])
    assert mismatch(described, body["schema"], {"jobs": [{"data": [1], "operation": "square_sum", "timeout_s": 61}]})
    assert operation["responses"]["202"]["content"][JSON]["example"] == {"things": [{"name": "text"}]}
    assert "Idempotent-Replayed" in operation["responses"]["202"]["headers"]
    (key,) = operation["parameters"]
    for right in ("a", "8e03978e-40d5-43e8-bc93-6894a57f9324", '"quoted, with \\" and spaces"', "a" * 255):
        assert not mismatch(described, key["schema"], right)
    for wrong in ("", " ", '"', '"open', "\u00e9", "a" * 256, '""', '"\\a"'):
        assert mismatch(described, key["schema"], wrong)


def test_a_filter_by_operation_names_those_there_are() -> None:
    class Filter(msgspec.Struct):
        operation: str | None = None

    (parameter,) = Schemas([Filter], World().catalogue).parameters(Filter)
    assert parameter["schema"] == {"type": "string", "enum": ["cube_sum", "square_sum"]}

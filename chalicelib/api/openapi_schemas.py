"""The schemas of the OpenAPI description, made of the types that validate, and the examples made of the schemas."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from chalicelib.api.schedule_schemas import ScheduleChange, ScheduleRequest
from chalicelib.job_requests import JobRequest
from chalicelib.ports import Operation, OperationCatalogue

Schema = dict[str, Any]

REF: Final = "#/components/schemas/"
A_FEW_NUMBERS: Final = [1, 2, 3]
TEXT: Final = "text"
INSTANT: Final = "2026-11-24T12:00:00Z"
BOTH_TIMES: Final = {"delay_s": {"type": "integer"}, "run_at": {"type": "string"}}
NOT_BOTH_TIMES: Final = {"not": {"required": list(BOTH_TIMES), "properties": BOTH_TIMES}}
"""What a type cannot say of the body of ``POST /jobs``."""

ONE_TIMING: Final = {
    "oneOf": [
        {"required": ["cron"], "properties": {"cron": {"type": "string"}, "rate_s": {"type": "null"}}},
        {"required": ["rate_s"], "properties": {"cron": {"type": "null"}, "rate_s": {"type": "integer"}}},
    ]
}
"""What a type cannot say of the body of ``POST /schedules``."""

TIMINGS: Final[tuple[Schema, ...]] = ({"cron": "30 2 * * *", "time_zone": "Europe/Zurich"}, {"rate_s": 3600})
"""One example of each."""

NOT_BOTH_TIMINGS: Final = {"not": {"required": ["cron", "rate_s"]}, "examples": [{"is_paused": True}]}
"""What a type cannot say of the body of ``PATCH /schedules/{schedule_id}``."""


class Schemas:
    """The schemas of some types; ``components`` are those that have a name."""

    def __init__(self, types: Iterable[type], operations: OperationCatalogue) -> None:
        distinct = list(dict.fromkeys(types))
        of_types, components = msgspec.json.schema_components(distinct, ref_template=REF + "{name}")
        self._of = dict(zip(distinct, of_types, strict=True))
        self.components: dict[str, Schema] = {name: _legible(each) for name, each in components.items()}
        self._operation_names = [each.name for each in operations.all()]
        if self._operation_names:
            self._describe_jobs(JobRequest, NOT_BOTH_TIMES, ({},), operations)
            self._describe_jobs(ScheduleRequest, ONE_TIMING, TIMINGS, operations)
        if ScheduleChange.__name__ in self.components:
            self.components[ScheduleChange.__name__] |= NOT_BOTH_TIMINGS

    def of(self, form: type) -> Schema:
        """Return the schema of a type, which may refer to a component."""
        return self._of[form]

    def properties(self, form: type) -> Mapping[str, Schema]:
        """Return the schemas of a type's fields."""
        found: Mapping[str, Schema] = self._resolved(self.of(form)).get("properties", {})
        return found

    def parameters(self, form: type) -> Iterator[Schema]:
        """Give the query's parameters; a query has no ``null``, and what may be left out says so by itself."""
        whole = self._resolved(self.of(form))
        for name, field in whole["properties"].items():
            schema = _without_null(field)
            if name == "operation":
                schema["enum"] = self._operation_names
            described = {"description": schema["description"]} if "description" in schema else {}
            required = name in whole["required"]
            yield {"name": name, "in": "query", "required": required, **described, "schema": schema}

    def examples(self, form: type) -> list[Any]:
        """Return bodies of a type, at least one."""
        schema = self._resolved(self.of(form))
        return list(schema.get("examples", ())) or [self.example(schema)]

    def example(self, schema: Schema) -> Any:  # noqa: ANN401, PLR0911 - any JSON; one return for each kind of it
        """Return a value of a schema: its own example, or one made of those of its parts."""
        schema = self._resolved(schema)
        given = [*schema.get("examples", ()), *schema.get("enum", ())]
        given += [schema[word] for word in ("const", "default") if word in schema]
        choices = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
        if given or choices:
            return given[0] if given else self.example(_narrowed(schema, choices[0]))
        match schema.get("type"):
            case "object":
                return {name: self.example(schema["properties"][name]) for name in schema.get("required", ())}
            case "array":
                return self._array(schema)
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
            case "string":
                return INSTANT if schema.get("format") == "date-time" else TEXT
            case "boolean":
                return True
            case _:
                return None

    def _array(self, schema: Schema) -> list[Any]:
        if "prefixItems" in schema:
            return [self.example(each) for each in schema["prefixItems"]]
        item = self.example(schema.get("items", {}))
        if type(item) is int and schema.get("maxItems", len(A_FEW_NUMBERS)) >= len(A_FEW_NUMBERS):
            return A_FEW_NUMBERS
        return [item] * max(1, schema.get("minItems", 1))

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        return self.components[schema["$ref"].removeprefix(REF)] | beside

    def _describe_jobs(
        self, form: type, rule: Schema, timings: Iterable[Schema], operations: OperationCatalogue
    ) -> None:
        """
        Replace the one schema of jobs by one for each operation, whose data and bounds are the operation's own.

        ``rule`` holds for all of them, and there is an example of each with each of the ``timings``.
        """
        name = form.__name__
        if name not in self.components:
            return
        general = self.components[name]
        properties = general["properties"]
        shown = properties["operation"]["examples"][0], properties["data"]["examples"][0]
        examples = []
        refs = []
        for operation in sorted(operations.all(), key=lambda each: each.name != shown[0]):
            own = f"{name}.{operation.name}"
            self.components |= _definitions(operation, own)
            self.components[own] = _for_operation(general, operation, own) | rule
            refs.append({"$ref": REF + own})
            data = shown[1] if operation.name == shown[0] else self.example(self.components[own]["properties"]["data"])
            examples += [{**timing, "data": data, "operation": operation.name} for timing in timings]
        kept = {word: general[word] for word in ("title", "description")}
        self.components[name] = {**kept, "oneOf": refs, "examples": examples}


def _for_operation(general: Schema, operation: Operation, name: str) -> Schema:
    data = {word: value for word, value in operation.input_schema.items() if word != "$defs"}
    changed = general["properties"] | {
        "data": _moved(data, name),
        "operation": {"type": "string", "const": operation.name},
        "max_attempts": _at_most(general["properties"]["max_attempts"], operation.policy.max_attempts),
        "timeout_s": _at_most(general["properties"]["timeout_s"], operation.policy.timeout_s),
    }
    return general | {"title": name, "description": operation.description, "properties": changed}


def _at_most(optional: Schema, most: int) -> Schema:
    bound, null = optional["anyOf"]
    return optional | {"anyOf": [bound | {"maximum": most}, null]}


def _definitions(operation: Operation, name: str) -> dict[str, Schema]:
    """Return the types within an operation's data as components."""
    found: Any = operation.input_schema.get("$defs", {})
    return {f"{name}.{each}": _moved(schema, name) for each, schema in found.items()}


def _moved(value: Any, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a schema whose references lead to the components that its definitions have become."""
    if isinstance(value, list):
        return [_moved(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    moved = {word: _moved(each, name) for word, each in value.items()}
    if isinstance(reference := moved.get("$ref"), str):
        moved["$ref"] = reference.replace("#/$defs/", f"{REF}{name}.", 1)
    return moved


def _narrowed(schema: Schema, choice: Schema) -> Schema:
    """Return one choice of a schema with what holds for all of them."""
    general = {word: value for word, value in schema.items() if word not in {"oneOf", "anyOf"}}
    return choice if "$ref" in choice else general | choice


def _legible(schema: Schema) -> Schema:
    """Return a component with its docstring's marks as Markdown has them, and each field's description beside it."""
    changed: Schema = {}
    if "description" in schema:
        changed["description"] = schema["description"].replace("``", "`")
    if "properties" in schema:
        changed["properties"] = {name: _told(field) for name, field in schema["properties"].items()}
    return schema | changed


def _told(field: Schema) -> Schema:
    """Return a field that may be null with the description of what else it may be, which readers do not look into."""
    told = [each["description"] for each in field.get("anyOf", ()) if "description" in each]
    return {"description": told[0]} | field if told else field


def _without_null(schema: Schema) -> Schema:
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    beside = {word: value for word, value in schema.items() if word != "anyOf"}
    if not kinds:
        kept = schema
    elif len(kinds) == 1:
        kept = kinds[0] | beside
    else:
        kept = beside | {"anyOf": kinds}
    return {word: value for word, value in kept.items() if (word, value) != ("default", None)}

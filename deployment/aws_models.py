"""The extract of botocore's descriptions of AWS that goes into the zip: see `chalicelib.adapters.aws_models`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.loaders import Loader

from chalicelib.adapters.aws_models import OPERATIONS


def extracts() -> dict[str, bytes]:
    """Return the files of the extract, by their paths in it, made of those of the botocore that is installed."""
    loader = Loader()
    files: dict[str, Any] = {"endpoints.json": _endpoints(loader.load_data("endpoints"))}
    for service, operations in OPERATIONS.items():
        folder = f"{service}/{loader.determine_latest_version(service, 'service-2')}"
        files[f"{folder}/service-2.json"] = _model(loader.load_service_model(service, "service-2"), operations)
        rules = loader.load_service_model(service, "endpoint-rule-set-1")
        files[f"{folder}/endpoint-rule-set-1.json"] = rules
    return {name: json.dumps(content, separators=(",", ":")).encode() for name, content in files.items()}


def _endpoints(whole: Mapping[str, Any]) -> dict[str, Any]:
    partitions = [
        {**each, "services": {name: of for name, of in each["services"].items() if name in OPERATIONS}}
        for each in whole["partitions"]
    ]
    return {**whole, "partitions": partitions}


def _model(whole: Mapping[str, Any], operations: Sequence[str]) -> dict[str, Any]:
    """Return the description of a service with these operations, the shapes that they need, and no words on them."""
    kept = {name: whole["operations"][name] for name in operations}
    needed: set[str] = set()
    waiting = [name for operation in kept.values() for name in _named(operation)]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += _named(whole["shapes"][name])
    shapes = {name: shape for name, shape in whole["shapes"].items() if name in needed}
    undocumented: dict[str, Any] = _undocumented({**whole, "operations": kept, "shapes": shapes})
    return undocumented


def _named(part: object) -> Iterator[str]:
    """Give the names of the shapes that a part of a description refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for inner in part.values():
            yield from _named(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _named(inner)


def _undocumented(part: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(part, dict):
        # A member may have that name too; it is then no text.
        return {
            name: _undocumented(inner)
            for name, inner in part.items()
            if not (name == "documentation" and isinstance(inner, str))
        }
    return [_undocumented(inner) for inner in part] if isinstance(part, list) else part

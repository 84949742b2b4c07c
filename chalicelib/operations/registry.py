"""
Finds the operations and gives them their JSON edge.

An operation is a module of a package with one function of the module's own name, which takes ``data`` and returns a
value; both types are annotated, and are what `msgspec` can decode and encode. The name of the module is the name in the
API, the docstring's first line its description, the annotation of ``data`` its input schema.

A function that takes a second parameter, ``job``, is given the job it runs for; a constant ``POLICY`` beside it says
how often and for how long the operation is tried.
"""

import inspect
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, get_type_hints
from urllib.parse import quote

import msgspec

from chalicelib.domain.errors import InvalidInput, JobFailed
from chalicelib.domain.numbers import INTEGER_BOUND, INTEGER_MAX_DIGITS
from chalicelib.domain.operations import OperationPolicy, RunningJob
from chalicelib.validation import described


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedOperation:
    """One operation: a typed function behind JSON text; ``input_schema`` is the JSON Schema of ``data``."""

    name: str
    description: str
    function: Callable[..., object]
    takes_job: bool
    policy: OperationPolicy
    input_schema: Mapping[str, object]
    decoder: msgspec.json.Decoder[Any] = field(repr=False)

    @classmethod
    def from_module(cls, module: ModuleType) -> "TypedOperation":
        """
        Read the operation that ``module`` defines.

        Raises:
            TypeError: The module does not hold a plain function of its own name with ``data``, perhaps ``job``, and the
                result annotated and a docstring, or no JSON can be of the type of ``data``, or its ``POLICY`` is none;
                the message says what is wrong.
        """
        name = module.__name__.rpartition(".")[2]
        function = getattr(module, name, None)
        if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
            message = f"{module.__name__} must define a plain function {name}(data)"
            raise TypeError(message)
        hints = get_type_hints(function, include_extras=True)
        parameters = list(inspect.signature(function).parameters)
        takes_job = parameters == ["data", "job"]
        if not (parameters == ["data"] or takes_job) or set(hints) != {*parameters, "return"}:
            message = (
                f"{module.__name__}.{name} must take exactly one parameter, data, and annotate it and the result; "
                "a second parameter may be job: RunningJob"
            )
            raise TypeError(message)
        if takes_job and hints["job"] is not RunningJob:
            message = f"{module.__name__}.{name} must annotate job as chalicelib.domain.operations.RunningJob"
            raise TypeError(message)
        policy = getattr(module, "POLICY", OperationPolicy())
        if not isinstance(policy, OperationPolicy):
            message = f"{module.__name__}.POLICY must be a chalicelib.domain.operations.OperationPolicy"
            raise TypeError(message)
        doc = (inspect.getdoc(function) or "").strip()
        if not doc:
            message = f"{module.__name__}.{name} needs a docstring: its first line is shown to the users"
            raise TypeError(message)
        try:
            input_schema = msgspec.json.schema(hints["data"])
        except TypeError as unfit:
            message = f"{module.__name__}.{name} takes data of a type that JSON has no form for: {unfit}"
            raise TypeError(message) from unfit
        return cls(
            name=name,
            description=doc.splitlines()[0],
            function=function,
            takes_job=takes_job,
            policy=policy,
            input_schema=input_schema,
            decoder=msgspec.json.Decoder(hints["data"]),
        )

    def accepted_input(self, data_json: bytes) -> str:
        """Return the data as canonical JSON text; see `chalicelib.ports.Operation`."""
        try:
            data = self.decoder.decode(data_json)
        except msgspec.ValidationError as wrong:
            detail, pointer = described(wrong, root="#/data")
            if detail.endswith("out of range"):
                detail += (
                    f"; an integer may have {INTEGER_MAX_DIGITS} digits, and a float reach {sys.float_info.max:.1e}"
                )
            raise InvalidInput(detail, pointer=pointer) from wrong
        except UnicodeDecodeError as broken:
            detail = "the data is not UTF-8"
            raise InvalidInput(detail, pointer="#/data") from broken
        except RecursionError as deep:
            detail = "the data is nested too deeply"
            raise InvalidInput(detail, pointer="#/data") from deep
        for pointer in _oversized_integers(msgspec.to_builtins(data), "#/data"):
            detail = f"an integer of more than {INTEGER_MAX_DIGITS} digits is not accepted"
            raise InvalidInput(detail, pointer=pointer)
        return msgspec.json.encode(data).decode()

    def run(self, data_json: str, job: RunningJob | None = None) -> str:
        """
        Compute the result as JSON text; see `chalicelib.ports.Operation`.

        ``job`` is handed to a function that takes it; only for one that does not may it be left out.
        """
        data = self.decoder.decode(data_json.encode())
        result = self.function(data, job=job) if self.takes_job else self.function(data)
        try:
            # The standard library's encoder, because msgspec writes NaN and infinity as null.
            return json.dumps(msgspec.to_builtins(result), allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as unfit:
            detail = f"the result has no JSON form: {unfit}"
            raise JobFailed(detail) from unfit


class OperationRegistry:
    """The operations of one package, by name."""

    def __init__(self, package: ModuleType) -> None:
        """
        Import every module of ``package`` but this one.

        Raises:
            TypeError: A module does not define an operation, or its policy cannot be kept.
        """
        names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "registry")
        modules = (_imported(f"{package.__name__}.{name}") for name in names)
        self._operations = {operation.name: operation for operation in map(TypedOperation.from_module, modules)}

    def find(self, name: str) -> TypedOperation | None:
        """Return the operation of this name, or ``None``."""
        return self._operations.get(name)

    def all(self) -> Sequence[TypedOperation]:
        """Return every operation, by name."""
        return list(self._operations.values())


def _imported(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ValueError as wrong:
        message = f"{name} has a value that cannot be kept: {wrong}"
        raise TypeError(message) from wrong


def _oversized_integers(value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, int):
        if not -INTEGER_BOUND < value < INTEGER_BOUND:
            yield pointer
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _oversized_integers(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            # RFC 6901, sections 3 and 6.
            step = quote(str(key).replace("~", "~0").replace("/", "~1"), safe="~")
            yield from _oversized_integers(item, f"{pointer}/{step}")

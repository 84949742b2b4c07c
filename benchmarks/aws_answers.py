"""
What AWS answers to the product on its normal path, and nothing else: rows that are really kept, messages, a parameter.

`benchmarks.sink` gives these answers over HTTP, and `benchmarks.product_process` gives them without, in the place of
its clients: the members are the same. Every condition is taken for true, as it is on the normal path; what the
product makes of its rows is kept, so that the result of each job can be looked at afterwards.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from uuid import uuid4

from tests.aws import RESOURCES

JSON = dict[str, Any]
Change = Callable[[JSON, JSON], JSON | None]
"""Of a row as it was and an update's values: what an attribute becomes, ``None`` if it is removed."""

Step = tuple[str, Change]
"""The attribute that one action of an update changes, and how."""

TABLES = ("Jobs", "Limits", "Credentials", "Pauses")
"""Those that the normal path of a job meets; each is called by its name in the template, in lower case."""

KEYS = {
    name.lower(): tuple(each["AttributeName"] for each in RESOURCES[f"{name}Table"]["Properties"]["KeySchema"])
    for name in TABLES
}

_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE) (.*?)(?= SET | REMOVE | ADD | DELETE |$)")
_ACTION = re.compile(r"(?:[^,(]|\([^)]*\))+")
"""Of a clause: what is between commas, but for those in brackets."""


class Unanswerable(Exception):
    """A call that the normal path of a job does not make; the message names it."""


@dataclass(kw_only=True)
class Answers:
    """The state behind the answers, and how often each operation was called."""

    calls: Counter[str] = field(default_factory=Counter)
    rows: dict[str, dict[tuple[str, ...], JSON]] = field(default_factory=lambda: {table: {} for table in KEYS})
    messages: list[str] = field(default_factory=list)
    parameter: str = ""

    def answer(self, operation: str, asked: JSON) -> JSON:
        """
        Return the answer to one call, as its wire form and a client's answer have it alike.

        Raises:
            Unanswerable: It is none of the normal path.
        """
        self.calls[operation] += 1
        match operation:
            case "UpdateItem":
                return self._updated(asked)
            case "PutItem":
                table = asked["TableName"]
                self.rows[table][_place(table, asked["Item"])] = asked["Item"]
                return {}
            case "GetItem":
                found = self.rows[asked["TableName"]].get(_place(asked["TableName"], asked["Key"]))
                return {} if found is None else {"Item": found}
            case "Query" if asked["TableName"] == "pauses":
                return {"Items": [], "Count": 0, "ScannedCount": 0}
            case "SendMessage":
                self.messages.append(asked["MessageBody"])
                digest = hashlib.md5(asked["MessageBody"].encode(), usedforsecurity=False).hexdigest()
                return {"MD5OfMessageBody": digest, "MessageId": str(uuid4())}
            case "GetParameter":
                return {"Parameter": {"Name": asked["Name"], "Type": "SecureString", "Value": self.parameter}}
        message = f"{operation} is no call of a job's normal path"
        raise Unanswerable(message)

    def told(self, *, parameter: str = "", rows: Iterable[tuple[str, JSON]] = ()) -> JSON:
        """Take a new value of the parameter, if there is one, and rows, each with its table; return the `report`."""
        self.parameter = parameter or self.parameter
        for table, row in rows:
            self.answer("PutItem", {"TableName": table, "Item": row})
        return self.report()

    def report(self) -> JSON:
        """Return the calls, the messages, and the jobs by status and result since the last report; forget them."""
        jobs = Counter(
            f"{row['status']['S']} {row.get('result', {}).get('S', '')}".strip() for row in self.rows["jobs"].values()
        )
        told = {"calls": dict(self.calls), "messages": self.messages, "jobs": dict(jobs)}
        self.calls = Counter()
        self.messages = []
        self.rows["jobs"] = {
            place: row for place, row in self.rows["jobs"].items() if row["status"]["S"] in {"PENDING", "IN_PROGRESS"}
        }
        return told

    def _updated(self, asked: JSON) -> JSON:
        table = asked["TableName"]
        rows, place = self.rows[table], _place(table, asked["Key"])
        before: JSON = rows.get(place) or asked["Key"]
        after = dict(before)
        for name, change in _steps(asked["UpdateExpression"], tuple(asked.get("ExpressionAttributeNames", {}).items())):
            value = change(before, asked["ExpressionAttributeValues"])
            if value is None:
                after.pop(name, None)
            else:
                after[name] = value
        rows[place] = after
        return {"Attributes": after} if asked.get("ReturnValues") == "ALL_NEW" else {}


def _place(table: str, item: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in KEYS[table])


@cache
def _steps(expression: str, names: tuple[tuple[str, str], ...]) -> list[Step]:
    """Return what an update does, step by step; read once for each expression, as all jobs have the same few."""
    named = dict(names)
    steps: list[Step] = []
    for clause, actions in _CLAUSE.findall(expression):
        for action in _ACTION.findall(actions):
            words = [named.get(word, word) for word in re.findall(r"[#:\w]+|[=+]", action)]
            steps.append(_step(clause, words))
    return steps


def _step(clause: str, words: list[str]) -> Step:
    match clause, words:
        case "REMOVE", [name]:
            return name, lambda _before, _values: None
        case "ADD", [name, value]:
            return name, partial(_sum, name, value)
        case "SET", [name, "=", value] if value.startswith(":"):
            return name, lambda _before, values: values[value]
        case "SET", [name, "=", value, "+", other]:
            return name, partial(_sum, other, value)
        case "SET", [name, "=", "if_not_exists", old, other]:
            return name, partial(_first, old, other)
        case "SET", [name, "=", "list_append", old, value]:
            return name, lambda before, values: {"L": [*before[old]["L"], *values[value]["L"]]}
    message = f"{clause} {' '.join(words)} is no update of a job's normal path"
    raise Unanswerable(message)


def _sum(name: str, value: str, before: JSON, values: JSON) -> JSON:
    return {"N": str(int(before.get(name, {"N": "0"})["N"]) + int(values[value]["N"]))}


def _first(old: str, other: str, before: JSON, values: JSON) -> JSON:
    found: JSON = before[old] if old in before else values[other] if other.startswith(":") else before[other]
    return found

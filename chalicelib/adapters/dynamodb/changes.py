"""A row's change as an UpdateExpression that sends only what has changed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.adapters.dynamodb.keys import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The parts of an ``UpdateItem``: each placeholder is the attribute's name behind ``#`` or ``:``."""

    update: str
    names: "Mapping[str, str]"
    values: "Item"


def change(before: "Item", after: "Item") -> Change:
    """
    Return what makes ``after`` of ``before``; at least one attribute of ``after`` differs.

    >>> made = change({"token": {"S": "a"}, "slot": {"S": "1"}}, {"token": {"S": "b"}})
    >>> made.update
    'SET #token = :token REMOVE #slot'
    >>> made.names, made.values
    ({'#token': 'token', '#slot': 'slot'}, {':token': {'S': 'b'}})
    """
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    removed = sorted(before.keys() - after.keys())
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in changed)
    if removed:
        update += " REMOVE " + ", ".join(f"#{name}" for name in removed)
    return Change(
        update=update,
        names={f"#{name}": name for name in (*changed, *removed)},
        values={f":{name}": value for name, value in changed.items()},
    )

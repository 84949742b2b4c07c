"""The users table, and what is written in one transaction with a user."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.account_items import from_user_item, to_credential_item, to_user_item
from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.items import text
from chalicelib.adapters.dynamodb.keys import user_key
from chalicelib.adapters.dynamodb.transactions import Backoff, Transactions
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.credentials import Credential
from chalicelib.domain.errors import ConcurrentUpdate, Conflict
from chalicelib.domain.users import User, UserId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

NAME_IS_FREE = "attribute_not_exists(username_key)"
"""The key is the case-folded name, so one conditional put makes it unique."""

IS_THIS_USER = "user_id = :user_id"
"""Whoever has the name now may have registered it after this user's account was removed."""

IS_UNCHANGED = "#user_id = :was_user_id AND #password_hash = :was_password_hash AND {role} AND {is_disabled}"
"""
`User.is_unchanged_since`: the account that was seen, with the same password and the same rights.

Items lack a role and a mark that are as nearly all have them; the condition is then that they still lack it.
"""

FENCE = ("user_id", "password_hash", "role", "is_disabled")
"""The attributes that `IS_UNCHANGED` is about."""

CREDENTIAL_IS_NEW = "attribute_not_exists(credential_id)"
"""Ids are random, so one that is there was put by this very transaction, whose response was lost."""


class DynamoDBUserRepository:
    """Users by name; see `chalicelib.account_ports.UserRepository`."""

    def __init__(
        self,
        client: "Callable[[], DynamoDBClient]",
        *,
        users_table: str,
        credentials_table: str,
        audit: DynamoDBAuditTrail,
        backoff: Backoff,
    ) -> None:
        self._client = client
        self._transactions = Transactions(client, backoff)
        self._users_table = users_table
        self._credentials_table = credentials_table
        self._audit = audit

    def add(self, user: User, event: AuditEvent) -> None:
        """Store a new user and the event, or raise `Conflict`."""
        put_user: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._users_table,
                "Item": to_user_item(user),
                "ConditionExpression": NAME_IS_FREE,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }
        refused = self._transactions.write([put_user, self._audit.put(event)], table="users")
        holder = refused.get(0)
        if holder and from_user_item(holder).user_id != user.user_id:
            detail = "this username is taken; choose another"
            raise Conflict(detail)
        # else done, by now or by our own first call, whose response was lost

    def find(self, username: str) -> User | None:
        """Return the user of this name, or ``None``."""
        client = self._client()
        with unavailable_when_away("the users table"):
            answer = client.get_item(TableName=self._users_table, Key=user_key(username), ConsistentRead=True)
        item = answer.get("Item")
        return from_user_item(item) if item else None

    def change(
        self, seen: User, to: User, *, events: Sequence[AuditEvent], credential: Credential | None = None
    ) -> None:
        """Write the user as ``to``, with the events and a new credential, or raise `ConcurrentUpdate`."""
        puts = [self._audit.put(event) for event in events]
        if credential is not None:
            puts.append(self._put_credential(credential))
        refused = self._transactions.write([self._changed(seen, to), *puts], table="users")
        if not refused:
            return
        row = refused.get(0)
        found = from_user_item(row) if row else None
        # What is put is of this very change: found there, it was done, and its response was lost.
        if refused.keys() == {0} and (puts or found != to):
            raise ConcurrentUpdate(found)

    def remove(self, username: str, user_id: UserId) -> None:
        """Remove the user who has this name, if it is this one."""
        client = self._client()
        try:
            with conditional_write("users"):
                client.delete_item(
                    TableName=self._users_table,
                    Key=user_key(username),
                    ConditionExpression=IS_THIS_USER,
                    ExpressionAttributeValues={":user_id": text(user_id)},
                )
        except ConditionRefused:
            return

    def _changed(self, seen: User, to: User) -> "TransactWriteItemTypeDef":
        """Return the action that writes what has changed, or only checks that nothing else has."""
        before, after = to_user_item(seen), to_user_item(to)
        written = {name: value for name, value in after.items() if value != before.get(name)}
        removed = before.keys() - after.keys()
        condition = IS_UNCHANGED.format(
            role=_is_as_seen("role", before), is_disabled=_is_as_seen("is_disabled", before)
        )
        values = {f":was_{name}": before[name] for name in FENCE if name in before}
        if not written and not removed:
            return {
                "ConditionCheck": {
                    "TableName": self._users_table,
                    "Key": user_key(seen.username),
                    "ConditionExpression": condition,
                    "ExpressionAttributeNames": {f"#{name}": name for name in FENCE},
                    "ExpressionAttributeValues": values,
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            }
        return {
            "Update": {
                "TableName": self._users_table,
                "Key": user_key(seen.username),
                "UpdateExpression": _setting(written) + _removing(removed),
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {f"#{name}": name for name in {*FENCE, *written, *removed}},
                "ExpressionAttributeValues": values | {f":{name}": value for name, value in written.items()},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _put_credential(self, credential: Credential) -> "TransactWriteItemTypeDef":
        return {
            "Put": {
                "TableName": self._credentials_table,
                "Item": to_credential_item(credential),
                "ConditionExpression": CREDENTIAL_IS_NEW,
            }
        }


def _is_as_seen(name: str, before: Collection[str]) -> str:
    return f"#{name} = :was_{name}" if name in before else f"attribute_not_exists(#{name})"


def _setting(written: Collection[str]) -> str:
    return "SET " + ", ".join(f"#{name} = :{name}" for name in written) if written else ""


def _removing(removed: Collection[str]) -> str:
    return " REMOVE " + ", ".join(f"#{name}" for name in removed) if removed else ""

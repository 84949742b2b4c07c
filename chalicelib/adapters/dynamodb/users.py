"""The users table."""

from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.items import from_user_item, to_user_item
from chalicelib.adapters.dynamodb.keys import user_key
from chalicelib.domain.errors import Conflict
from chalicelib.domain.users import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

NAME_IS_FREE = "attribute_not_exists(username_key)"
"""The key is the case-folded name, so one conditional put makes it unique."""


class DynamoDBUserRepository:
    """Users by name; see `chalicelib.ports.UserRepository`."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", *, table: str) -> None:
        self._client = client
        self._table = table

    def add(self, user: User) -> None:
        """Store a new user, or raise `Conflict`."""
        client = self._client()
        try:
            with conditional_write("users"):
                client.put_item(
                    TableName=self._table,
                    Item=to_user_item(user),
                    ConditionExpression=NAME_IS_FREE,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            if refused.found and from_user_item(refused.found).user_id == user.user_id:
                return  # our own put, whose first response was lost
            detail = "this username is taken; choose another"
            raise Conflict(detail) from refused

    def find(self, username: str) -> User | None:
        """Return the user of this name, or ``None``."""
        client = self._client()
        with unavailable_when_away("the users table"):
            answer = client.get_item(TableName=self._table, Key=user_key(username), ConsistentRead=True)
        item = answer.get("Item")
        return from_user_item(item) if item else None

"""The credentials table: sessions and API keys by owner and id."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chalicelib.adapters.aws import unavailable_when_away
from chalicelib.adapters.dynamodb.account_items import from_credential_item, to_rotated_attributes
from chalicelib.adapters.dynamodb.audit import DynamoDBAuditTrail
from chalicelib.adapters.dynamodb.batch_deletes import delete_all
from chalicelib.adapters.dynamodb.conditional import ConditionRefused, conditional_write
from chalicelib.adapters.dynamodb.items import epoch_ms, text
from chalicelib.adapters.dynamodb.keys import credential_key
from chalicelib.adapters.dynamodb.transactions import Backoff, Transactions
from chalicelib.domain.audit import AuditEvent
from chalicelib.domain.credentials import ApiKey, Credential, CredentialId, Session
from chalicelib.domain.errors import ConcurrentUpdate
from chalicelib.domain.users import UserId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
    )

IS_THERE = "attribute_exists(credential_id)"
"""An update must not bring back a row that was removed: only the transaction that checks the account makes one."""

IS_CURRENT = "current_digest = :previous_digest"
"""Of simultaneous refreshes with one token, one replaces it. Also false when the session has ended."""


class DynamoDBCredentialRepository:
    """Credentials by owner and id; see `chalicelib.account_ports.CredentialRepository`."""

    def __init__(
        self,
        client: "Callable[[], DynamoDBClient]",
        *,
        table: str,
        audit: DynamoDBAuditTrail,
        backoff: Backoff,
    ) -> None:
        self._client = client
        self._transactions = Transactions(client, backoff)
        self._backoff = backoff
        self._table = table
        self._audit = audit

    def get(self, user_id: UserId, credential_id: CredentialId) -> Credential | None:
        """Return the credential as last written, or ``None``."""
        client = self._client()
        key = credential_key(user_id, credential_id)
        with unavailable_when_away("the credentials table"):
            answer = client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        item = answer.get("Item")
        return from_credential_item(item) if item else None

    def all_of(self, user_id: UserId) -> Sequence[Credential]:
        """Return every credential of a user, however many Queries it takes."""
        client = self._client()
        query: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "user_id = :user_id",
            "ExpressionAttributeValues": {":user_id": text(user_id)},
            "ConsistentRead": True,
        }
        found: list[Credential] = []
        while True:
            with unavailable_when_away("the credentials table"):
                answer = client.query(**query)
            found += [from_credential_item(item) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                return found
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def username_of(self, user_id: UserId) -> str | None:
        """Return the name that a user's credentials carry, or ``None``."""
        client = self._client()
        with unavailable_when_away("the credentials table"):
            answer = client.query(
                TableName=self._table,
                KeyConditionExpression="user_id = :user_id",
                ExpressionAttributeValues={":user_id": text(user_id)},
                ConsistentRead=False,
                Limit=1,  # any of them: a name is never changed
            )
        return next((item["username"]["S"] for item in answer["Items"]), None)

    def rotate(self, to: Session) -> None:
        """Write a session as it was refreshed, or raise `ConcurrentUpdate`."""
        client = self._client()
        written = to_rotated_attributes(to)
        try:
            with conditional_write("credentials"):
                client.update_item(
                    TableName=self._table,
                    Key=credential_key(to.user_id, to.credential_id),
                    UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in written),
                    ConditionExpression=IS_CURRENT,
                    ExpressionAttributeValues={f":{name}": value for name, value in written.items()},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionRefused as refused:
            found = from_credential_item(refused.found) if refused.found else None
            # A rival with the same token comes to the same next one, though not at the same moment.
            if found != to:
                raise ConcurrentUpdate(found) from refused
            # else our own rotation, whose first response was lost

    def note_use(self, key: ApiKey) -> None:
        """Note when a key was last used, unless it is gone."""
        if key.last_used_at is None:
            return
        client = self._client()
        try:
            with conditional_write("credentials"):
                client.update_item(
                    TableName=self._table,
                    Key=credential_key(key.user_id, key.credential_id),
                    UpdateExpression="SET last_used_at_epoch_ms = :at",
                    ConditionExpression=IS_THERE,
                    ExpressionAttributeValues={":at": epoch_ms(key.last_used_at)},
                )
        except ConditionRefused:
            return

    def remove(self, credential: Credential, event: AuditEvent) -> bool:
        """Remove a credential and store the event; false if it was gone."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": credential_key(credential.user_id, credential.credential_id),
                "ConditionExpression": IS_THERE,
            }
        }
        refused = self._transactions.write([delete, self._audit.put(event)], table="credentials")
        # If the event is there, it was our own first call that removed the credential, and its response was lost.
        return refused.keys() != {0}

    def remove_all(self, user_id: UserId, credential_ids: Sequence[CredentialId]) -> None:
        """Remove many credentials of one user, whether they are there or not."""
        # Each once: two requests for one row are an error.
        keys = [credential_key(user_id, each) for each in dict.fromkeys(credential_ids)]
        delete_all(self._client(), self._table, keys, called="credentials", backoff=self._backoff)

"""
Keys of every table, and the names of the attributes that expressions mention.

No key is built anywhere else. A user's own text never becomes part of a composed key: ids are UUIDs and limit names are
ours, so no separator can be forged.
"""

from typing import TYPE_CHECKING, TypeAlias

from chalicelib.domain.jobs import JobKey
from chalicelib.domain.rate_limits import Limit, Window
from chalicelib.domain.users import UserId, username_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item: TypeAlias = dict[str, AttributeValueTypeDef]


def user_key(username: str) -> "Item":
    """Key of a user: the name, whatever its case."""
    return {"username_key": {"S": username_key(username)}}


def job_key(key: JobKey) -> "Item":
    """Key of a job: its owner, then its id."""
    return {"owner_id": {"S": key.owner_id}, "job_id": {"S": key.job_id}}


def limit_key(user_id: UserId, limit: Limit, window: Window) -> "Item":
    """Key of one user's counter for one window of one limit."""
    return {"counter_id": {"S": f"{user_id}#{limit.name}#{window.index}"}}

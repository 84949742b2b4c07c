"""Cursors that only this service can make, each good for one list of one owner."""

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import cached_property
from uuid import UUID

from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.jobs import JobId
from chalicelib.domain.users import UserId

ID_BYTES = 16
SEAL_BYTES = 20
"""Of 32. With the id they are whole groups of three bytes, so that base64 has one form for each cursor."""

CURSOR_CHARACTERS = (ID_BYTES + SEAL_BYTES) * 4 // 3
PURPOSE = b"cursors of job lists"
"""What the key of the seal is derived with, so that it is no other's."""

_CURSOR = re.compile(rf"[A-Za-z0-9_-]{{{CURSOR_CHARACTERS}}}")


class HmacCursorSeal:
    """
    Seals by HMAC-SHA256: the id, and behind it the seal over the id, its owner and the filter.

    ``key`` is called when a cursor is first made or opened.
    """

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._signing_key = key

    def sealed(self, after: JobId, *, owner_id: UserId, wanted: JobFilter) -> str:
        """Return the cursor that goes on after a job in this owner's list of these jobs."""
        return self._cursor(UUID(after), owner_id, wanted)

    def opened(self, cursor: str, *, owner_id: UserId, wanted: JobFilter) -> JobId | None:
        """Return what was sealed, or ``None``. Takes the same time wherever a cursor is wrong."""
        if not _CURSOR.fullmatch(cursor):
            return None
        after = UUID(bytes=urlsafe_b64decode(cursor)[:ID_BYTES])
        is_ours = hmac.compare_digest(cursor, self._cursor(after, owner_id, wanted))
        return JobId(str(after)) if is_ours else None

    def _cursor(self, after: UUID, owner_id: UserId, wanted: JobFilter) -> str:
        # JSON, because a tag may be any text and must not be taken for two values.
        ids = wanted.ids
        bound_to = [owner_id, wanted.status, wanted.operation, ids.first, ids.last, wanted.tag]
        seal = hmac.digest(self._key, after.bytes + json.dumps(bound_to).encode(), "sha256")
        return urlsafe_b64encode(after.bytes + seal[:SEAL_BYTES]).decode()

    @cached_property
    def _key(self) -> bytes:
        return hmac.digest(self._signing_key(), PURPOSE, "sha256")

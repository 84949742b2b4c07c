"""Cursors that only this service can make, each good for one list of one owner."""

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.users import UserId
from chalicelib.ports import SigningKeys

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

    The seal's key is derived from the key that signs tokens; what was sealed by any that still verifies is opened, so
    that a rotation breaks no list that is being paged.
    """

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def sealed(self, after: str, *, owner_id: UserId, wanted: JobFilter | str) -> str:
        """Return the cursor that goes on after an id in this owner's list of these jobs, or of this name."""
        return _cursor(self._keys.signing().secret, UUID(after), owner_id, wanted)

    def opened(self, cursor: str, *, owner_id: UserId, wanted: JobFilter | str) -> str | None:
        """Return what was sealed, or ``None``. Takes the same time wherever a cursor is wrong, and under each key."""
        if not _CURSOR.fullmatch(cursor):
            return None
        after = UUID(bytes=urlsafe_b64decode(cursor)[:ID_BYTES])
        ours = [_cursor(key.secret, after, owner_id, wanted) for key in self._keys.all_verifying()]
        matches = [hmac.compare_digest(cursor, each) for each in ours]
        return str(after) if any(matches) else None


def _cursor(secret: bytes, after: UUID, owner_id: UserId, wanted: JobFilter | str) -> str:
    # JSON, because a tag may be any text and must not be taken for two values.
    bound_to = [owner_id, *([wanted] if isinstance(wanted, str) else _parts(wanted))]
    key = hmac.digest(secret, PURPOSE, "sha256")
    seal = hmac.digest(key, after.bytes + json.dumps(bound_to).encode(), "sha256")
    return urlsafe_b64encode(after.bytes + seal[:SEAL_BYTES]).decode()


def _parts(wanted: JobFilter) -> list[str | bool | None]:
    ids = wanted.ids
    parts = [wanted.status, wanted.operation, ids.first, ids.last, wanted.tag]
    # Behind the others and only where they ask something, so that cursors of before there were these are still good.
    more = [wanted.is_open, wanted.error_code, wanted.is_dead]
    return [*parts, *more] if any(more) else [*parts]

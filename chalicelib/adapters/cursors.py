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
"""Of 32. With an id they are whole groups of three bytes, so base64 needs no padding."""

CURSOR_CHARACTERS = (ID_BYTES + SEAL_BYTES) * 4 // 3
PLACE_CURSOR_CHARACTERS = -(-(3 * ID_BYTES + SEAL_BYTES) * 4 // 3)
"""Without the padding, which is one character."""

PURPOSE = b"cursors of job lists"
"""What the key of the seal is derived with, so that it is no other's."""

_CURSOR = re.compile(rf"[A-Za-z0-9_-]{{{CURSOR_CHARACTERS}}}|[A-Za-z0-9_-]{{{PLACE_CURSOR_CHARACTERS}}}")


class HmacCursorSeal:
    """
    Seals by HMAC-SHA256: the id, or the three of a place, and behind it the seal over that, its owner and the filter.

    The seal's key is derived from the key that signs tokens; what was sealed by any that still verifies is opened, so
    that a rotation breaks no list that is being paged.
    """

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def sealed(self, after: str, *, owner_id: UserId, wanted: JobFilter | str) -> str:
        """Return the cursor that goes on after an id or a place in this owner's list of these jobs, or of this name."""
        ids = b"".join(UUID(each).bytes for each in after.split("."))
        return _cursor(self._keys.signing().secret, ids, owner_id, wanted)

    def opened(self, cursor: str, *, owner_id: UserId, wanted: JobFilter | str) -> str | None:
        """Return what was sealed, or ``None``. Takes the same time wherever a cursor is wrong, and under each key."""
        if not _CURSOR.fullmatch(cursor):
            return None
        ids = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[:-SEAL_BYTES]
        ours = [_cursor(key.secret, ids, owner_id, wanted) for key in self._keys.all_verifying()]
        matches = [hmac.compare_digest(cursor, each) for each in ours]
        if not any(matches):
            return None
        return ".".join(str(UUID(bytes=ids[at : at + ID_BYTES])) for at in range(0, len(ids), ID_BYTES))


def _cursor(secret: bytes, ids: bytes, owner_id: UserId, wanted: JobFilter | str) -> str:
    # JSON, because a tag may be any text and must not be taken for two values.
    bound_to = [owner_id, *([wanted] if isinstance(wanted, str) else _parts(wanted))]
    key = hmac.digest(secret, PURPOSE, "sha256")
    # The JSON begins with a bracket and an owner's id, so no place can be read as an id with more behind it.
    seal = hmac.digest(key, ids + json.dumps(bound_to).encode(), "sha256")
    return urlsafe_b64encode(ids + seal[:SEAL_BYTES]).decode().rstrip("=")


def _parts(wanted: JobFilter) -> list[str | bool | None]:
    ids = wanted.ids
    parts = [wanted.status, wanted.operation, ids.first, ids.last, wanted.tag]
    # Behind the others and only where they ask something, so that cursors of before there were these are still good.
    more = [wanted.is_open, wanted.error_code, wanted.is_dead]
    return [*parts, *more] if any(more) else [*parts]

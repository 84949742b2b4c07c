"""Lists that go on: the cursors that their answers give and take, and the link to the next page."""

from urllib.parse import quote, urlencode

from chalicelib.api.call import Call
from chalicelib.api.problems import InvalidParameter
from chalicelib.api.query import query_texts
from chalicelib.domain.job_filters import JobFilter


def opened_cursor(
    call: Call, cursor: str | None, wanted: JobFilter | str, *, same: str | None = "filters"
) -> str | None:
    """
    Return what a list goes on after, ``None`` for its first page; ``same`` is what the cursor is bound to, in words.

    Raises:
        InvalidParameter: It is no cursor of this list.
    """
    if cursor is None:
        return None
    after = call.services.cursors.opened(cursor, owner_id=call.user_id, wanted=wanted)
    if after is None:
        bound = "" if same is None else f", with the same {same}"
        detail = f"cursor must be the next_cursor of an earlier page of this list{bound}; begin again without it"
        raise InvalidParameter(detail)
    return after


def sealed_cursor(call: Call, after: str | None, wanted: JobFilter | str) -> str | None:
    """Return the cursor that goes on after something, ``None`` at the end of the list."""
    return None if after is None else call.services.cursors.sealed(after, owner_id=call.user_id, wanted=wanted)


def next_link(call: Call, next_cursor: str | None) -> dict[str, str]:
    """Return the header that leads to the next page, none on the last one."""
    if next_cursor is None:
        return {}
    query = urlencode({**query_texts(call), "cursor": next_cursor}, quote_via=quote, errors="replace")
    return {"Link": f'<{call.path}?{query}>; rel="next"'}

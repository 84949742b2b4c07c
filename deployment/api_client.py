"""One HTTP call of the API, as the operator's programs make it."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

ERRORS_FROM = 400
SAID_MAX_CHARACTERS = 1000


class ApiError(Exception):
    """
    The API did not do its part; the message says what it did.

    ``status`` is that of its answer, ``None`` when none came, or none of a JSON API; ``content`` is its JSON, if any.
    """

    def __init__(self, message: str, *, status: int | None = None, content: Any = None) -> None:  # noqa: ANN401 - any JSON
        super().__init__(message)
        self.status = status
        self.content = content


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: ``content`` is the body as JSON, ``None`` if there is none."""

    status: int
    media_type: str
    content: Any


def answer(  # noqa: PLR0913 - three of which are rare
    api: str,
    method: str,
    path: str,
    body: object = None,
    token: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 35,
) -> Answer:
    """
    Make one call of the API, and return its answer whatever the status.

    Raises:
        ApiError: Nothing answers there, or what does is no JSON API.
    """
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        request = urllib.request.Request(api + path, method=method, data=data, headers=sent)  # noqa: S310 - the person's own URL
        try:
            response = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310 - the person's own URL
        except urllib.error.HTTPError as error:
            response = error
        with response:
            status, media_type, text = response.status, response.headers.get_content_type(), response.read()
    except (OSError, HTTPException, ValueError) as error:
        message = f"no service answers at {api}: {error}"
        raise ApiError(message) from error
    try:
        content = json.loads(text) if text else None
    except ValueError as error:
        said = text.decode(errors="replace")[:SAID_MAX_CHARACTERS]
        message = f"{method} {path} answered {status}, and no JSON: {said}"
        raise ApiError(message, status=status if status >= ERRORS_FROM else None) from error
    return Answer(status=status, media_type=media_type, content=content)


def call(  # noqa: PLR0913 - three of which are rare
    api: str,
    method: str,
    path: str,
    body: object = None,
    token: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 35,
) -> Any:  # noqa: ANN401 - any JSON
    """
    Make one call of the API and return its JSON.

    Raises:
        ApiError: As `answer` does, or the answer is an error.
    """
    given = answer(api, method, path, body, token, headers=headers, timeout_s=timeout_s)
    if given.status >= ERRORS_FROM:
        message = f"{method} {path} answered {given.status}: {json.dumps(given.content)}"
        raise ApiError(message, status=given.status, content=given.content)
    return given.content

import json
from collections.abc import Iterator

import pytest

from chalicelib.api.errors import STATUS_OF, error_response
from chalicelib.domain.errors import (
    ConcurrentUpdate,
    InputTooLarge,
    InvalidInput,
    JobBackendError,
    JobFailed,
    NotFound,
    RequestRefused,
)


def kinds_of(error: type[JobBackendError]) -> Iterator[type[JobBackendError]]:
    """All classes below ``error``."""
    for kind in error.__subclasses__():
        yield kind
        yield from kinds_of(kind)


def test_every_refusal_has_its_status_and_a_code_of_its_own() -> None:
    refusals = set(kinds_of(RequestRefused))
    assert refusals <= set(STATUS_OF)
    assert all(400 <= STATUS_OF[kind] < 500 for kind in refusals)
    assert len({kind.code for kind in STATUS_OF}) == len(STATUS_OF)


@pytest.mark.parametrize("error", [ConcurrentUpdate(None), JobFailed("no")])
def test_what_no_caller_should_meet_has_no_status(error: JobBackendError) -> None:
    """It is answered as a fault of ours, a 500."""
    assert error_response(error) is None


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (InvalidInput("no"), "Unprocessable Content"),
        (InputTooLarge("no"), "Content Too Large"),
        (NotFound("no"), "Not Found"),
    ],
)
def test_titles_are_those_of_rfc_9110_on_every_python(error: JobBackendError, title: str) -> None:
    response = error_response(error)
    assert response is not None
    assert json.loads(response.body)["title"] == title


def test_invalid_input_says_where() -> None:
    response = error_response(InvalidInput("must be even", pointer="#/data/0"))
    assert response is not None
    assert '"errors":[{"detail":"must be even","pointer":"#/data/0"}]' in response.body

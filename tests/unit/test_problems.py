import json
from collections.abc import Iterator

import pytest

from chalicelib.api.problem_types import FAILED_IN_GATEWAY, PROBLEM_TYPES
from chalicelib.api.problems import Occurrence, TokenRefused, coded_response, error_response, kind_of
from chalicelib.domain.errors import (
    ConcurrentUpdate,
    InvalidInput,
    JobBackendError,
    JobFailed,
    NotAuthenticated,
    RequestRefused,
)

HERE = Occurrence(base_path="/api", request_id="1")


def kinds_of(error: type[JobBackendError]) -> Iterator[type[JobBackendError]]:
    """All classes below ``error``."""
    for kind in error.__subclasses__():
        yield kind
        yield from kinds_of(kind)


def test_every_refusal_is_a_kind_of_problem_of_its_own() -> None:
    codes: dict[str, type[JobBackendError]] = {}
    for refusal in set(kinds_of(RequestRefused)) - {TokenRefused}:
        kind = kind_of(refusal)
        assert kind is not None, f"{refusal.code} is not in chalicelib/api/problem_types.py"
        assert kind.status is not None
        assert 400 <= kind.status < 500
        assert codes.setdefault(refusal.code, refusal) is refusal


def test_the_table_is_by_status_and_its_kinds_can_be_told_apart() -> None:
    kinds = list(PROBLEM_TYPES.values())
    assert [kind.status or 600 for kind in kinds] == sorted(kind.status or 600 for kind in kinds)
    for one in ("code", "title", "name", "meaning"):
        assert len({getattr(kind, one) for kind in kinds}) == len(kinds)


def test_a_kind_without_a_status_is_for_the_gateway_alone() -> None:
    with pytest.raises(ValueError, match="no status"):
        coded_response(FAILED_IN_GATEWAY, "why", HERE)


@pytest.mark.parametrize("error", [ConcurrentUpdate(None), JobFailed("no")])
def test_what_no_caller_should_meet_has_no_status(error: JobBackendError) -> None:
    """It is answered as a fault of ours, a 500."""
    assert error_response(error, HERE) is None


def test_a_title_says_what_the_kind_is() -> None:
    response = error_response(InvalidInput("no"), HERE)
    assert response is not None
    assert json.loads(response.body)["title"] == "The input is not right"


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (NotAuthenticated("no token"), 'Bearer realm="job-backend"'),
        (TokenRefused("expired"), 'Bearer realm="job-backend", error="invalid_token"'),
    ],
)
def test_only_who_sent_a_token_is_told_that_it_does_not_hold(error: JobBackendError, challenge: str) -> None:
    response = error_response(error, HERE)
    assert response is not None
    assert response.headers["WWW-Authenticate"] == challenge


def test_invalid_input_says_where() -> None:
    response = error_response(InvalidInput("must be even", pointer="#/data/0"), HERE)
    assert response is not None
    assert '"errors":[{"detail":"must be even","pointer":"#/data/0"}]' in response.body

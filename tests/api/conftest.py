"""What the tests of the API share."""

from typing import Any

import pytest

from chalicelib.api.openapi import document
from chalicelib.api.routes import ENDPOINTS
from tests.factories import World


@pytest.fixture(scope="session")
def described() -> dict[str, Any]:
    """The description of the API."""
    return document(ENDPOINTS, World().catalogue)

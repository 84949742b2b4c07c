"""A short ``make fuzz`` against the deployed stack: the whole one has 1,000 examples an operation."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chalicelib.api.routes import ENDPOINTS
from tests.aws import PROJECT
from tests.e2e.conftest import running
from tests.fuzz.__main__ import raised_limits


@pytest.fixture
def unlimited() -> Iterator[str]:
    """The URL of the product, whose limits are out of the way."""
    with running(**raised_limits()) as runner:
        yield runner.api


def test_the_service_keeps_to_its_description(unlimited: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz"],
        cwd=PROJECT,
        env=os.environ | {"API": unlimited, "EXAMPLES": "5", "SEED": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Not its last line, which counts warnings too where there are any.
    summary = done.stdout.partition(" SUMMARY ")[2]
    operations = len([each for each in ENDPOINTS if each.is_public])
    assert f"  Selected: {operations}/{operations}\n  Tested: {operations}\n" in summary
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"  ✅ {phase}\n" in summary
    assert re.search(r"^  ([1-9]\d*) generated, \1 passed\b", summary, re.MULTILINE), "each case must have passed"
    assert "Failures:" not in summary
    assert "Errors:" not in summary


def test_a_service_that_does_not_answer_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz"],
        cwd=PROJECT,
        env=os.environ | {"API": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "no service answers at http://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr

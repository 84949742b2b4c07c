"""What a stack holds before anybody has used it."""

import pytest

from tests.aws import client
from tests.e2e.conftest import Runner, call, local_stage


@pytest.fixture(scope="module")
def runner(runner_of_its_own: Runner) -> Runner:
    """Nobody else registers in it."""
    return runner_of_its_own


@pytest.mark.asvs("6.3.2", "13.2.3")
def test_nobody_has_an_account_before_anybody_registers(runner: Runner) -> None:
    outputs = local_stage(runner.aws_endpoint).stack().outputs()
    dynamodb = client("dynamodb", runner.aws_endpoint)
    held = {
        name: dynamodb.scan(TableName=outputs[f"{name}TableName"], Select="COUNT")["Count"]
        for name in ("Users", "Credentials")
    }
    assert held == {"Users": 0, "Credentials": 0}
    for username in ("root", "admin", "operator"):
        status, _ = call(runner.api, "POST", "/login", body={"username": username, "password": username * 2})
        assert status == 401

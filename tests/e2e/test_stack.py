"""What the local stack says when CloudFormation or another service does not do its part."""

import json
import shutil
from pathlib import Path

import pytest

from localstack.emulator import running_emulator
from localstack.packaging import TEMPLATE_NAME
from localstack.stack import StackError, clients, deploy
from tests.aws import nowhere


def test_a_stack_that_is_rolled_back_is_said_with_the_reason(packaged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(packaged, folder)
    template = json.loads((folder / TEMPLATE_NAME).read_text())
    template["Resources"]["JobsQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = "often"
    (folder / TEMPLATE_NAME).write_text(json.dumps(template))
    with running_emulator() as url, pytest.raises(StackError, match=r"JobsQueue: Invalid value.*maxReceiveCount"):
        deploy(clients(url), url, folder)


def test_a_service_that_refuses_is_said_without_a_trace(packaged: Path) -> None:
    url = nowhere()
    with pytest.raises(StackError, match="Could not connect to the endpoint URL"):
        deploy(clients(url), url, packaged)

"""What the local stack says when CloudFormation or another service does not do its part."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployment.packaging import TEMPLATE_NAME
from deployment.rollout import roll_out
from deployment.stack import StackError
from deployment.stages import StageError
from localstack.emulator import running_emulator
from tests.aws import nowhere
from tests.e2e.conftest import local_stage


def test_a_stack_that_is_rolled_back_is_said_with_the_reason(packaged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(packaged, folder)
    template = json.loads((folder / TEMPLATE_NAME).read_text())
    template["Resources"]["JobsQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = "often"
    (folder / TEMPLATE_NAME).write_text(json.dumps(template))
    with running_emulator() as url, pytest.raises(StackError, match=r"JobsQueue: Invalid value.*maxReceiveCount"):
        roll_out(local_stage(url), folder)


class Refusing(BaseHTTPRequestHandler):
    """Says that it is an emulator, and does nothing that it is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_service_that_refuses_is_said_without_a_trace(packaged: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with pytest.raises(StackError, match="GetCallerIdentity operation: not you"):
                roll_out(local_stage(f"http://127.0.0.1:{server.server_port}"), packaged)
        finally:
            server.shutdown()


def test_where_nothing_answers_is_said(packaged: Path) -> None:
    with pytest.raises(StageError, match="no emulator answers at"):
        roll_out(local_stage(nowhere()), packaged)

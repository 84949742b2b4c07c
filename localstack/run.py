"""
Run the product on this machine: ``make run``.

Starts MiniStack, or uses the emulator at ``AWS_ENDPOINT_URL`` when that is set (LocalStack, say); packages the product;
creates its CloudFormation stack there; and serves the API at ``http://localhost:8000`` (``PORT`` changes that) until
Ctrl-C or SIGTERM. A setting of ``.chalice/config.json`` that is also a variable of the environment has that value.
"""

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TypeVar

from werkzeug.serving import BaseWSGIServer

from deployment.checks import environment_faults
from deployment.emulated import is_aws, is_ready, stay_on_this_machine
from deployment.packaging import (
    BUILD,
    TEMPLATE_NAME,
    ZIP_NAME,
    PackagingError,
    package,
    read_config,
    runs_lambda_wheels,
    without_dependencies,
)
from deployment.rollout import API_STAGE, Deployed, roll_out
from deployment.stack import StackError
from deployment.stages import LOCAL, Stage, StageError
from localstack.emulator import EmulatorError, running_emulator
from localstack.front import forward_to, front_server

DEFAULT_PORT = 8000
PORT_MAX = 65_535
T = TypeVar("T")

TRY_IT = """
In the browser: {url}/dashboard
Or in another terminal:

  make demo{port}

  curl -s {url}/register -H 'Content-Type: application/json' \\
    -d '{{"username": "yourname", "password": "yourpassword"}}'

The README goes on from there. {ending}
"""


ENDING_HERE = "Ctrl-C stops everything; nothing is kept."
ENDING_THERE = "Ctrl-C stops this address; the stack and its data stay in that emulator."


class RunError(Exception):
    """The local stack cannot run; the message says what to change."""


FAULTS = (RunError, EmulatorError, PackagingError, StageError, StackError)
"""What can keep the local stack from running; each message is for the person who started it."""


@contextmanager
def local_api(port: int) -> Iterator[BaseWSGIServer]:
    """
    Bring the product up; give the server of its API, bound and not yet serving.

    Raises:
        RunError: The port is taken, a setting is not right, or ``AWS_ENDPOINT_URL`` is AWS itself or answers nothing.
    """
    with ExitStack() as resources:
        server = resources.enter_context(_bound(port))
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        embedded = not endpoint
        if not embedded:
            _check_emulator(endpoint)
        if embedded:
            endpoint = _timed("Starting MiniStack", lambda: resources.enter_context(running_emulator()))
        forward_to(server, _deployed(endpoint, embedded=embedded).api_url, stage=API_STAGE)
        _say(f"AWS endpoint {endpoint}")
        yield server


def _deployed(endpoint: str, *, embedded: bool) -> Deployed:
    BUILD.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BUILD) as name:
        folder = Path(name)
        _timed("Packaging with chalice", lambda: package(LOCAL, folder))
        if embedded and not runs_lambda_wheels(LOCAL):
            zip_file = folder / ZIP_NAME
            without_dependencies(zip_file.rename(folder / "whole.zip"), zip_file)
        change_settings(folder / TEMPLATE_NAME, os.environ)
        return _timed("Creating the stack", lambda: roll_out(Stage(name=LOCAL, endpoint_url=endpoint), folder))


def change_settings(template_file: Path, environment: Mapping[str, str]) -> None:
    """
    Give those settings of a rendered template that ``environment`` has too the values that it has.

    Raises:
        RunError: With these values no function could serve anything.
    """
    names = read_config()["environment_variables"]
    changed = {name: environment[name] for name in names if environment.get(name)}
    template = json.loads(template_file.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Environment"]["Variables"] |= changed
    # All functions have the same settings, so the first to complain says what all would.
    for fault in environment_faults(template):
        raise RunError(fault)
    template_file.write_text(json.dumps(template))


@contextmanager
def _bound(port: int) -> Iterator[BaseWSGIServer]:
    try:
        server = front_server(port)
    except OSError as refused:
        why = "is taken" if refused.errno == errno.EADDRINUSE else f"cannot be used ({refused.strerror})"
        message = f"port {port} {why}; choose another, for example: make run PORT={DEFAULT_PORT + 1}"
        raise RunError(message) from refused
    try:
        yield server
    finally:
        server.server_close()


def _check_emulator(endpoint: str) -> None:
    if is_aws(endpoint):
        message = f"AWS_ENDPOINT_URL is AWS itself ({endpoint}); the local stack runs on emulators only"
        raise RunError(message)
    if not is_ready(endpoint):
        message = f"nothing answers at AWS_ENDPOINT_URL ({endpoint}); start that emulator, or unset it to use MiniStack"
        raise RunError(message)


def _wanted_port() -> int:
    text = os.environ.get("PORT", "") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= PORT_MAX):
        message = f"PORT must be a number from 0 to {PORT_MAX}, not {text}"
        raise RunError(message)
    return int(text)


def _timed(what: str, step: Callable[[], T]) -> T:
    print(f"{what} … ", end="", flush=True)
    begun = time.monotonic()
    result = step()
    _say(f"{time.monotonic() - begun:.1f} s")
    return result


def _say(text: str) -> None:
    print(text, flush=True)


def prepare_process() -> None:
    """
    Make this process fit to run the local stack.

    The first SIGINT, SIGTERM or SIGHUP becomes a `KeyboardInterrupt`, so that everything started is ended. A profile,
    which stands for an account of AWS, and a proxy are taken from the environment of what runs on this machine alone.
    """
    stay_on_this_machine()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Both the terminal and make may send a signal each: only the first ends us, the rest must not stop the cleaning up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Serve until told to stop; return the exit status."""
    prepare_process()
    try:
        with local_api(_wanted_port()) as server:
            url = f"http://localhost:{server.port}"
            _say(f"Ready on {url}")
            port = "" if server.port == DEFAULT_PORT else f" PORT={server.port}"
            ending = ENDING_THERE if os.environ.get("AWS_ENDPOINT_URL") else ENDING_HERE
            _say(TRY_IT.format(url=url, port=port, ending=ending))
            server.serve_forever()  # which takes a KeyboardInterrupt for its end
    except KeyboardInterrupt:
        pass  # stopped while starting
    except FAULTS as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    _say("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

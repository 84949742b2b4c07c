"""A process that is told what to do by a line of JSON, and answers with one; it ends when its input closes."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

from benchmarks import PROJECT

END_MAX_S = 10
LOG_SHOWN_BYTES = 3000


class ProcessEnded(Exception):
    """It ended before it was told to; the message holds the end of what it wrote to standard error."""


class LineProcess:
    """The process, as its starter has it."""

    def __init__(self, process: "subprocess.Popen[str]", log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    def ask(self, **what: Any) -> Any:  # noqa: ANN401 - any JSON
        """
        Tell it to do something; return its answer.

        Raises:
            ProcessEnded: It did not live to give one.
        """
        assert self._process.stdin is not None  # noqa: S101 - both were asked for
        assert self._process.stdout is not None  # noqa: S101
        try:
            print(json.dumps(what), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._process.wait(END_MAX_S)
            self._log.seek(0)
            raise ProcessEnded(self._log.read()[-LOG_SHOWN_BYTES:].decode(errors="replace"))
        return json.loads(line)


@contextmanager
def line_process(command: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[LineProcess]:
    """Run a command in the project's folder for the length of the block, with ``env`` added to the environment."""
    with TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - a program of the project
            command,
            cwd=PROJECT,
            env=os.environ | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield LineProcess(process, log)
        finally:
            try:
                process.communicate(timeout=END_MAX_S)  # which closes its input, and so ends it
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

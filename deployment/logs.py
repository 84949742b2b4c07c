"""
The log lines of a stage's functions, in time order: ``make logs STAGE=dev``.

``FUNCTION=consume`` takes those of one alone, ``SINCE=2h`` goes back further than ten minutes, and ``FOLLOW=1`` goes on
until Ctrl-C.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment.stack import StackError
from deployment.stages import Stage, StageError, wanted_stage

SINCE = re.compile("([1-9][0-9]{0,5})([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FOLLOW_EVERY_S = 2.0
LATE_S = 30
"""How long a line may take until CloudWatch Logs finds it."""


class LogsError(Exception):
    """Nothing was read; the message says what to change."""


def log_groups(stage: Stage) -> dict[str, str]:
    """
    Return the stage's log groups by the names of their functions; that of API Gateway's requests is ``access``.

    Raises:
        StageError, StackError: There is no such stage.
    """
    stack = stage.stack()
    stack.outputs()  # says so when there is no stack
    groups = [name for kind, name in stack.resources().values() if kind == "AWS::Logs::LogGroup"]
    return {_function(stage, group): group for group in groups}


def _function(stage: Stage, group: str) -> str:
    if group.startswith("/aws/apigateway/"):
        return "access"
    return group.removeprefix(f"/aws/lambda/{stage.stack_name}").removeprefix("-") or "api"


def wanted_groups(groups: Mapping[str, str], function: str) -> dict[str, str]:
    """
    Return those of ``groups`` that are of a function; all, if it is empty.

    Raises:
        LogsError: There is none.
    """
    if not function:
        return dict(groups)
    if function not in groups:
        message = f"there is no log of a function {function}; there is {', '.join(sorted(groups))}"
        raise LogsError(message)
    return {function: groups[function]}


def seconds(since: str) -> int:
    """
    Return the length of a time such as ``90s``, ``10m``, ``2h`` or ``1d``.

    Raises:
        LogsError: It is none.
    """
    match = SINCE.fullmatch(since)
    if match is None:
        message = f"SINCE must be a time such as 90s, 10m, 2h or 1d, not {since}"
        raise LogsError(message)
    return int(match[1]) * SECONDS[match[2]]


class LogReader:
    """Reads log groups; each line is given once, however often it is asked for."""

    def __init__(self, logs: Any, groups: Mapping[str, str]) -> None:  # noqa: ANN401 - boto3's classes are made at run time
        self._logs = logs
        self._groups = groups
        self._width = max((len(name) for name in groups), default=0)
        self._given: set[str] = set()

    def lines(self, from_epoch_ms: int) -> list[str]:
        """Return what has come since then and was not given yet, the first first."""
        events = sorted(
            ((event["timestamp"], name, event) for name in self._groups for event in self._events(name, from_epoch_ms)),
            key=lambda each: each[:2],
        )
        new = [each for each in events if _id(each[2]) not in self._given]
        self._given = {_id(event) for _, _, event in events}
        return [line for at, name, event in new for line in self._formatted(at, name, event["message"])]

    def _formatted(self, at_epoch_ms: int, name: str, message: str) -> Iterator[str]:
        at = datetime.fromtimestamp(at_epoch_ms / 1000, UTC)
        for line in message.rstrip("\n").splitlines():
            yield f"{at:%H:%M:%S}.{at_epoch_ms % 1000:03} {name:<{self._width}}  {line}"

    def _events(self, name: str, from_epoch_ms: int) -> list[dict[str, Any]]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._groups[name], startTime=from_epoch_ms
        )
        try:
            return [event for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return []  # of a function that has never run, where the emulator makes a group with the first line


def _id(event: Mapping[str, Any]) -> str:
    """Return what tells a line from all others; an emulator may give it none of its own."""
    return str(event.get("eventId") or (event.get("logStreamName"), event["timestamp"], event["message"]))


def follow(reader: LogReader, say: Callable[[str], None], *, since_s: int, is_endless: bool) -> None:
    """Give ``say`` the lines of the last ``since_s`` seconds, and, if endless, what comes after."""
    from_epoch_ms = int((time.time() - since_s) * 1000)
    while True:
        for line in reader.lines(from_epoch_ms):
            say(line)
        if not is_endless:
            return
        from_epoch_ms = max(from_epoch_ms, int((time.time() - LATE_S) * 1000))
        time.sleep(FOLLOW_EVERY_S)


def main() -> int:
    """Print the lines; return the exit status."""
    try:
        stage = wanted_stage()
        since_s = seconds(os.environ.get("SINCE") or "10m")
        groups = wanted_groups(log_groups(stage), os.environ.get("FUNCTION", ""))
        reader = LogReader(stage.session().client("logs"), groups)
        is_endless = os.environ.get("FOLLOW", "") == "1"
        follow(reader, lambda line: print(line, flush=True), since_s=since_s, is_endless=is_endless)
    except KeyboardInterrupt:
        return 0
    except (LogsError, StageError, StackError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
Retry every dead job of the local stack: ``make redrive``.

A job is dead when it FAILED with no word from its operation, because its consumers or its message were lost. The stack
is looked for at ``AWS_ENDPOINT_URL``, else at ``http://127.0.0.1:4566``: there ``make run`` has its emulator, unless
that port was taken; it prints the address.
"""

import json
import os
import sys
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from localstack.emulator import DEFAULT_PORT, HOST, is_ready
from localstack.run import prepare_process
from localstack.stack import StackError, clients, stack_outputs

FUNCTION_TIMEOUT_S = 60
"""Of the redrive, in ``.chalice/config.json``."""


class RedriveError(Exception):
    """The dead jobs were not all retried; the message says why."""


def redrive(endpoint: str) -> int:
    """
    Retry every dead job of the stack at ``endpoint``; return how many there were.

    The function stops before its time is up and says whether it got to all of them, so it is asked until it did.

    Raises:
        RedriveError: Nothing answers there, the function failed, or it makes no progress.
        StackError: There is no stack.
    """
    if not is_ready(endpoint):
        message = f"no emulator answers at {endpoint}; set AWS_ENDPOINT_URL to the AWS endpoint that make run prints"
        raise RedriveError(message)
    session = clients(endpoint)
    try:
        name = stack_outputs(session)["RedriveName"]
        functions = session.client("lambda", config=Config(read_timeout=FUNCTION_TIMEOUT_S + 10))
        total, is_complete = 0, False
        while not is_complete:
            retried, is_complete = _asked(functions, name)
            total += retried
            if not is_complete:
                _require_progress(retried)
                print(f"{_jobs(total)} retried so far", flush=True)
    except (BotoCoreError, ClientError) as error:
        raise RedriveError(str(error)) from error
    return total


def _asked(functions: Any, name: str) -> tuple[int, bool]:  # noqa: ANN401 - boto3's classes are made at run time
    invoked = functions.invoke(FunctionName=name)
    answer = json.load(invoked["Payload"])
    if "FunctionError" in invoked:
        message = f"the redrive failed: {answer.get('errorType')}: {answer.get('errorMessage')}"
        raise RedriveError(message)
    return answer["retried"], answer["is_complete"]


def _require_progress(retried: int) -> None:
    if retried == 0:
        message = (
            "the redrive makes no progress: its time is up before it has retried a job; the function's log says why"
        )
        raise RedriveError(message)


def _jobs(number: int) -> str:
    return f"{number} dead job{'' if number == 1 else 's'}"


def main() -> int:
    """Retry the dead jobs and say how many; return the exit status."""
    prepare_process()
    try:
        total = redrive(os.environ.get("AWS_ENDPOINT_URL") or f"http://{HOST}:{DEFAULT_PORT}")
    except KeyboardInterrupt:
        return 1
    except (RedriveError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{_jobs(total)} retried")
    return 0


if __name__ == "__main__":
    sys.exit(main())

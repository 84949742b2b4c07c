"""
Retry every dead job of a stage: ``make redrive STAGE=local``.

A job is dead when it FAILED with no word from its operation, because its consumers or its message were lost.
`deployment.stages` says where a stage is looked for.
"""

import json
import sys
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployment.stack import StackError
from deployment.stages import Stage, StageError, wanted_stage

FUNCTION_TIMEOUT_S = 60
"""Of the redrive, in ``.chalice/config.json``."""


class RedriveError(Exception):
    """The dead jobs were not all retried; the message says why."""


def redrive(stage: Stage) -> int:
    """
    Retry every dead job of a stage; return how many there were.

    The function stops before its time is up and says whether it got to all of them, so it is asked until it did.

    Raises:
        RedriveError: The function failed, or it makes no progress.
        StageError: Nothing answers where the stage is.
        StackError: There is no stack.
    """
    try:
        session = stage.session()
        # A stack without functions has none; then it is Chalice's, by the name that Chalice gives it.
        name = stage.stack().outputs().get("RedriveName", f"{stage.stack_name}-redrive")
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
    try:
        total = redrive(wanted_stage())
    except KeyboardInterrupt:
        return 1
    except (RedriveError, StageError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{_jobs(total)} retried")
    return 0


if __name__ == "__main__":
    sys.exit(main())

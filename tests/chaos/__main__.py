"""``make chaos``: one run of ``KILLS`` kills from ``SEED``; status 1 if a promise was broken or a fault missing."""

import os
import sys

from localstack.emulator import EmulatorError
from localstack.run import prepare_process
from tests.chaos.driver import ChaosError, run
from tests.chaos.faults import Plan

INTERRUPTED = 130
"""What a shell's status is after Ctrl-C."""


def say(text: str) -> None:
    """Print it now, be it to a pipe."""
    print(text, flush=True)


def main() -> int:
    """Make the run that the environment asks for; return the exit status."""
    prepare_process()
    plan = Plan.usual(kills=int(os.environ.get("KILLS") or 100), seed=int(os.environ.get("SEED") or 1))
    try:
        figures = run(plan, say)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ChaosError, EmulatorError) as error:
        print(error, file=sys.stderr)
        return 2
    say(figures.as_table())
    say(figures.as_json())
    for failure in [*figures.broken_promises, *figures.missing_faults]:
        print(failure, file=sys.stderr)
    return 0 if figures.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())

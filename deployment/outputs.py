"""What a stage's stack puts out, after the address of its API: ``make outputs STAGE=dev``."""

import sys
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from deployment.rollout import api_url
from deployment.stack import StackError
from deployment.stages import StageError, wanted_stage


def table(url: str | None, outputs: Mapping[str, str]) -> list[str]:
    """Return a line for the API's address, if there is one, and for each output, names and values below each other."""
    rows = [*([("API", url)] if url else []), *sorted(outputs.items())]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def main() -> int:
    """Print the outputs; return the exit status."""
    try:
        stage = wanted_stage()
        outputs = stage.stack().outputs()
    except KeyboardInterrupt:
        return 1
    except (StageError, StackError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    url = api_url(stage, outputs) if "RestAPIId" in outputs else None
    print(*table(url, outputs), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

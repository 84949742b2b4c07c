"""
Run an emulated AWS by itself, to try deployments on: ``make emulator``.

It listens on 127.0.0.1 only, on port 4566 (``AWS_PORT`` changes that) or a free one if that is taken. Each function may
do what its role allows and no more. Everything is forgotten when it ends, with Ctrl-C or SIGTERM.
"""

import os
import signal
import sys

from deployment.emulated import DEFAULT_PORT
from localstack.emulator import EmulatorError, running_emulator
from localstack.run import prepare_process

PORT_MAX = 65_535

TRY_IT = """An emulated AWS answers at {url}. Ctrl-C ends it, and nothing is kept.

In another terminal:

  export AWS_ENDPOINT_URL={url}
  make deploy STAGE=dev"""


def wanted_port() -> int | None:
    """Return the port that ``AWS_PORT`` names, or ``None`` if it names none."""
    text = os.environ.get("AWS_PORT") or str(DEFAULT_PORT)
    return int(text) if text.isascii() and text.isdigit() and int(text[:6]) <= PORT_MAX else None


def main() -> int:
    """Run it until told to stop; return the exit status."""
    prepare_process()
    port = wanted_port()
    if port is None:
        print(f"AWS_PORT must be a number from 0 to {PORT_MAX}", file=sys.stderr)
        return 1
    try:
        with running_emulator(preferred_port=port) as url:
            print(TRY_IT.format(url=url), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One fresh interpreter that is entered with one event, as Lambda enters a new container."""

import json
import subprocess
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FLAGS = ("-I", "-B")
"""
None of this machine's settings, and no bytecode is written, as Lambda's code folder is read-only.

What a contestant starts has no such flags, so that it is told by `_NO_BYTECODE` too.
"""

_NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}

TIMEOUT_S = 60

# The end is told last of all, when what the contestant started has been ended too: of that, the processor's time is
# known only then. An answer is told where nothing that a handler prints can come between.
_PROGRAM = """
import atexit, json, sys, time
order = json.load(sys.stdin)
told = {}
def tell():
    import resource
    of = resource.getrusage(resource.RUSAGE_CHILDREN)
    told["children_cpu_s"] = of.ru_utime + of.ru_stime
    with open(order["told"], "w") as file:
        json.dump(told, file)
atexit.register(tell)
class Context:
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name = "cold"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:cold"
    def get_remaining_time_in_millis(self):
        return 90_000
sys.path[:0] = order["path"]
module = __import__(order["module"], fromlist=["-"])
told["modules_at_start"] = list(sys.modules)
if order["handler"]:
    answer = getattr(module, order["handler"])(order["event"], Context())
    told["answered_at_s"], told["cpu_s"] = time.monotonic(), time.process_time()
    told["answer"], told["modules"] = answer, list(sys.modules)
"""


class Failed(Exception):
    """A contestant ended without an answer, or with another than it should give; the message has what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What to enter: a function of a module, with the folders at the front of its path.

    Without a handler, the module is only imported.
    """

    interpreter: Path
    path: Sequence[Path]
    module: str
    handler: str = ""
    event: Mapping[str, Any] | None = None
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """
    What came of it.

    ``wall_ms`` is from the start of the process to the answer, ``cpu_ms`` the processor's time until then, its own and
    that of processes which it started. Modules are those that were imported.
    """

    answer: Any
    wall_ms: float
    cpu_ms: float
    modules_at_start: frozenset[str]
    modules: frozenset[str]
    errors: str


def bare_interpreter(folder: Path) -> Path:
    """
    Make this interpreter anew in ``folder``, with nothing installed; return it.

    What is installed beside the one at hand may run at each start, as files named ``.pth`` do.
    """
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def entered(order: Order, *flags: str) -> Entered:
    """
    Enter a fresh interpreter; ``flags`` are more of the interpreter's.

    Raises:
        Failed: There is no answer.
    """
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        text = json.dumps(
            {
                "path": [str(each) for each in order.path],
                "module": order.module,
                "handler": order.handler,
                "event": order.event,
                "told": str(told),
            }
        )
        began_at_s = time.monotonic()
        done = subprocess.run(  # noqa: S603 - this very interpreter, and no shell
            [str(order.interpreter), *FLAGS, *flags, "-c", _PROGRAM],
            cwd=folder,
            env={**order.environment, **_NO_BYTECODE},
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        if done.returncode != 0 or not told.exists():
            message = f"{order.module}.{order.handler} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            raise Failed(message)
        found = json.loads(told.read_text())
    return Entered(
        answer=found.get("answer"),
        wall_ms=1000 * (found.get("answered_at_s", began_at_s) - began_at_s),
        cpu_ms=1000 * (found.get("cpu_s", 0.0) + found["children_cpu_s"]),
        modules_at_start=frozenset(found["modules_at_start"]),
        modules=frozenset(found.get("modules", found["modules_at_start"])),
        errors=done.stderr,
    )

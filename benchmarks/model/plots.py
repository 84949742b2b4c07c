"""Has the plots drawn, by the environment of the benchmarks: nothing else of the model needs what draws."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks import PEERS_PYTHON
from benchmarks.model.figures import Figure, digest

PROGRAM = Path(__file__).with_name("draw.py")


def draw(figures: Mapping[str, Figure], folder: Path, *, python: Path = PEERS_PYTHON) -> None:
    """
    Write an SVG file for each figure. The same figures give the same bytes, with their digest in each.

    Raises:
        subprocess.CalledProcessError: The program failed, as it says on standard error.
    """
    folder.mkdir(exist_ok=True)
    command = [str(python), "-P", str(PROGRAM), str(folder), mark(figures)]
    subprocess.run(command, input=json.dumps(figures), text=True, check=True)  # noqa: S603 - a program of ours


def mark(figures: Mapping[str, Figure]) -> str:
    """Return what a drawn file says of the figures that it was drawn from."""
    return f"plots: {digest(figures)}"

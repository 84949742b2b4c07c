"""
What the first answer costs: the wall and the processor's time from the start of a process to it.

Of three answers: ``health`` needs no AWS, ``submit`` is the first ``POST /jobs`` that is answered with 202, ``consume``
the first message whose job is done. Each is that of a fresh process, as API and consumer are functions of their own.
AWS is a stand-in that answers at once: what is left is the contestant's. What Lambda itself adds, getting the zip and
starting the container, is the same for all and is left out; so is TLS, as the stand-in speaks plain HTTP.

The product does more of it than its peers do: it reads its signing keys from the parameter store and the session of the
token from its table, which they do not, and runs the operation in a process of its own. They are given their best: the
consumer of the FastAPI peer imports no FastAPI. As they make their clients at import, ``health`` has them too.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import Mode, Program, prepared
from benchmarks.first_answers import ANSWERS, standing
from benchmarks.measure import Figures, Spread, taking_turns

ROUNDS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStarts:
    """Figures by contestant and mode, and the mode in which this product is packaged."""

    figures: Mapping[str, Mapping[str, Spread]]
    shipped: Mode


def cold_starts(*, rounds: int) -> ColdStarts:
    """Measure all contestants in both modes, which takes some 20 s a round."""
    with TemporaryDirectory() as folder, standing() as stand:
        programs, shipped = prepared(Path(folder))

        def round_of(program: Program) -> Figures:
            figures: dict[str, float] = {}
            for what in ANSWERS:
                found = stand.first_answer(program, what)
                figures |= {f"{what}_wall_ms": found.wall_ms, f"{what}_cpu_ms": found.cpu_ms}
            return figures

        turns: dict[str, Callable[[], Figures]] = {
            f"{program.name}, {program.mode}": partial(round_of, program) for program in programs
        }
        for turn in turns.values():
            turn()  # once for the machine, which has not read their files yet
        return ColdStarts(figures=taking_turns("cold starts", turns, rounds=rounds), shipped=shipped)


def main() -> int:
    """Measure and print; return the exit status."""
    found = cold_starts(rounds=ROUNDS)
    columns = list(next(iter(found.figures.values())))
    print(f"Medians of {ROUNDS}, in ms. This product is packaged as {found.shipped}.\n")
    print(f"| | {' | '.join(name.removesuffix('_ms').replace('_', ' ') for name in columns)} |")
    print("|---|" + "--:|" * len(columns))
    for name, figures in found.figures.items():
        print(f"| {name} | {' | '.join(f'{figures[column].median:.0f}' for column in columns)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

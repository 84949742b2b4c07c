"""
``python -m tests.simulation.mutation``: check that every mutant is found, and write the table of ``docs/mutants.md``.

With ``--check`` it writes nothing, runs each mutant in the one schedule that the table names, and fails if that breaks
another invariant than the table says, or none. Each mutant has a process of its own that counts from seed 1, so neither
the order nor the number of the processes changes the table.

With a mutant's name it runs that one alone, in this process, and prints what it found as JSON.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.mutants.mutant import MODELS
from tests.simulation.plan import FULL, NO_SWEEP, PROMPT, Configuration

SCHEDULES_MAX = 20_000
UNCHANGED_MIN = 5_000
PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
CONFIGURATIONS = {FULL: "everything", NO_SWEEP: "without the sweep", PROMPT: "crashes only"}

BEGINNING = """# Mutants

<!-- Written by `make mutants`; the mutants are in tests/simulation/mutants/. -->

Each line is a mistake, put in on purpose and alone: into the product's source, or, where the second column says so,
into the model of a table (`tests/*fakes.py`). The simulator must find it within {most:,} schedules, counted from
seed 1. *Schedules* is how many that took; the unchanged product breaks nothing in as many of the same configuration.
How it works is in [simulation.md](simulation.md).

| Mutant | In | What is wrong | Configuration | Schedules | Invariant it breaks |
|---|---|---|---|---:|---|
"""


class MutantDoesNotApply(Exception):
    """The text to be replaced is not in the source exactly once."""


def mutated_source(mutant: Mutant, source: str) -> str:
    """Return a module's source with the mistake in it, or raise `MutantDoesNotApply`."""
    found = source.count(mutant.old)
    if found != 1:
        message = f"{mutant.name}: its text is {found} times in {mutant.module}, and must be there once"
        raise MutantDoesNotApply(message)
    return source.replace(mutant.old, mutant.new)


class _Loader(SourceFileLoader):
    """Compiles a module from changed source, past any compiled form of it."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        source = mutated_source(self._mutant, self.get_source(fullname) or "")
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds the module of a mutant; leaves all others to Python."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(self._mutant, spec.origin)
        return spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The first seed that shows a mutant, and what it breaks; neither if none does."""

    seed: int | None
    invariant: str | None
    detail: str | None


def install(mutant: Mutant) -> None:
    """Have the mutant's module imported with its mistake; it must not be imported yet."""
    if mutant.module in sys.modules:
        message = f"{mutant.module} is imported already"
        raise MutantDoesNotApply(message)
    sys.meta_path.insert(0, _Finder(mutant))


def hunted(configuration: Configuration, *, first: int = 1, schedules: int = SCHEDULES_MAX) -> Found:
    """Run schedules, from seed ``first`` on, until one breaks an invariant."""
    # Only now, so that whatever was installed is what gets imported.
    from tests.simulation.batches import prepared  # noqa: PLC0415
    from tests.simulation.schedule import simulate  # noqa: PLC0415

    prepared()
    for seed in range(first, first + schedules):
        violations = simulate(seed, configuration=configuration).violations
        if violations:
            return Found(seed=seed, invariant=violations[0].invariant, detail=violations[0].detail)
    return Found(seed=None, invariant=None, detail=None)


def table(found: Sequence[tuple[Mutant, Found]]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield BEGINNING.format(most=SCHEDULES_MAX).rstrip("\n")
    for mutant, each in found:
        configuration = CONFIGURATIONS[mutant.configuration]
        seed = f"{each.seed:,}" if each.seed else "**survives**"
        cells = (mutant.name, _place(mutant), mutant.breaks, configuration, seed, each.invariant or "")
        yield f"| {' | '.join(cells)} |"


def _place(mutant: Mutant) -> str:
    """Return where a mutant is put, as a person says it."""
    return MODELS.get(mutant.module) or mutant.module.removeprefix("chalicelib.")


def main() -> int:
    """Run one mutant or all; return the exit status, 1 if one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutation", description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--unchanged", choices=CONFIGURATIONS.values(), help="run the product as it is, in this one")
    parser.add_argument("--first", type=int, default=1, help="the seed to begin with")
    parser.add_argument("--schedules", type=int, default=SCHEDULES_MAX, help="how many of them")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if docs/mutants.md says another thing"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if asked.unchanged:
        configuration = next(each for each, name in CONFIGURATIONS.items() if name == asked.unchanged)
        sys.stdout.write(json.dumps(asdict(hunted(configuration, first=asked.first, schedules=asked.schedules))))
        return 0
    if asked.name:
        mutant = next(each for each in MUTANTS if each.name == asked.name)
        install(mutant)
        found = hunted(mutant.configuration, first=asked.first, schedules=asked.schedules)
        sys.stdout.write(json.dumps(asdict(found)))
        return 0
    return _all(workers=asked.workers, only_check=asked.check)


def _all(*, workers: int, only_check: bool) -> int:
    with ThreadPoolExecutor(workers) as pool:
        known = _seeds() if only_check else {}
        hunts = [(mutant, pool.submit(_in_a_process, mutant.name, *known.get(mutant.name, ()))) for mutant in MUTANTS]
        found: list[tuple[Mutant, Found]] = []
        for mutant, hunt in hunts:
            found.append((mutant, hunt.result()))
            seed = found[-1][1].seed
            _say(f"{mutant.name:<46} {f'seed {seed}: {found[-1][1].invariant}' if seed else 'SURVIVES'}")
        # The whole configuration is what `make simulate` runs, before a check.
        configurations = CONFIGURATIONS.keys() - {FULL} if only_check else CONFIGURATIONS.keys()
        unchanged = [pool.submit(_in_a_process, *_unchanged(each, found)) for each in configurations]
        false_alarms = [each.result() for each in unchanged if each.result().seed]
    page = "\n".join(table(found)) + "\n"
    is_stale = only_check and PAGE.read_text() != page
    if not only_check:
        PAGE.write_text(page)
    survivors = [mutant.name for mutant, each in found if each.seed is None]
    _say(f"{len(found) - len(survivors)} of {len(found)} mutants found within {SCHEDULES_MAX:,} schedules each")
    for alarm in false_alarms:
        _say(f"the product as it is: seed {alarm.seed}: {alarm.invariant}: {alarm.detail}")
    if is_stale:
        _say("docs/mutants.md is not what it should be: run `make mutants`, and read what changes")
    return 1 if survivors or false_alarms or is_stale else 0


def _seeds() -> dict[str, tuple[str, ...]]:
    """Return, by the mutant's name, what runs the one schedule that the table names for it."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    seeds = {cells[1].strip(): cells[5].strip().replace(",", "") for cells in rows}
    return {name: ("--first", seed, "--schedules", "1") for name, seed in seeds.items() if seed.isdecimal()}


def _unchanged(configuration: Configuration, found: Sequence[tuple[Mutant, Found]]) -> tuple[str, ...]:
    """Return what runs the product as it is in at least as many schedules as the configuration's mutants took."""
    taken = [each.seed or SCHEDULES_MAX for mutant, each in found if mutant.configuration == configuration]
    return "--unchanged", CONFIGURATIONS[configuration], "--schedules", str(max(UNCHANGED_MIN, *taken))


def _in_a_process(*arguments: str) -> Found:
    command = [sys.executable, "-m", "tests.simulation.mutation", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Found(**json.loads(done.stdout))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

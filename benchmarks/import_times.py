"""
What is imported until a first answer, and how long that takes: by module, by package, and counted.

The counts are the same on every machine, so a test holds them; see ``tests/api/test_cold_start.py``.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import packaged
from benchmarks.entering import entered
from benchmarks.first_answers import ANSWERS, standing

TOP = 10
MICROSECONDS = 1000
"""In a millisecond; ``-X importtime`` counts in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTimes:
    """
    Milliseconds of a first ``POST /jobs``, longest first, and how many modules were there.

    ``packages`` have each first-level package with all below it; ``modules`` each module without what it imports;
    ``trees`` each module with all that was first imported by it.
    """

    packages: Sequence[tuple[str, float]]
    trees: Sequence[tuple[str, float]]
    modules: Sequence[tuple[str, float]]
    counts: Mapping[str, int]


def import_times() -> ImportTimes:
    """Return them of this product as it is packaged; takes some 10 s."""
    counts: dict[str, int] = {}
    with TemporaryDirectory() as folder, standing() as stand:
        program = packaged(Path(folder))
        for what in ANSWERS:
            found = stand.first_answer(program, what)
            counts |= {f"the start of {what}": len(found.modules_at_start), f"the end of {what}": len(found.modules)}
        packages, trees, modules = _times(entered(stand.order(program, "submit"), "-X", "importtime").errors)
    return ImportTimes(packages=packages, trees=trees, modules=modules, counts=counts)


def _times(text: str) -> tuple[list[tuple[str, float]], ...]:
    """Read what ``-X importtime`` writes: own time, time with what it imports, and name, of each module."""
    own: Counter[str] = Counter()
    packages: Counter[str] = Counter()
    trees: Counter[str] = Counter()
    for line in text.splitlines():
        _, is_one, rest = line.partition("import time:")
        fields = [field.strip() for field in rest.split("|")]
        if not is_one or not fields[0].isdigit():
            continue
        name = fields[2]
        own[name] += int(fields[0])
        trees[name] += int(fields[1])
        packages[name.partition(".")[0]] += int(fields[0])
    return tuple([(name, us / MICROSECONDS) for name, us in each.most_common(TOP)] for each in (packages, trees, own))


def main() -> int:
    """Measure and print; return the exit status."""
    found = import_times()
    print(f"Modules imported: {', '.join(f'{number} at {what}' for what, number in found.counts.items())}\n")
    for title, times in (("Package", found.packages), ("With its imports", found.trees), ("Alone", found.modules)):
        print(f"| {title} | ms |\n|---|--:|")
        print("\n".join(f"| {name} | {ms:.1f} |" for name, ms in times), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

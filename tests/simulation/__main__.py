"""``python -m tests.simulation``: run many seeds on every core, or replay one."""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator

from tests.simulation.batches import CHUNK, prepared, totals_of
from tests.simulation.report import Totals, story, summary
from tests.simulation.schedule import simulate
from tests.simulation.shrink import shrunk

BAR = 30


def main() -> int:
    """Run what the command line asks for; return the exit status, 1 for a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="the first; the others follow it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--trace", action="store_true", help="print every event of the first seed")
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.trace:
        prepared()
        _print(story(simulate(asked.seed)))
    seeds = range(asked.seed, asked.seed + asked.schedules)
    totals = _totals(seeds, workers=asked.workers)
    _print(summary(totals, seconds=time.perf_counter() - began))
    if totals.failures:
        seed = min(totals.failures)
        print(f"\nSeed {seed}, made as small as it still fails:")  # noqa: T201 - it talks to a person
        _print(story(shrunk(simulate(seed))[0]))
        return 1
    return 0


def _totals(seeds: range, *, workers: int) -> Totals:
    totals = Totals()
    chunks = [seeds[begin : begin + CHUNK] for begin in range(0, len(seeds), CHUNK)]
    workers = min(workers, len(chunks))
    if workers == 1:
        prepared()
        for done, chunk in enumerate(chunks, 1):
            totals.add(totals_of(chunk))
            _progress(done, of=len(chunks))
        return totals
    with multiprocessing.get_context("spawn").Pool(workers, prepared) as pool:
        for done, each in enumerate(pool.imap_unordered(totals_of, chunks), 1):
            totals.add(each)
            _progress(done, of=len(chunks))
    return totals


def _progress(done: int, *, of: int) -> None:
    if sys.stderr.isatty():
        full = BAR * done // of
        end = "\n" if done == of else ""
        sys.stderr.write(f"\r[{'#' * full}{'.' * (BAR - full)}] {100 * done // of:3} %{end}")
        sys.stderr.flush()


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(line)  # noqa: T201 - it talks to a person


if __name__ == "__main__":
    sys.exit(main())

"""Dollars of a run, by `benchmarks.cost`: its units through the same multiplication as those of ``make cost``."""

from benchmarks.cost.meter import WRITE_UNIT_BYTES, Counts
from benchmarks.cost.months import Stage, usage
from benchmarks.cost.prices import PriceList
from benchmarks.model.book import Used
from benchmarks.model.product import IN_BATCHES, ONE_BY_ONE, counted


def dollars(used: Used, jobs_per_request: int, prices: PriceList, stage: Stage) -> float:
    """
    Return what was used so far costs, in USD, with the logs and the rows for as long as the stage keeps them.

    A job's lines of log and its answer are those that ``make cost`` counts where jobs are submitted likewise. Its row
    is taken for as large as one write unit.
    """
    of_one = counted(IN_BATCHES if jobs_per_request > 1 else ONE_BY_ONE)
    counts = Counts(
        jobs_run=round(used.jobs_run),
        log_bytes=round(used.jobs_run * of_one["Their bytes"]),
        log_lines=round(used.jobs_run * of_one["Lines of log"]),
        out_bytes=round(used.jobs_run * of_one["Bytes out"]),
        stored_bytes=round(used.jobs_run * WRITE_UNIT_BYTES),
    )
    counts.units.update(used.units)
    counts.invocations.update({function: round(times) for function, times in used.invocations.items()})
    counts.calls.update({function: round(calls) for function, calls in used.calls.items()})
    return sum(prices.bill(usage(counts, prices, stage, times=1)).values())

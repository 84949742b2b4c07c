"""What DynamoDB takes: each table and index, each partition, and the index's shards."""

import math

from benchmarks.model.book import Book, Step
from benchmarks.model.capacity import Table, tightest
from benchmarks.model.deployment import Deployment, Limit
from benchmarks.model.loads import Load
from benchmarks.model.product import (
    LIMIT_UNITS,
    RUN_INDEX_UNITS,
    RUN_ROW_UNITS,
    SUBMIT_INDEX_UNITS,
    Product,
)


class Store:
    """
    The tables that a job is written to; all lists are of jobs by group.

    A write that is throttled is one that waits: the SDK tries three times, then the caller gets 503, or the message
    comes back after the queue's visibility timeout. Here it comes back in the next step.
    """

    def __init__(self, load: Load, limits: Deployment, product: Product, book: Book) -> None:
        self._load, self._limits, self._book = load, limits, book
        self._row_units = product.submit_row_units(load.jobs_per_request)
        self._limits_table, self._jobs_table, self._due_index = (
            Table(units, limits.quota_units, limits.peak_factor, limits.peak_after_s)
            for units in (limits.limits_units, limits.jobs_units, limits.due_units)
        )

    def shards(self, step: Step) -> float:
        """Return how many shards the stream of the jobs table has: one for each partition that its units take."""
        units = self._jobs_table.units_at(step.at_s)
        return max(1.0, math.ceil(units / self._limits.key_units)) if math.isfinite(units) else math.inf

    def within_limits_table(self, asked: list[float], step: Step) -> list[float]:
        """Return what the limits table counts; each user's limit is one row."""
        each = self._load.jobs_per_request
        key = self._limits.key_units / LIMIT_UNITS * each * step.seconds
        per_key = [min(jobs, group.users * key) for jobs, group in zip(asked, self._load.groups, strict=True)]
        self._book.stop(math.fsum(asked) - math.fsum(per_key), Limit.LIMITS_KEY)
        units = self._limits_table.units_at(step.at_s)
        takes, limit = tightest(math.fsum(per_key) / each * LIMIT_UNITS / step.seconds, (Limit.LIMITS_TABLE, units))
        self._limits_table.used(step.at_s, takes)
        self._book.share(Limit.LIMITS_TABLE, takes, units)
        self._book.used.unit("dynamodb_write_units", takes * step.seconds)
        return self._book.passing(per_key, takes / LIMIT_UNITS * each * step.seconds, limit)

    def written(
        self, asked: list[float], to_run: list[float], step: Step
    ) -> tuple[list[float], list[float], Limit | None]:
        """Return how many jobs of each group are accepted and how many run, and what holds up the others."""
        limits = self._limits
        held_by: Limit | None = None
        shares = []
        for group, new, old in zip(self._load.groups, asked, to_run, strict=True):
            wanted = self._rows(new, old) / step.seconds
            takes, limit = tightest(wanted, (Limit.OWNER_KEY, group.users * limits.key_units))
            held_by = limit or held_by
            shares.append(takes / wanted if limit else 1.0)
        accepted, run = _times(asked, shares), _times(to_run, shares)
        rows = self._rows(math.fsum(accepted), math.fsum(run)) / step.seconds
        entries = _entries(math.fsum(accepted), math.fsum(run)) / step.seconds
        bounds = (
            (Limit.JOBS_TABLE, rows, self._jobs_table.units_at(step.at_s)),
            (Limit.DUE_INDEX, entries, self._due_index.units_at(step.at_s)),
            (Limit.DUE_SHARDS, entries, limits.due_shards * limits.key_units),
        )
        share = 1.0
        if rows > 0:
            share, limit = tightest(1.0, *((limit, most / wanted) for limit, wanted, most in bounds))
            held_by = limit or held_by
            accepted, run = _times(accepted, [share] * len(accepted)), _times(run, [share] * len(run))
        for limit, wanted, most in bounds:
            self._book.share(limit, wanted * share, most)
        self._jobs_table.used(step.at_s, rows * share)
        self._due_index.used(step.at_s, entries * share)
        self._book.used.unit("dynamodb_write_units", (rows + entries) * share * step.seconds)
        return accepted, run, held_by

    def _rows(self, accepted: float, run: float) -> float:
        return self._row_units * accepted + RUN_ROW_UNITS * run


def _entries(accepted: float, run: float) -> float:
    return SUBMIT_INDEX_UNITS * accepted + RUN_INDEX_UNITS * run


def _times(jobs: list[float], shares: list[float]) -> list[float]:
    return [each * share for each, share in zip(jobs, shares, strict=True)]

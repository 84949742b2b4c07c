"""What was truly applied to each job, as seen on the wire and kept outside of the store."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.chaos.steps import step_of


class Witness:
    """
    Sees every answered request. All that it keeps is of writes the store has applied, unless it says otherwise.

    Independent of the rows: a second commit that overwrites the first leaves a row that looks sound.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.claims: Counter[str] = Counter()
        self.retries: Counter[str] = Counter()
        self.commits: Counter[str] = Counter()
        self.fenced_writes = 0
        """Ends of attempts that had lost their job, refused by the store."""

        self.recognised_writes = 0
        """Repeated writes whose first answer was lost, refused by the store and known by their token."""

        self.recoveries_s: list[float] = []
        """From each kill of a consumer that held a job to the job's next claim."""

        self.slowest_to_recover = ""
        """The job of the longest."""

        self.takeovers = 0
        """Jobs claimed while a stopped consumer still believed to hold them."""

        self._robbed: set[str] = set()
        self._late: set[str] = set()
        self._now = now
        self._holder: dict[str, str] = {}
        self._orphaned_at: dict[str, float] = {}
        self._stopped: set[str] = set()
        self._tokens: set[str] = set()
        self._lock = threading.Lock()

    def see(self, *, worker: str, operation: str, request: Mapping[str, Any], is_applied: bool) -> None:
        """Take note of one request that the store has answered."""
        if operation != "UpdateItem":
            return
        step = step_of(operation, request)
        if step is None:
            return
        job_id = request["Key"]["job_id"]["S"]
        token = request["ExpressionAttributeValues"][":token"]["S"]
        with self._lock:
            if is_applied:
                self._tokens.add(token)
                self._applied(step, job_id, worker)
            elif token in self._tokens:
                self.recognised_writes += 1
            elif step != "claim":
                self.fenced_writes += 1
                self._late.add(worker)

    @property
    def moves(self) -> int:
        """How many steps jobs have taken: it grows as long as anything is worked on."""
        with self._lock:
            return self.claims.total() + self.retries.total() + self.commits.total()

    def was_robbed(self, worker: str) -> bool:
        """Tell whether another claimed a job of a worker since that was last stopped."""
        with self._lock:
            return worker in self._robbed

    def wrote_late(self, worker: str) -> bool:
        """Tell whether a worker tried to end an attempt that was not its own any more, since it was last stopped."""
        with self._lock:
            return worker in self._late

    def holds(self, worker: str) -> bool:
        """Tell whether a worker holds a job."""
        with self._lock:
            return worker in self._holder.values()

    def killed(self, worker: str) -> None:
        """Take note that a worker is dead."""
        with self._lock:
            for job_id, holder in self._holder.items():
                if holder == worker:
                    self._orphaned_at[job_id] = self._now()

    def stopped(self, worker: str, *, is_stopped: bool) -> None:
        """Take note that a worker is stopped, or woken."""
        with self._lock:
            (self._stopped.add if is_stopped else self._stopped.discard)(worker)
            if is_stopped:
                self._robbed.discard(worker)
                self._late.discard(worker)

    def has_ended(self, job_id: str) -> bool:
        """Tell whether a final state of the job was written."""
        with self._lock:
            return self.commits[job_id] > 0

    def _applied(self, step: str, job_id: str, worker: str) -> None:
        orphaned_at = self._orphaned_at.pop(job_id, None)
        before = self._holder.pop(job_id, None)
        if step == "claim":
            self.claims[job_id] += 1
            if before is not None and before in self._stopped:
                self.takeovers += 1
                self._robbed.add(before)
            self._holder[job_id] = worker
            if orphaned_at is not None:
                self.recoveries_s.append(self._now() - orphaned_at)
                if self.recoveries_s[-1] == max(self.recoveries_s):
                    self.slowest_to_recover = job_id
            return
        if before != worker:
            self._late.add(worker)
        if step == "retry":
            self.retries[job_id] += 1
        else:
            self.commits[job_id] += 1

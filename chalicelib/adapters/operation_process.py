"""Runs operations in a process of their own, which can be killed where no exception would get through."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from chalicelib.adapters.child_process import ChildLost, ChildProcess
from chalicelib.adapters.operation_channel import CancelAnswer, CancelQuestion, Failure, Result, RunOrder
from chalicelib.domain.errors import AttemptCancelled, AttemptFailed, Unavailable
from chalicelib.domain.jobs import Job, JobErrorCode

logger = logging.getLogger(__name__)

CANCEL_CHECK_S: Final = 10.0
"""How often a job is looked up whose operation does not ask; as long has one that asked to come to its end."""

UNFIT_AFTER: Final = frozenset({JobErrorCode.TIMED_OUT, JobErrorCode.OUT_OF_MEMORY})
"""Failures after which the process is replaced even when they end the job: it is busy, or full."""

_CANCELLED: Final = "the job was cancelled while its operation ran"


class OperationProcess:
    """
    An `OperationRunner` with one process for all jobs, replaced when it dies or has to be killed.

    It is kept from job to job, because starting one takes longer than most jobs. One job runs at a time; a second
    thread waits. The process ends with `close`, and also when this one ends, in whatever way.
    """

    def __init__(
        self,
        *,
        memory_max_mb: int,
        result_max_bytes: int,
        package: str = "chalicelib.operations",
        log_level: str = "INFO",
        cancel_check_s: float = CANCEL_CHECK_S,
    ) -> None:
        """
        Remember what the process is started with; the first job starts it.

        Args:
            memory_max_mb: What the process may hold, in MiB: Python, the operations, and one job's data and results.
            result_max_bytes: Size of the largest result, as JSON.
            package: Name of the package that holds the operations, as the process can import it.
            log_level: Level of the process's log, which goes to standard error as this one's.
            cancel_check_s: See `CANCEL_CHECK_S`.
        """
        self._memory_max_mb = memory_max_mb
        self._result_max_bytes = result_max_bytes
        self._package = package
        self._log_level = log_level
        self._cancel_check_s = cancel_check_s
        self._one_job = threading.Lock()
        self._child: ChildProcess | None = None

    def run(self, job: Job, *, is_cancelled: Callable[[], bool]) -> str:
        """
        Run the job's operation on its data for at most ``job.timeout``; return the result as JSON text.

        The time begins when the process has the job; starting one comes on top. ``is_cancelled`` reads whether the job
        is cancelled, and is called now and then while the operation runs; while that is `Unavailable`, the job is taken
        for not cancelled.

        Raises:
            AttemptFailed: The operation raised, timed out, lost its process, or refuses its input.
            AttemptCancelled: ``is_cancelled()`` was true while it ran.
        """
        order = RunOrder(
            operation=job.operation,
            data_json=job.data_json,
            job_id=job.key.job_id,
            attempt=job.attempt,
            timeout_s=job.timeout.total_seconds(),
        )
        cancellation = _Cancellation(is_cancelled, job_id=job.key.job_id)
        with self._one_job:
            ending = self._ending(order, cancellation)
        if cancellation.is_known:
            # Even a result: the operation may have cut it short, having heard so.
            raise AttemptCancelled(_CANCELLED)
        if isinstance(ending, Failure):
            raise AttemptFailed(code=ending.code, detail=ending.detail, is_final=ending.is_final)
        return ending.result_json

    def close(self) -> None:
        """End the process; a later job would start another."""
        with self._one_job:
            self._end_child()

    def _ending(self, order: RunOrder, cancellation: "_Cancellation") -> Result | Failure:
        """Return how the operation ended; end a process that is not fit for the next job."""
        is_child_fit = False
        try:
            ending = self._conversation(order, cancellation)
            # A failure that another attempt may not repeat may be this process's own: what earlier jobs left behind, in
            # memory, threads or files, would fail the later ones, too.
            is_child_fit = isinstance(ending, Result) or (ending.is_final and ending.code not in UNFIT_AFTER)
        except ChildLost as lost:
            ending = Failure(code=JobErrorCode.PROCESS_DIED, detail=str(lost), is_final=False)
        finally:
            # Also after an error of ours: the next job cannot take up a conversation that broke off.
            if not is_child_fit:
                self._end_child()
        return ending

    def _conversation(self, order: RunOrder, cancellation: "_Cancellation") -> Result | Failure:
        """
        Hand over the order, and answer questions until the operation ends, its time is over, or the job is cancelled.

        Raises:
            ChildLost: The process died, or could not be started.
            AttemptCancelled: The job is cancelled, and the operation has not come to its end.
        """
        child = self._ordered(order)
        ends_at = time.monotonic() + order.timeout_s
        check_at = time.monotonic() + self._cancel_check_s
        while True:
            message = child.receive(until=min(ends_at, check_at))
            if isinstance(message, Result | Failure):
                return message
            if time.monotonic() >= ends_at:
                detail = f"it did not end within {order.timeout_s:g} s"
                return Failure(code=JobErrorCode.TIMED_OUT, detail=detail, is_final=False)
            if isinstance(message, CancelQuestion):
                child.send(CancelAnswer(cancellation.looked_up()), until=ends_at)
            elif message is not None:
                out_of_turn = "its process spoke out of turn"
                raise ChildLost(out_of_turn)
            elif cancellation.looked_up():
                raise AttemptCancelled(_CANCELLED)
            check_at = time.monotonic() + self._cancel_check_s

    def _ordered(self, order: RunOrder) -> ChildProcess:
        """
        Give the order to a process that lives, and return it.

        Raises:
            ChildLost: There is none, and none can be started.
        """
        if self._child is not None and self._child.is_idle():
            with contextlib.suppress(ChildLost):
                self._child.send(order)
                return self._child
        # That the last one died between two jobs is not held against this one.
        self._end_child()
        self._child = ChildProcess(
            package=self._package,
            memory_max_mb=self._memory_max_mb,
            result_max_bytes=self._result_max_bytes,
            log_level=self._log_level,
        )
        self._child.send(order)
        return self._child

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Cancellation:
    """Whether one job is known to be cancelled; once it is, it stays so."""

    def __init__(self, is_cancelled: Callable[[], bool], *, job_id: str) -> None:
        self._is_cancelled = is_cancelled
        self._job_id = job_id
        self.is_known = False

    def looked_up(self) -> bool:
        """Look it up, unless it is known."""
        if not self.is_known:
            try:
                self.is_known = self._is_cancelled()
            except Unavailable:
                logger.warning("cancellation cannot be looked up", exc_info=True, extra={"job_id": self._job_id})
        return self.is_known

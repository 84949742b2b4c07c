"""
The process that runs operations: what `chalicelib.adapters.operation_process` starts, one job after the other.

An operation is other people's code, so what it does is kept from the consumer and from the next job as far as a process
of its own allows. The consumer kills this process when a job's time is over; and should the consumer die, the kernel
does, even in the middle of a busy loop or a C call.
"""

import faulthandler
import fcntl
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import msgspec

from chalicelib.adapters.operation_channel import (
    CancelAnswer,
    CancelQuestion,
    Channel,
    ChildSettings,
    Failure,
    Ready,
    Result,
    RunOrder,
)
from chalicelib.domain.errors import JobFailed
from chalicelib.domain.jobs import JobErrorCode
from chalicelib.observability import configure_logging, places_of
from chalicelib.operations.registry import OperationRegistry, TypedOperation

logger = logging.getLogger(__name__)

CANCEL_QUESTION_EVERY_S: Final = 1.0
"""Each question costs the consumer a read of the job's row."""

DETAIL_MAX_CHARACTERS: Final = 1000
"""An error's detail is for people; what an operation raises may be as large as its data."""


class AttendedJob:
    """The `RunningJob` of one attempt. The operation may ask it from several threads."""

    def __init__(self, order: RunOrder, channel: Channel) -> None:
        self._attempt = order.attempt
        self._ends_at = time.monotonic() + order.timeout_s
        self._channel = channel
        self._asking = threading.Lock()
        self._ask_again_at = time.monotonic()
        self._is_cancelled = False
        self._is_over = False

    @property
    def attempt(self) -> int:
        """Number of this attempt."""
        return self._attempt

    def is_cancelled(self) -> bool:
        """Tell whether the job is cancelled, as the consumer last said; ask it at most once a second."""
        with self._asking:
            if not self._is_cancelled and not self._is_over and time.monotonic() >= self._ask_again_at:
                self._channel.send(CancelQuestion())
                answer = self._channel.receive()
                self._is_cancelled = isinstance(answer, CancelAnswer) and answer.is_cancelled
                self._ask_again_at = time.monotonic() + CANCEL_QUESTION_EVERY_S
            return self._is_cancelled

    def time_left_s(self) -> float:
        """Return the seconds until the consumer kills this process."""
        return max(self._ends_at - time.monotonic(), 0.0)

    def end(self) -> None:
        """Ask no more: a thread that the operation left behind must not speak into the next job."""
        with self._asking:
            self._is_over = True


def main(arguments: Sequence[str]) -> None:
    """Run operations for the consumer that started this process, until it goes away or kills it."""
    settings = msgspec.json.decode(arguments[0], type=ChildSettings)
    _die_with_consumer(settings.lifeline_fd)
    _limit(resource.RLIMIT_CORE, 0)
    # Not RLIMIT_AS, which also counts what is only reserved or shared, such as the code of libraries.
    _limit(resource.RLIMIT_DATA, settings.memory_max_mb * 2**20)
    faulthandler.enable()
    configure_logging(settings.log_level)
    channel = Channel(socket.socket(fileno=settings.socket_fd))
    # What operations start must not keep the socket open when this process dies, nor speak in its name.
    fcntl.fcntl(settings.socket_fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    os.register_at_fork(after_in_child=channel.close)
    try:
        serve(channel, OperationRegistry(import_module(settings.package)), result_max_bytes=settings.result_max_bytes)
    except ConnectionError:
        pass  # The consumer is gone, and nobody is left to be told.
    finally:
        channel.close()


def serve(channel: Channel, operations: OperationRegistry, *, result_max_bytes: int) -> None:
    """
    Say that the operations are loaded, then answer one order after the other.

    Raises:
        ConnectionError: The consumer is gone.
    """
    channel.send(Ready())
    while True:
        order = channel.receive()
        # Anything else is the late answer to a question that the operation broke off, by a signal handler that raised.
        if isinstance(order, RunOrder):
            job = AttendedJob(order, channel)
            answer = attempted(order, operations.find(order.operation), job, result_max_bytes=result_max_bytes)
            job.end()
            channel.send(answer)


def attempted(
    order: RunOrder, operation: TypedOperation | None, job: AttendedJob, *, result_max_bytes: int
) -> Result | Failure:
    """Run the operation once. Whatever it raises, even `SystemExit`, is a failed attempt, not this process's end."""
    if operation is None:
        detail = f"this deployment has no operation {order.operation}"
        return Failure(code=JobErrorCode.UNKNOWN_OPERATION, detail=detail, is_final=True)
    final_errors = operation.policy.final_errors
    try:
        result_json = operation.run(order.data_json, job)
    except JobFailed as refusal:
        return Failure(code=refusal.code, detail=_cut(_text(refusal)), is_final=True)
    except MemoryError:
        pass  # Answered below, where the traceback no longer holds what filled the memory.
    except BaseException as bug:  # noqa: BLE001 - its code is other people's, and the failure says it
        # Not what it says: an operation may well speak of its data, which the job's owner reads in the error's detail.
        fields = {"operation": order.operation, "job_id": order.job_id, "exception": places_of(bug)}
        logger.error("operation raised", extra=fields)  # noqa: TRY400 - see above
        detail = _cut(f"{type(bug).__name__}: {_text(bug)}")
        return Failure(code=JobErrorCode.OPERATION_FAILED, detail=detail, is_final=isinstance(bug, final_errors))
    else:
        if len(result_json.encode()) > result_max_bytes:
            detail = f"the result takes more than {result_max_bytes} bytes as JSON"
            return Failure(code=JobErrorCode.RESULT_TOO_LARGE, detail=detail, is_final=True)
        return Result(result_json)
    logger.error("operation ran out of memory", extra={"operation": order.operation, "job_id": order.job_id})
    detail = "it needs more memory than a job may take"
    return Failure(code=JobErrorCode.OUT_OF_MEMORY, detail=detail, is_final=issubclass(MemoryError, final_errors))


def _text(error: BaseException) -> str:
    """Return what the exception says; its ``__str__`` is the operation's code, too."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the error itself is logged
        return "(its message cannot be had)"


def _cut(text: str) -> str:
    # Half a surrogate pair is a character to Python, and none to UTF-8.
    return text[:DETAIL_MAX_CHARACTERS].encode(errors="replace").decode()


def _limit(kind: int, value: int) -> None:
    """Lower one of this process's limits to ``value``, or to what is allowed."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _die_with_consumer(lifeline_fd: int) -> None:
    """
    Have the kernel kill this process's group once the other end of the lifeline, a pipe, closes.

    It does so without this process's help, and so also while the interpreter is held up. (Linux's PR_SET_PDEATHSIG
    would end this process with the thread that started it.)
    """
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, -os.getpgrp())
    if sys.platform == "linux":
        # Elsewhere the signal is SIGIO, which ends a process that does not handle it.
        fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, fcntl.fcntl(lifeline_fd, fcntl.F_GETFL) | os.O_ASYNC)

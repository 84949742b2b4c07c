"""Cancelling a job whose operation runs in a real process."""

import os
import signal
import time
from pathlib import Path

import pytest

from chalicelib.adapters.operation_process import OperationProcess
from chalicelib.domain.errors import AttemptCancelled, Unavailable
from tests.contract.operation_process import (
    PID,
    SPINS,
    WAITS,
    Make,
    is_gone,
    run,
)


def test_an_operation_that_does_not_ask_is_stopped(make: Make) -> None:
    process = make(cancel_check_s=0.1)
    pid = run(process, PID)
    asked: list[float] = []

    def is_cancelled() -> bool:
        asked.append(time.monotonic())
        return len(asked) == 3

    with pytest.raises(AttemptCancelled):
        run(process, SPINS, is_cancelled=is_cancelled)
    first, second, third = asked
    assert min(second - first, third - second) >= 0.1
    assert is_gone(pid)


@pytest.mark.parametrize("end", ["answer = 1", "raise ValueError", "import os; os._exit(1)", "answer = float('nan')"])
def test_an_operation_that_heard_of_it_has_no_result_and_no_error(process: OperationProcess, end: str) -> None:
    with pytest.raises(AttemptCancelled):
        run(process, WAITS + end, is_cancelled=lambda: True)


def test_an_operation_that_heard_of_it_and_ended_leaves_its_process(process: OperationProcess) -> None:
    pid = run(process, PID)
    with pytest.raises(AttemptCancelled):
        run(process, WAITS, is_cancelled=lambda: True)
    assert run(process, PID) == pid


def test_an_operation_that_heard_of_it_and_goes_on_is_stopped(make: Make) -> None:
    process = make(cancel_check_s=0.1)
    pid = run(process, PID)
    answers = iter([True])
    with pytest.raises(AttemptCancelled):
        run(process, WAITS + SPINS, is_cancelled=lambda: next(answers))
    assert is_gone(pid)


def test_out_of_time_after_hearing_of_it_is_cancelled(process: OperationProcess) -> None:
    with pytest.raises(AttemptCancelled):
        run(process, WAITS + SPINS, is_cancelled=lambda: True, timeout_s=0.8)


def test_the_operation_may_ask_as_often_as_it_likes(process: OperationProcess) -> None:
    asked: list[float] = []

    def is_cancelled() -> bool:
        asked.append(time.monotonic())
        return len(asked) == 2

    with pytest.raises(AttemptCancelled):
        run(process, "while not job.is_cancelled(): pass", is_cancelled=is_cancelled)
    first, second = asked
    assert second - first >= 0.9


def test_once_cancelled_stays_cancelled(process: OperationProcess, capfd: pytest.CaptureFixture[str]) -> None:
    answers = iter([True])
    source = (
        "from chalicelib import operation_child\n"
        "operation_child.CANCEL_QUESTION_EVERY_S = 0\n"
        "print(job.is_cancelled())\nprint(job.is_cancelled(), flush=True)"
    )
    with pytest.raises(AttemptCancelled):
        run(process, source, is_cancelled=lambda: next(answers))
    assert capfd.readouterr().err == "True\nTrue\n"


def test_threads_of_the_operation_ask_as_one(process: OperationProcess) -> None:
    asked: list[float] = []

    def slow() -> bool:
        asked.append(time.monotonic())
        time.sleep(0.1)
        return False

    source = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool: answer = list(pool.map(lambda _: job.is_cancelled(), range(8)))"
    )
    assert run(process, source, is_cancelled=slow) == [False] * 8
    assert len(asked) == 1


def test_a_thread_left_behind_does_not_speak_into_the_next_job(process: OperationProcess) -> None:
    def never() -> bool:
        pytest.fail("the consumer was asked")

    run(process, "import sys; sys.earlier = job")
    assert run(process, "import sys; answer = sys.earlier.is_cancelled()", is_cancelled=never) is False


def test_a_question_broken_off_does_not_confuse_the_next_job(process: OperationProcess) -> None:
    """As when the operation has set itself an alarm that raises; here it rings while the answer is looked up."""
    pid = run(process, PID)
    source = (
        "import signal\n"
        "def ring(*_): raise TimeoutError\n"
        "signal.signal(signal.SIGALRM, ring)\n"
        "try: answer = job.is_cancelled()\n"
        "except TimeoutError: answer = 'broken off'"
    )

    def looked_up() -> bool:
        os.kill(pid, signal.SIGALRM)
        time.sleep(0.1)
        return False

    assert run(process, source, is_cancelled=looked_up) == "broken off"
    assert run(process, PID) == pid


def test_while_it_cannot_be_looked_up_the_job_is_not_cancelled(
    make: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    is_away = tmp_path / "is-away"

    def away() -> bool:
        is_away.touch()
        detail = "the job store does not answer"
        raise Unavailable(detail)

    process = make(cancel_check_s=0.05)
    source = (
        f"import os, time\nwhile not os.path.exists({str(is_away)!r}): time.sleep(0.01)\nanswer = job.is_cancelled()"
    )
    assert run(process, source, is_cancelled=away) is False
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert {(record.message, vars(record)["job_id"]) for record in caplog.records} == {
        ("cancellation cannot be looked up", "the-job")
    }
    assert len(caplog.records) >= 2


def test_an_unknown_error_of_the_look_up_ends_the_process_with_the_conversation(process: OperationProcess) -> None:
    pid = run(process, PID)
    with pytest.raises(ZeroDivisionError):
        run(process, WAITS, is_cancelled=lambda: 1 // 0 == 1)
    assert is_gone(pid)
    assert run(process, "answer = 1") == 1

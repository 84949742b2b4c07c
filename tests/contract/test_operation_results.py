"""What comes of an operation that runs in a real process to its end: a result, or an error of its own."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from chalicelib.adapters.operation_process import OperationProcess
from tests.aws import PROJECT
from tests.contract.operation_process import (
    PID,
    Make,
    failure,
    run,
)

# Results


def test_the_products_operations_run(make: Make) -> None:
    assert run(make(package="chalicelib.operations"), [1, 2.5], operation="square_sum") == 7.25


def test_one_process_runs_job_after_job(process: OperationProcess) -> None:
    pid = run(process, PID)
    assert pid != os.getpid()
    assert {run(process, PID) for _ in range(3)} == {pid}


def test_jobs_of_several_threads_run_in_turn(process: OperationProcess) -> None:
    run(process, PID)
    answers: dict[int, int] = {}

    def ask(number: int) -> None:
        answers[number] = run(process, f"import time; time.sleep(0.01); answer = {number}")

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert answers == {number: number for number in range(8)}


def test_large_data_and_results_cross(make: Make) -> None:
    text = "é" * 300_000
    assert run(make(result_max_bytes=2_000_000), f"answer = {text!r}") == text


def test_the_operation_knows_its_attempt_and_the_time_it_has(process: OperationProcess) -> None:
    attempt, time_left_s = run(process, "answer = job.attempt, job.time_left_s()", attempt=3, timeout_s=20)
    assert attempt == 3
    assert 10 < time_left_s <= 20


def test_what_the_operation_prints_goes_to_standard_error_and_it_reads_nothing(
    process: OperationProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(process, "import sys; print('printed', flush=True); answer = sys.stdin.read()") == ""
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "printed\n")


def test_warnings_as_errors_are_no_obstacle(process: OperationProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    assert run(process, "import sys; answer = sys.warnoptions") == ["error"]


def test_it_starts_from_any_directory(
    process: OperationProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", *(entry for entry in sys.path if Path(entry).resolve() != PROJECT)])
    monkeypatch.chdir(PROJECT)
    assert run(process, f"import os; os.chdir({str(tmp_path)!r}); import localstack; answer = 1") == 1
    process.close()
    monkeypatch.setattr(sys, "path", [str(PROJECT), *sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit")
    assert run(process, "import os; answer = os.getcwd()") == str(tmp_path)


# Errors of the operation


def test_an_exception_is_a_failed_attempt_with_its_trace_in_the_log(
    process: OperationProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    failed = failure(process, "1 / 0")
    assert (failed.code, failed.detail, failed.is_final) == (
        "OPERATION_FAILED",
        "ZeroDivisionError: division by zero",
        False,
    )
    (line,) = capfd.readouterr().err.splitlines()
    logged = json.loads(line)
    assert logged["message"] == "operation raised"
    assert (logged["operation"], logged["job_id"]) == ("script", "the-job")
    assert "ZeroDivisionError" in logged["exception"]
    assert "division by zero" not in logged["exception"], "what it says may be the job's data"


def test_the_log_has_the_level_it_is_given(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    failure(make(log_level="CRITICAL"), "1 / 0")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("raised", "is_final"), [("LookupError", True), ("KeyError", True), ("ValueError", False)])
def test_the_policy_says_which_exceptions_are_final(process: OperationProcess, raised: str, *, is_final: bool) -> None:
    assert failure(process, f"raise {raised}('why')").is_final is is_final


def test_a_refused_input_is_final(process: OperationProcess) -> None:
    failed = failure(process, "from chalicelib.domain.errors import JobFailed; raise JobFailed('too few')")
    assert (failed.code, failed.detail, failed.is_final) == ("OPERATION_FAILED", "too few", True)


def test_a_result_without_a_json_form_is_final(process: OperationProcess) -> None:
    failed = failure(process, "answer = float('nan')")
    assert (failed.code, failed.is_final) == ("OPERATION_FAILED", True)
    assert "no JSON form" in failed.detail


def test_a_result_over_the_limit_is_final_and_stays_in_the_process(make: Make) -> None:
    process = make(result_max_bytes=100)
    assert run(process, "answer = 'x' * 98") == "x" * 98
    failed = failure(process, "answer = 'x' * 99")
    assert (failed.code, failed.is_final) == ("RESULT_TOO_LARGE", True)
    assert failed.detail == "the result takes more than 100 bytes as JSON"


def test_an_operation_that_there_is_not_is_final(process: OperationProcess) -> None:
    failed = failure(process, 1, operation="no_such")
    assert (failed.code, failed.is_final) == ("UNKNOWN_OPERATION", True)
    assert failed.detail == "this deployment has no operation no_such"


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("class E(Exception):\n def __str__(self): return 1 / 0\nraise E", "E: (its message cannot be had)"),
        (r"raise ValueError('half \ud800')", "ValueError: half ?"),
        ("raise ValueError('x' * 10**6)", "ValueError: " + "x" * 988),
        ("from chalicelib.domain.errors import JobFailed; raise JobFailed('x' * 10**6)", "x" * 1000),
    ],
)
def test_whatever_is_raised_has_a_bounded_detail(process: OperationProcess, source: str, detail: str) -> None:
    failed = failure(process, source)
    assert (failed.code, failed.detail) == ("OPERATION_FAILED", detail)


@pytest.mark.parametrize(
    ("source", "is_kept"),
    [
        ("from chalicelib.domain.errors import JobFailed; raise JobFailed('no such planet')", True),
        ("answer = float('nan')", True),
        ("raise ValueError('thread limit, as earlier jobs have left it')", False),
        ("raise SystemExit(3)", False),
    ],
)
def test_after_a_failure_worth_another_attempt_the_process_is_a_fresh_one(
    process: OperationProcess, source: str, *, is_kept: bool
) -> None:
    """What an earlier job left behind must not fail every later one."""
    pid = run(process, PID)
    assert failure(process, source).is_final == is_kept
    assert (run(process, PID) == pid) == is_kept

"""What the suite's several processes must not hide: each of these would leave tests unrun and the run green."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.aws import PROJECT


def run(folder: Path, **files: str) -> tuple[int, str]:
    """Run these test files in two processes with the project's settings; the exit status, and what was printed."""
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code)
    settings = ("-c", str(PROJECT / "pyproject.toml"), f"--rootdir={folder}", "-p", "xdist")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", *settings, str(folder)],
        cwd=folder,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # the others would take most of the time
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


GOOD = "def test_good():\n    pass\n"


def test_what_passes_is_counted_over_all_processes(tmp_path: Path) -> None:
    status, output = run(tmp_path, test_a=GOOD, test_b=GOOD, test_c=GOOD)
    assert status == 0, output
    assert "3 passed" in output


def test_a_process_that_ends_in_a_test_fails_the_run_and_the_test_is_named(tmp_path: Path) -> None:
    status, output = run(tmp_path, test_a=GOOD, test_b="import os\ndef test_bad():\n    os._exit(0)\n", test_c=GOOD)
    assert status == 1, output
    assert re.search(r"FAILED test_b\.py::test_bad", output), output
    assert "1 failed, 2 passed" in output, output


def test_a_file_that_cannot_be_read_fails_the_run(tmp_path: Path) -> None:
    status, output = run(tmp_path, test_a=GOOD, test_b="import nothing_of_this_name\n", test_c=GOOD)
    assert status != 0
    assert "ERROR test_b.py" in output, output


def test_a_test_whose_name_differs_between_processes_fails_the_run(tmp_path: Path) -> None:
    """As one that has a random value for a parameter."""
    by_process = "import os, pytest\n@pytest.mark.parametrize('n', [os.getpid()])\ndef test_bad(n):\n    pass\n"
    status, output = run(tmp_path, test_a=GOOD, test_b=by_process)
    assert status != 0
    assert "Different tests were collected" in output
    assert "passed" not in output


def test_a_file_is_run_by_one_process_in_its_order(tmp_path: Path) -> None:
    code = "import os, pathlib\n"
    for number in range(6):
        code += f"def test_{number}():\n    with open('pids', 'a') as f: print(os.getpid(), file=f)\n"
    status, output = run(tmp_path, test_a=code, test_b=GOOD)
    assert status == 0, output
    assert len(set((tmp_path / "pids").read_text().split())) == 1

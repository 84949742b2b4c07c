"""What is said where a server to compare with is missing, and that none is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import PROJECT
from benchmarks.peers.servers import ServersMissing, installed_programs


def program(path: Path) -> Path:
    """A program of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def test_a_missing_server_is_refused_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ServersMissing) as refused:
        installed_programs(path=str(tmp_path), postgresql=tmp_path)
    assert str(refused.value) == (
        "redis-server and PostgreSQL: not installed, and the benchmark compares with it. On Debian and Ubuntu type"
        " sudo apt-get install --no-install-recommends redis-server postgresql"
        " and on macOS brew install redis postgresql"
    )
    program(tmp_path / "redis-server")
    with pytest.raises(ServersMissing, match=r"^PostgreSQL: not installed"):
        installed_programs(path=str(tmp_path), postgresql=tmp_path)


def test_of_several_versions_the_latest_is_taken(tmp_path: Path) -> None:
    redis = program(tmp_path / "redis-server")
    for version in ("9.6", "15", "16"):
        program(tmp_path / version / "bin" / "initdb")
    found = installed_programs(path=str(tmp_path), postgresql=tmp_path)
    assert found == (redis, tmp_path / "16" / "bin")


@pytest.fixture
def holding(tmp_path: Path) -> "subprocess.Popen[str]":
    """What holds a server that says its number, in a folder, after a command that ends."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    commands = [sys.executable, "-S", "-c", "", ";", sys.executable, "-S", "-c", server]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.held", str(folder), "", *commands],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_server_ends_with_the_one_who_wanted_it_and_its_folder_too(
    holding: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    with holding:
        assert holding.stdout is not None
        assert holding.stdin is not None
        server = int(holding.stdout.readline())
        holding.send_signal(signal.SIGTERM)
        os.kill(server, 0)  # no signal ends it: who wanted it may have one that it goes on after
        holding.stdin.close()
        holding.wait(10)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
    assert list(tmp_path.iterdir()) == []

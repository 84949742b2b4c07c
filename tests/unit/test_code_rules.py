"""What the deployed code does not do, whatever it is given: rules that its source can be checked against."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.aws import PROJECT

FILES = [PROJECT / "app.py", *sorted((PROJECT / "chalicelib").rglob("*.py"))]
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


@cache
def walked(file: Path) -> list[ast.AST]:
    """All nodes of a file, which is parsed once for all rules."""
    return list(ast.walk(ast.parse(file.read_text())))


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every such node of the deployed code, with where it is."""
    for file in FILES:
        for node in walked(file):
            if isinstance(node, kind):
                yield f"{file.relative_to(PROJECT)}:{getattr(node, 'lineno', 0)}", node


def imported() -> dict[str, set[str]]:
    """Every name that is imported, with the modules that import it; of ``from a import b`` both ``a`` and ``a.b``."""
    found: dict[str, set[str]] = {}
    for where, node in [*nodes(ast.Import), *nodes(ast.ImportFrom)]:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{name}" for name in names)]
        for name in names:
            found.setdefault(name, set()).add(where.partition(":")[0])
    return found


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call, with where it is and the dotted name of what is called."""
    for where, node in nodes(ast.Call):
        if isinstance(node, ast.Call):
            yield where, ast.unparse(node.func), node


def test_the_rules_see_the_code() -> None:
    assert len(FILES) > 50
    assert "chalicelib/adapters/aws.py" in imported()["boto3"]
    assert [where for where, name, _ in calls() if name == "subprocess.Popen"]


@pytest.mark.asvs("1.3.2", "1.5.2")
def test_no_code_and_no_object_is_made_of_input() -> None:
    running = {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"}
    assert [where for where, name, _ in calls() if name in running] == []
    unsafe = {"pickle", "marshal", "shelve", "dill", "yaml", "jsonpickle", "code", "codeop", "xml", "lxml"}
    assert {name for name in imported() if name.partition(".")[0] in unsafe} == set()


@pytest.mark.asvs("1.2.5")
def test_one_module_starts_a_process_and_no_shell() -> None:
    assert imported()["subprocess"] == {"chalicelib/adapters/child_process.py"}
    shells = {"os.system", "os.popen", "pty.spawn", "subprocess.getoutput", "subprocess.getstatusoutput"}
    for where, name, call in calls():
        assert name not in shells, where
        assert not name.startswith(("os.exec", "os.spawn", "os.posix_spawn")), where
        assert not [keyword for keyword in call.keywords if keyword.arg == "shell"], where
    (started,) = [call for _, name, call in calls() if name == "subprocess.Popen"]
    (command,) = started.args
    assert isinstance(command, ast.List), "a list of arguments, which no shell reads"


@pytest.mark.asvs("1.3.10", "16.4.1")
def test_what_a_log_line_says_is_written_in_the_code() -> None:
    """Values go into fields of their own; see `chalicelib.observability`."""
    seen = 0
    for where, name, call in calls():
        if name.startswith(("logger.", "log.", "_log.", "logging.")) and name.rpartition(".")[2] in LOG_METHODS:
            seen += 1
            assert isinstance(call.args[0], ast.Constant), where
    for where, name, call in calls():
        if name.endswith(".format_map") or name == "string.Template":
            pytest.fail(f"{where}: a format that is not written in the code")
        if name.endswith(".format") and isinstance(call.func, ast.Attribute):
            assert not isinstance(call.func.value, ast.Call | ast.Subscript | ast.JoinedStr), where
    assert seen > 5


@pytest.mark.asvs("13.2.4", "13.2.5")
def test_nothing_outside_is_reached_but_by_two_modules() -> None:
    """AWS by one, and by the other, which guards itself, the webhooks of users."""
    sender, aws = {"chalicelib/adapters/webhook_sender.py"}, {"chalicelib/adapters/aws_connection.py"}
    network = {"requests", "httpx", "aiohttp", "urllib3", "ftplib", "smtplib", "telnetlib", "asyncio", "httptools"}
    reached = {name: of for name, of in imported().items() if name.partition(".")[0] in network}
    reached |= {name: of for name, of in imported().items() if name.startswith(("urllib.request", "http.client"))}
    reached |= {name: of for name, of in imported().items() if name.startswith("http.server")}
    assert {name.partition(".")[0]: of for name, of in reached.items()} == {"http": sender, "httptools": aws}
    clients = {"chalicelib/adapters/aws.py"}
    assert imported()["ssl"] - sender - aws == clients | {"chalicelib/adapters/aws_calls.py"}, "for whom they trust"
    assert {where for name, of in imported().items() if name.partition(".")[0] == "boto3" for where in of} == clients
    elsewhere = [(where, name) for where, name, _ in calls() if where.partition(":")[0] not in sender | aws]
    assert {name for _, name in elsewhere if name.startswith("socket.")} <= {"socket.socketpair", "socket.socket"}
    connecting = [where for where, name, _ in calls() if name.endswith((".connect", ".bind", "create_connection"))]
    assert {where.partition(":")[0] for where in connecting} == sender | aws
    resolving = [where for where, name, _ in calls() if name.endswith(("getaddrinfo", "gethostbyname"))]
    assert {where.partition(":")[0] for where in resolving} == sender


@pytest.mark.asvs("11.2.1", "11.4.1", "11.4.3")
def test_cryptography_is_that_of_libraries_and_without_weak_hashes() -> None:
    hashes = {name.removeprefix("hashlib.") for _, name, _ in calls() if re.fullmatch(r"hashlib\.\w+", name)}
    hashes |= {name.removeprefix("hashlib.") for name in imported() if name.startswith("hashlib.")}
    assert hashes
    assert hashes <= {"sha256", "sha512", "file_digest", "blake2b"}
    digests = [call.args[2] for _, name, call in calls() if name in {"hmac.digest", "hmac.new"}]
    assert digests
    assert {ast.unparse(digest).strip("'") for digest in digests} <= {"sha256", "hashlib.sha256"}


@pytest.mark.asvs("11.5.1")
def test_what_must_not_be_guessed_is_not_of_a_generator_that_can_be() -> None:
    weak = {name for name in imported() if name.partition(".")[0] == "random"}
    assert weak == set()

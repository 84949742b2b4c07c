"""Nothing that looks like a secret is among the project's files."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.aws import PROJECT

SECRETS = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an AWS secret key": re.compile(r"(?i)aws_?secret_?(?:access_?)?key\W{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "a JWT": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
    "a token of a code host": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,}|glpat-[\w-]{20})\b"),
    "a token of a registry": re.compile(r"\b(?:pypi-[\w-]{50,}|npm_[A-Za-z0-9]{36})\b"),
    "a password in a URL": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@{}<>\"']+:[^\s/:@{}<>\"']+@"),
}

EXCEPTIONS: dict[tuple[str, str], str] = {
    ("a password in a URL", "tests/ssrf.py"): "URLs that must be refused, with users of nobody",
    ("a password in a URL", "tests/unit/test_webhook_urls.py"): "the same",
    ("a password in a URL", "tests/api/test_jobs.py"): "a callback URL that must be refused",
}
"""By kind and file: why what is found there opens nothing."""


def found(text: str) -> set[str]:
    """What kinds of secret a text seems to have."""
    return {kind for kind, pattern in SECRETS.items() if pattern.search(text)}


def project_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.split("\0") if name and (path := PROJECT / name).is_file()]


@pytest.mark.asvs("13.2.3", "13.3.1")
@pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="git lists the files of the project")
def test_no_file_of_the_project_holds_a_secret() -> None:
    files = project_files()
    assert PROJECT / "app.py" in files
    seen = {
        (kind, str(path.relative_to(PROJECT))) for path in files for kind in found(path.read_text(errors="replace"))
    }
    assert seen == EXCEPTIONS.keys()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("an AWS access key", "id = " + "AKIA" + "Q" * 16),
        ("an AWS secret key", "aws_secret_access_key = " + "a/B+" * 10),
        ("a private key", "-----BEGIN " + "RSA PRIVATE KEY-----"),
        ("a private key", "-----BEGIN " + "PRIVATE KEY-----"),
        ("a JWT", "Bearer " + "eyJ" + "hbGciOiJI" + ".eyJ" + "zdWIiOiIx" + "." + "c" * 43),
        ("a token of a code host", "ghp_" + "a" * 36),
        ("a token of a registry", "pypi-" + "a" * 60),
        ("a password in a URL", "https://" + "ada:secret" + "@example.com"),
    ],
)
def test_each_kind_of_secret_would_be_found(kind: str, text: str) -> None:
    assert found(text) == {kind}


@pytest.mark.parametrize(
    "text", ["AKIA", "https://example.com/a:b@c", "BEGIN PUBLIC KEY", "sha256:" + "0" * 64, "eyJhbGciOiJIUzI1NiJ9"]
)
def test_what_only_resembles_one_is_none(text: str) -> None:
    assert found(text) == set()

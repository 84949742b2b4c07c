"""Looks up every pinned package among the known vulnerabilities: ``python -m deployment.audit``."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from deployment.packaging import BUILD, PROJECT

REQUIREMENTS = (PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt")
CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 2


def audit(*requirements: Path, url: str | None = None) -> tuple[int, list[str]]:
    """
    Ask OSV, or what answers at ``url`` as OSV does, about each package that ``requirements`` pin by hash.

    Returns:
        The exit status and what to tell: one line for each vulnerability that is known, or one that says why nothing
        is known of them. A package that cannot be looked up fails the whole audit.
    """
    options = ("--strict", "--disable-pip", "--progress-spinner=off", "--format=json", "--vulnerability-service=osv")
    files = [part for path in requirements for part in ("-r", str(path))]
    where = ["--osv-url", url] if url else []
    command = (sys.executable, "-m", "pip_audit", *options, *where, "--cache-dir", str(BUILD / "audit"), *files)
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        *_, why = [f"exit {done.returncode}", *filter(None, done.stderr.splitlines())]
        return NOT_AUDITED, [f"nothing was audited: {why}"]
    found = [
        f"{package['name']} {package['version']}: {each['id']}, fixed in {', '.join(each['fix_versions']) or 'none'}"
        for package in packages
        for each in package["vulns"]
    ]
    if not found and done.returncode == 0 and packages:
        return CLEAN, [f"no vulnerability is known of {len(packages)} packages"]
    return (VULNERABLE, found) if found else (NOT_AUDITED, [f"nothing was audited: exit {done.returncode}"])


def main() -> int:
    """Audit both requirements files; return 1 when a vulnerability is known, 2 when none could be looked up."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--osv-url", help="where to ask, instead of OSV itself")
    status, lines = audit(*REQUIREMENTS, url=parser.parse_args().osv_url)
    print(*lines, sep="\n", file=sys.stdout if status == CLEAN else sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())

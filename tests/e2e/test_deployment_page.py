"""``docs/deployment.md`` is true: its marked commands are run in order, on an emulator started apart from them."""

import os
import re
import subprocess
import sys
from pathlib import Path

from localstack.emulator import running_emulator
from tests.aws import PROJECT
from tests.deployment import CONFIG, RESOURCES

PAGE = (PROJECT / "docs" / "deployment.md").read_text()
BLOCK = re.compile(r"<!-- deployment: .*? -->\n```bash\n(.*?)```", re.DOTALL)
ROW = re.compile(r"^\| `([A-Z]\w+)` \| (.*?) \| (.*?) \| .+ \|$", re.MULTILINE)


def test_the_commands_of_the_page_work_from_the_first_to_the_last(tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == 4
    # The environment is that of the tests: what make would install must not be installed into it.
    make = f'make() {{ command make --no-print-directory VENV={sys.prefix} -o {sys.prefix}/.installed "$@"; }}'
    with running_emulator(preferred_port=0) as endpoint:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join([make, *blocks])],
            cwd=PROJECT,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "AWS_ENDPOINT_URL": endpoint,
                "YES": "1",
                "PYTHON": sys.executable,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        r"Smoke test of http://",
        r"^API +http://",
        r"^[\d:.]+ consume  ",
        r" does its part: ",
        r'"username":"ada"',
        r"^ada is an administrator from now on\.$",
        r"^Nothing is left of job-backend-dev\.$",
    ):
        assert re.search(said, done.stdout, re.MULTILINE), said


def test_the_table_of_parameters_has_those_there_are_with_their_values() -> None:
    shown = {name: (dev.strip('`"'), prod.strip('`"')) for name, dev, prod in ROW.findall(PAGE)}
    shared = CONFIG["template_parameters"]
    of_stage = {
        stage: {**shared, **CONFIG["stages"][stage].get("template_parameters", {})} for stage in ("dev", "prod")
    }
    assert shown == {
        name: (str(of_stage["dev"][name]), str(of_stage["prod"][name])) for name in RESOURCES["Parameters"]
    }

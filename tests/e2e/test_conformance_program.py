"""``make conformance AWS=1``, with an emulator that poses as AWS."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localstack.emulator import running_emulator
from tests.aws import PROJECT, client, nowhere
from tests.contract.conformance import AWS
from tests.contract.conformance_on_aws import PREFIX, Account
from tests.contract.conformance_page import GROUPS
from tests.e2e.conftest import Finished

PROGRAM = [sys.executable, "-m", "tests.contract.conformance_on_aws"]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

LEFT_OUT = {"a_receiver_changes_when_it_comes_again", "a_delayed_message_comes_late"}
"""Facts that wait for seconds, as one does that is not left out."""


@pytest.fixture(scope="module")
def posing() -> Iterator[str]:
    """An emulator of its own: what is left in it was left by the program."""
    with running_emulator(enforce_iam=False, preferred_port=0) as endpoint_url:
        yield endpoint_url


@pytest.fixture(scope="module")
def asked(posing: str) -> Finished:
    environment = os.environ | CREDENTIALS | {"AWS_ENDPOINT_URL": posing}
    command = [*PROGRAM, "-k", " and ".join(f"not {name}" for name in LEFT_OUT)]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def left(endpoint_url: str) -> list[Any]:
    """All that there is in an emulator, of the kinds that the program makes."""
    stacks = client("cloudformation", endpoint_url).list_stacks()["StackSummaries"]
    return [
        *client("dynamodb", endpoint_url).list_tables()["TableNames"],
        *client("sqs", endpoint_url).list_queues().get("QueueUrls", []),
        *(each["StackName"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"),
        *(each["Name"] for each in client("ssm", endpoint_url).describe_parameters()["Parameters"]),
    ]


def test_as_aws_an_emulator_fails_on_exactly_what_it_does_not_reproduce(asked: Finished) -> None:
    failed = re.findall(r"^FAILED \S+\[aws-(\w+)\]", asked.stdout, re.MULTILINE)
    asked_of_aws = [fact for module in GROUPS.values() if AWS in module.ASKED for fact in module.FACTS]
    facts = [fact for fact in asked_of_aws if str(fact) not in LEFT_OUT]
    assert len(facts) == len(asked_of_aws) - len(LEFT_OUT)
    assert sorted(failed) == sorted(str(fact) for fact in facts if "ministack" in fact.not_on)
    passed = re.search(r"^(\d+) failed, (\d+) passed, 2 deselected in", asked.stdout, re.MULTILINE)
    assert passed, asked.stdout
    assert int(passed[1]) == len(failed)
    assert int(passed[2]) == len(facts) - len(failed) + 1, "and one test of botocore"
    assert asked.returncode == pytest.ExitCode.TESTS_FAILED


def test_the_account_and_the_prefix_are_said_first(asked: Finished, posing: str) -> None:
    said = rf"Asking the AWS account 000000000000 at {posing}; all that is made is named {PREFIX}-[0-9a-f]{{8}}-…\n"
    assert re.match(said, asked.stdout)


def test_nothing_is_left(asked: Finished, posing: str) -> None:
    made = re.search(r"^Removing what was made: (\d+) things", asked.stdout, re.MULTILINE)
    assert made
    assert int(made[1]) > 20
    assert left(posing) == []
    assert asked.stderr == ""


def test_nothing_is_left_after_a_signal(posing: str) -> None:
    environment = os.environ | CREDENTIALS | {"AWS_ENDPOINT_URL": posing, "PYTHONUNBUFFERED": "1"}
    # The first fact makes the table; when it is done, the second keeps the program busy for some seconds.
    command = [*PROGRAM, "-k", "numbers_of_38_digits or what_is_not_deleted", "-vv"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("PASSED" in line for line in process.stdout)
        process.send_signal(signal.SIGSTOP)  # it must not come to its end while it is looked at
        assert left(posing) != []
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        rest = process.stdout.read()
    assert "KeyboardInterrupt" in rest
    assert left(posing) == []
    assert process.returncode == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "Unable to locate credentials"),
        ({**CREDENTIALS, "AWS_DEFAULT_REGION": None}, "You must specify a region."),
        ({**CREDENTIALS, "AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
    ],
)
def test_without_an_account_it_says_so_in_one_line(tmp_path: Path, environment: dict[str, Any], said: str) -> None:
    files = {"AWS_CONFIG_FILE": str(tmp_path / "no"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no")}
    chosen = files | {"AWS_EC2_METADATA_DISABLED": "true"} | environment
    settings = os.environ | {name: value for name, value in chosen.items() if value is not None}
    done = subprocess.run(PROGRAM, cwd=PROJECT, env=settings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"no account can be asked: {said}\n")


def test_an_ordinary_run_asks_no_account_whatever_its_environment_says() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/contract/test_conformance_of_queues.py"]
    environment = os.environ | CREDENTIALS | {"AWS": "1", "AWS_ENDPOINT_URL": nowhere()}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert set(re.findall(r"\[([a-z-]+)-\w+\]$", done.stdout, re.MULTILINE)) == {"moto", "ministack"}


@pytest.mark.parametrize(("given", "asks_aws"), [([], False), (["AWS=1"], True), (["AWS=0"], False)])
def test_make_asks_an_account_only_when_it_is_told_to(given: list[str], *, asks_aws: bool) -> None:
    command = ["make", "--dry-run", "--old-file=.venv/.installed", "conformance", *given]
    environment = os.environ | {"AWS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    assert "pytest -q tests/contract/test_conformance_of_*.py" in done.stdout
    assert ("tests.contract.conformance_on_aws" in done.stdout) is asks_aws


def account(endpoint_url: str, *made: tuple[str, str]) -> Account:
    return Account(
        name=AWS,
        version="",
        client=lambda service: client(service, endpoint_url),
        new_name=lambda kind: kind,
        made=list(made),
        removal_s=0,
    )


def test_what_is_protected_is_removed_too_and_what_was_never_made_is_no_error(posing: str) -> None:
    client("dynamodb", posing).create_table(
        TableName="protected",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        DeletionProtectionEnabled=True,
    )
    kinds = ("table", "queue", "stack", "parameter")
    assert account(posing, ("table", "protected"), *((kind, "never-made") for kind in kinds)).remove_all() == []
    assert left(posing) == []


def test_what_cannot_be_removed_is_named() -> None:
    (reason,) = account(nowhere(), ("queue", "stays")).remove_all()
    assert reason.startswith("queue stays: Could not connect")

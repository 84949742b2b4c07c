"""``make redrive``'s program: what it asks of the stack's function, and what it says."""

import json
import re
from collections.abc import Iterator

import pytest

from localstack.emulator import running_emulator
from tests.aws import client, nowhere
from tests.e2e.conftest import LOCAL_STACK, Finished, program


def redrive(**environment: str) -> Finished:
    """Run the program."""
    return program("deployment.redrive", **environment)


def refusal(endpoint: str) -> str:
    """What the program says when it cannot do its part."""
    done = redrive(AWS_ENDPOINT_URL=endpoint)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """The endpoint of an emulator without a stack."""
    with running_emulator(enforce_iam=False) as endpoint:
        yield endpoint


@pytest.fixture
def stack(request: pytest.FixtureRequest, emulator: str) -> Iterator[str]:
    """The endpoint of an emulator whose stack has a redrive with the code of the parameter."""
    cloudformation = client("cloudformation", emulator)
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
    }
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": request.param},
        },
    }
    template = {
        "Resources": {"Role": role, "Redrive": function},
        "Outputs": {"RedriveName": {"Value": {"Ref": "Redrive"}}},
    }
    cloudformation.create_stack(
        StackName=LOCAL_STACK, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=LOCAL_STACK, WaiterConfig={"Delay": 1})
    yield emulator
    cloudformation.delete_stack(StackName=LOCAL_STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=LOCAL_STACK, WaiterConfig={"Delay": 1})


IN_THREE = """
answers = iter([(2, False), (100, False), (1, True)])
def handler(event, context):
    retried, is_complete = next(answers)
    return {"retried": retried, "is_complete": is_complete}
"""
STUCK = "def handler(event, context): return {'retried': 0, 'is_complete': False}"
BROKEN = "def handler(event, context): raise RuntimeError('the jobs table is away')"


@pytest.mark.parametrize("stack", [IN_THREE], ids=["IN_THREE"], indirect=True)
def test_it_asks_until_all_dead_jobs_are_retried(stack: str) -> None:
    done = redrive(AWS_ENDPOINT_URL=stack, AWS_PROFILE="not-on-this-machine")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 dead jobs retried so far",
        "102 dead jobs retried so far",
        "103 dead jobs retried",
    ]


@pytest.mark.parametrize("stack", [STUCK], ids=["STUCK"], indirect=True)
def test_it_does_not_ask_forever(stack: str) -> None:
    assert "the redrive makes no progress" in refusal(stack)


@pytest.mark.parametrize("stack", [BROKEN], ids=["BROKEN"], indirect=True)
def test_why_the_function_failed_is_said(stack: str) -> None:
    assert re.fullmatch(r"the redrive failed: [\w.]+: the jobs table is away\n", refusal(stack))


def test_an_emulator_that_does_not_answer_is_said() -> None:
    url = nowhere()
    assert f"no emulator answers at {url}; set AWS_ENDPOINT_URL" in refusal(url)


def test_a_stack_that_is_not_there_is_said(emulator: str) -> None:
    assert f"there is no stack {LOCAL_STACK} at {emulator}; make run creates it" in refusal(emulator)

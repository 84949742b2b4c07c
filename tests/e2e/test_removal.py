"""
A stage to its last resource, on an emulator that was started apart from it: whole, half made, and half removed.

The program is run as ``make`` runs it. All tests share the emulator and its stage ``prod``, and each removes a stage of
its own.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment.belongings import belongings, unprotected
from deployment.deploy import told
from deployment.emulated import clients
from deployment.rollout import roll_out
from deployment.smoke import smoke
from deployment.stack import StackError
from deployment.stages import Stage
from localstack.emulator import running_emulator
from tests.e2e.programs import everything, program, that_fails
from tests.e2e.test_erasure import wait_until


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The endpoint of an emulator that has nothing of the product."""
    with running_emulator(preferred_port=0) as endpoint:
        yield endpoint


@pytest.fixture(scope="module", autouse=True)
def prod(aws: str, folders: dict[str, Path]) -> Stage:
    """A stage that keeps data, and is there while others go."""
    stage = Stage(name="prod", endpoint_url=aws)
    roll_out(stage, folders["prod"])
    return stage


def test_a_first_deployment_that_fails_says_why_and_what_to_do_and_can_be_removed(
    aws: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    stage = Stage(name="half", endpoint_url=aws)
    broken = that_fails(folders["dev"], tmp_path / "broken")
    before = everything(aws)
    with pytest.raises(StackError, match=r"^Another: The role with name nobody") as failed:
        roll_out(stage, broken)
    assert told(stage, failed.value).endswith(
        "make destroy STAGE=half removes what is left of it; then make deploy STAGE=half"
    )
    with pytest.raises(StackError, match="it is ROLLBACK_COMPLETE, and can only be removed"):
        roll_out(stage, folders["dev"])
    done = program("destroy", aws, STAGE="half", YES="1")
    assert done.returncode == 0, done.stderr
    assert everything(aws) == before


def test_a_removed_stage_leaves_nothing_behind(aws: str, folders: dict[str, Path]) -> None:
    """Also nothing that only use brings about: the stage has served a job before."""
    before = everything(aws)
    stage = Stage(name="gone", endpoint_url=aws)
    url = roll_out(stage, folders["dev"]).api_url
    during = everything(aws)
    untouched = {"iam Users", "cloudwatch MetricAlarms", "cloudwatch DashboardEntries"}
    assert {name for name in before if before[name] == during[name]} <= untouched, "the test looks where a stage is"
    smoke(url, lambda _: None)
    # Its account is erased: what ran on while the stage goes would make the emulator keep a log group for its lines.
    lines = clients(aws).client("logs").filter_log_events
    wait_until(
        lambda: bool(lines(logGroupName="/aws/lambda/job-backend-gone-erase")["events"]), "the account is erased"
    )
    done = program("destroy", aws, answer="y\n", STAGE="gone")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^   11 AWS::DynamoDB::Table$", done.stdout, re.MULTILINE)
    assert re.search(r"^the table job-backend-gone-AuditTable-\w+, about [1-9]\d* items$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("Nothing is left of job-backend-gone.\n")
    after = everything(aws)
    # The other stage goes on meanwhile, and its functions' first lines may bring about something of its own.
    left = {name for kind in after for name in after[kind] - before[kind] if "job-backend-prod" not in name}
    assert not left, left
    assert all(before[kind] <= after[kind] for kind in before), "nothing of another stage goes"
    again = program("destroy", aws, STAGE="gone")
    assert (again.returncode, again.stdout) == (0, "There is nothing of job-backend-gone.\n")


def test_a_stage_that_keeps_data_goes_only_when_told_twice(aws: str, folders: dict[str, Path]) -> None:
    before = everything(aws)
    stage = Stage(name="vault", endpoint_url=aws)
    roll_out(stage, folders["prod"])
    during = everything(aws)
    for given in ({}, {"DESTROY_DATA": "job-backend-prod"}):
        done = program("destroy", aws, STAGE="vault", YES="1", **given)
        assert done.returncode == 1
        assert "job-backend-vault keeps data, and nothing was changed." in done.stderr
        assert done.stderr.endswith("  make destroy STAGE=vault DESTROY_DATA=job-backend-vault\n")
    unasked = program("destroy", aws, STAGE="vault", DESTROY_DATA="job-backend-vault")
    assert (unasked.returncode, everything(aws)) == (1, during)
    assert stage.stack().is_protected()
    done = program("destroy", aws, STAGE="vault", DESTROY_DATA="job-backend-vault", YES="1")
    assert done.returncode == 0, done.stderr
    assert everything(aws) == before


def test_protections_are_off_while_the_stack_is_told_to_go_and_back_on_when_it_is_not(prod: Stage) -> None:
    """On AWS a protected table is not deleted; the emulator's CloudFormation deletes it all the same."""
    session = prod.session()

    def protections() -> set[bool]:
        there = belongings(prod, session)
        assert there.keeps_data, "the stack's parameter says so, too"
        return {there.is_protected, *(table.is_protected for table in there.tables)}

    def stopped() -> None:
        with unprotected(prod, session, belongings(prod, session)):
            assert protections() == {False}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert protections() == {True}


def test_what_is_left_without_a_stack_is_removed_and_other_stages_are_not_touched(
    aws: str, folders: dict[str, Path]
) -> None:
    stage, services = Stage(name="left", endpoint_url=aws), clients(aws).client
    dynamodb = services("dynamodb")
    other = "job-backend-left-2-JobsTable-A1B2C3"
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    dynamodb.create_table(TableName=other, **table)
    services("sqs").create_queue(QueueName="job-backend-left-2-jobs")
    services("events").create_event_bus(Name="job-backend-left-2")
    before = everything(aws)
    roll_out(stage, folders["dev"])
    services("cloudformation").delete_stack(StackName=stage.stack_name)
    services("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=stage.stack_name, WaiterConfig={"Delay": 1}
    )
    dynamodb.create_table(TableName="job-backend-left-JobsTable-A1B2C3", DeletionProtectionEnabled=True, **table)
    dynamodb.create_table(TableName="job-backend-left-UsersTable-A1B2C3-restored", **table)
    services("logs").create_log_group(logGroupName="/aws/lambda/job-backend-left-consume")
    services("sqs").create_queue(QueueName="job-backend-left-erasures")
    services("sns").create_topic(Name="job-backend-left-alarms")
    events = services("events")
    events.create_event_bus(Name="job-backend-left")
    events.put_rule(Name="theirs", EventBusName="job-backend-left", EventPattern='{"detail-type": ["job.failed"]}')
    target = {"Id": "theirs", "Arn": "arn:aws:sqs:us-east-1:000000000000:job-backend-left-2-jobs"}
    events.put_targets(Rule="theirs", EventBusName="job-backend-left", Targets=[target])
    kept = program("destroy", aws, STAGE="left", YES="1")
    assert (kept.returncode, "keeps data" in kept.stderr) == (1, True)
    done = program("destroy", aws, STAGE="left", YES="1", DESTROY_DATA="job-backend-left")
    assert done.returncode == 0, done.stderr
    assert {line for line in done.stdout.splitlines() if line.startswith("  removed")} == {
        "  removed the table job-backend-left-JobsTable-A1B2C3 outside the stack, with about 0 items",
        "  removed the table job-backend-left-UsersTable-A1B2C3-restored outside the stack, with about 0 items",
        "  removed the log group /aws/lambda/job-backend-left-consume",
        "  removed the queue job-backend-left-erasures",
        "  removed the topic arn:aws:sns:us-east-1:000000000000:job-backend-left-alarms",
        "  removed the event bus job-backend-left, with its rules",
        "  removed the bucket job-backend-left-000000000000-us-east-1, with what was deployed",
        "  removed the parameter /job-backend-left/signing-keys, with the signing keys",
    }
    assert everything(aws) == before


def test_a_stack_that_was_only_planned_is_removed(aws: str) -> None:
    before = everything(aws)
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    clients(aws).client("cloudformation").create_change_set(
        StackName="job-backend-planned", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template
    )
    assert Stage(name="planned", endpoint_url=aws).stack().status() == "REVIEW_IN_PROGRESS"
    done = program("destroy", aws, STAGE="planned", YES="1")
    assert done.returncode == 0, done.stderr
    assert everything(aws) == before

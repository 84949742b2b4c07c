"""``make infra``, then ``chalice deploy``: the functions by Chalice, everything else by CloudFormation."""

import base64
import copy
import itertools
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalice.deploy.swagger import TemplatedSwaggerGenerator

import app
from chalicelib.domain.jobs import JobId, JobKey
from chalicelib.domain.users import UserId
from deployment.chalice_project import chalice_functions
from deployment.stages import Stage
from deployment.template import functions, role_of, role_output, stream_mappings, variables_of, without_functions
from localstack.emulator import running_emulator
from tests.aws import PROJECT, REGION, client, nowhere
from tests.e2e.conftest import Finished, project_with
from tests.e2e.listener import listening
from tests.e2e.probes import SCHEDULE_EVENT
from tests.events import api_event, job_message

STAGE = "dev"
STACK = Stage(name=STAGE).stack_name
OTHERS = ("consume", "dead_letter", "erase", "relay", "deliver", "intake", "sweep", "redrive")
FUNCTIONS = {STACK, *(f"{STACK}-{name}" for name in OTHERS)}
LOOPS = (f"{STACK}-consume", f"{STACK}-erase", f"{STACK}-deliver")
"""Functions that send to the queue that drives them."""

PAGE = (PROJECT / "docs" / "chalice-deploy.md").read_text()
PATIENCE_S = 30


def until(probe: Callable[[], Any], what: str) -> Any:
    """What ``probe`` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := probe()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


class Deployed:
    """
    A copy of the project, and the emulator that it deploys to; AWS is asked as the emulator's administrator.

    ``template`` is the stage's, with functions.
    """

    def __init__(self, project: Path, endpoint: str, template: dict[str, Any]) -> None:
        self.project, self.endpoint, self.template = project, endpoint, template
        self.chalice_project = project / ".build" / f"chalice-{STAGE}"
        self.dynamodb, self.functions, self.events = (
            client(each, endpoint) for each in ("dynamodb", "lambda", "events")
        )
        self.logs, self.sqs = client("logs", endpoint), client("sqs", endpoint)
        self.stage = Stage(name=STAGE, endpoint_url=endpoint)
        self.stack = self.stage.stack()

    def program(self, module: str, **environment: str) -> Finished:
        """A program of the project after its end, as ``make`` runs it."""
        as_by_make = {"PYTHONDONTWRITEBYTECODE": "1", "STAGE": STAGE, "YES": "1"}
        environment = {"AWS_ENDPOINT_URL": self.endpoint, **as_by_make, **environment}
        done = self._run((sys.executable, "-m", module), environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def chalice(self, command: str, waiters: Path) -> Finished:
        """A command of Chalice, word for word as documented, with waiters that look more often."""
        (line,) = [each for each in PAGE.splitlines() if f"chalice-{STAGE} {command} --stage {STAGE}" in each]
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        more = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DATA_PATH": str(waiters), **credentials}
        return self._run(("bash", "-c", line), more)

    def _run(self, words: tuple[str, ...], environment: dict[str, str]) -> Finished:
        return subprocess.run(
            words,
            cwd=self.project,
            env=os.environ | {"CI": ""} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def invoke(self, function: str, event: Any) -> Any:
        """The answer of a function."""
        done = self.functions.invoke(FunctionName=function, LogType="Tail", Payload=json.dumps(event).encode())
        answer = json.loads(done["Payload"].read())
        assert "FunctionError" not in done, (answer, base64.b64decode(done.get("LogResult", "")))
        return answer

    def call(self, method: str, resource: str, *, body: Any = None, token: str = "", **parameters: str) -> Any:
        """The JSON of an answer of the API's function to an event as API Gateway sends it."""
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        text = None if body is None else json.dumps(body)
        event = api_event(method, resource, body=text, headers=headers, path_parameters=parameters)
        answer = self.invoke(STACK, event)
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"] or "null")

    def logged_in(self, username: str) -> str:
        """The token of a new user."""
        credentials = {"username": username, "password": "yourpassword"}
        self.call("POST", "/register", body=credentials)
        return str(self.call("POST", "/login", body=credentials)["access_token"])

    def submitted(self, token: str, data: list[int]) -> str:
        """A new job."""
        body = {"data": data, "operation": "square_sum"}
        return str(self.call("POST", "/jobs", body=body, token=token)["job_id"])

    def result(self, token: str, job_id: str) -> Any:
        """The final state of a job, with its result."""

        def final() -> Any:
            answer = self.call("GET", "/jobs/{job_id}/result", token=token, job_id=job_id)
            return answer if answer["status"] in {"SUCCESS", "FAILED", "CANCELLED"} else None

        return until(final, f"{job_id} is not final")

    def key(self, job_id: str) -> dict[str, Any]:
        """The key of a job's row."""
        table = self.stack.outputs()["JobsTableName"]
        rows = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        (row,) = [each for each in rows if each["job_id"]["S"] == job_id]
        return {name: row[name] for name in ("owner_id", "job_id")}

    def mappings(self) -> dict[str, dict[str, Any]]:
        """The event source mappings, by the name of the function."""
        found = self.functions.list_event_source_mappings()["EventSourceMappings"]
        return {each["FunctionArn"].rpartition(":")[2]: each for each in found}

    def switch(self, function: str, *, on: bool) -> None:
        """Let the queue's messages reach a function, or keep them."""
        self.functions.update_event_source_mapping(UUID=self.mappings()[function]["UUID"], Enabled=on)

    def messages(self, queue_output: str) -> tuple[int, int]:
        """How many messages of a queue wait, and how many were delivered and not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.stack.outputs()[queue_output]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        waiting, delivered = (int(attributes[name]) for name in names)
        return waiting, delivered

    def logged(self, function: str, text: str) -> list[str]:
        """The lines of a function's log that have ``text``, in the group that the stack made for it."""
        group = f"/aws/lambda/{function}"
        lines = self.logs.filter_log_events(logGroupName=group)["events"]
        return [each["message"] for each in lines if text in each["message"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The commands of the documentation, after their end."""

    infra: Finished
    deploy: Finished


@pytest.fixture(scope="module")
def waiters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Botocore's own waiters of Lambda, but that they look again after a fifth of a second instead of five."""
    botocore = find_spec("botocore")
    assert botocore is not None
    assert botocore.origin is not None
    part = Path("lambda", "2015-03-31", "waiters-2.json")
    made = json.loads((Path(botocore.origin).parent / "data" / part).read_text())
    for waiter in made["waiters"].values():
        waiter["delay"] = 0.2
    folder = tmp_path_factory.mktemp("botocore")
    (folder / part).parent.mkdir(parents=True)
    (folder / part).write_text(json.dumps(made))
    return folder


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory, templates: dict[str, dict[str, Any]]) -> Iterator[Deployed]:
    """The project, and an emulator with nothing in it that enforces the functions' policies."""
    project = project_with(tmp_path_factory.mktemp("chalice") / "project", {})
    (project / ".venv").symlink_to(sys.prefix)
    with running_emulator() as endpoint:
        yield Deployed(project, endpoint, copy.deepcopy(templates[STAGE]))


@pytest.fixture(scope="module")
def steps(emulated: Deployed, waiters: Path) -> Steps:
    """``make infra``, then ``chalice deploy``."""
    infra = emulated.program("deployment.infra")
    assert infra.returncode == 0, infra.stderr
    deploy = emulated.chalice("deploy", waiters)
    assert deploy.returncode == 0, deploy.stderr
    return Steps(infra=infra, deploy=deploy)


@pytest.fixture(scope="module")
def deployed(emulated: Deployed, steps: Steps) -> Deployed:  # noqa: ARG001 - they have been taken
    """The stage, up."""
    return emulated


def test_without_anybody_to_ask_nothing_is_made(emulated: Deployed) -> None:
    done = emulated.program("deployment.infra", YES="")
    assert done.returncode == 1
    assert (
        done.stderr == "there is no terminal to ask at, and nothing was changed; YES=1 or CI=true agrees beforehand\n"
    )
    assert emulated.stack.status() in {"", "DELETE_COMPLETE"}
    assert not emulated.chalice_project.exists()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"STAGE": "nope"}, "there is no stage nope in .chalice/config.json"),
        ({"AWS_ENDPOINT_URL": nowhere()}, "no emulator answers at"),
    ],
    ids=["no stage", "no emulator"],
)
def test_what_keeps_it_from_being_made_is_said(emulated: Deployed, changed: dict[str, str], why: str) -> None:
    done = emulated.program("deployment.infra", **changed)
    assert done.returncode == 1
    assert why in done.stderr


def test_who_stops_at_the_question_is_told_and_leaves_nothing(emulated: Deployed) -> None:
    typed, terminal = pty.openpty()
    try:
        with subprocess.Popen(
            (sys.executable, "-m", "deployment.infra"),
            cwd=emulated.project,
            env=os.environ | {"CI": "", "YES": "", "STAGE": STAGE, "AWS_ENDPOINT_URL": emulated.endpoint},
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as infra:
            assert infra.stdout is not None
            said = ""
            while "[y/N]" not in said:
                letter = infra.stdout.read(1)
                assert letter, said
                said += letter
            try:
                infra.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    infra.wait(5)
                # A signal between the question and the wait for its answer is seen only with the next.
                infra.send_signal(signal.SIGINT)
                _, errors = infra.communicate(timeout=30)
            finally:
                infra.kill()
    finally:
        os.close(typed)
        os.close(terminal)
    assert (infra.returncode, errors) == (
        1,
        "\nStopped. A change that CloudFormation has begun goes on without this.\n",
    )
    assert emulated.stack.status() == ""
    assert not client("s3", emulated.endpoint).list_buckets()["Buckets"]


def test_a_stack_that_has_its_functions_is_not_touched(emulated: Deployed) -> None:
    cloudformation = client("cloudformation", emulated.endpoint)
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
            "Code": {"ZipFile": "def handler(event, context): pass"},
        },
    }
    template = json.dumps({"Resources": {"Role": role, "Consume": function}})
    stack = Stage(name="prod", endpoint_url=emulated.endpoint).stack()
    cloudformation.create_stack(StackName=stack.name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    before = until(lambda: stack.status() == "CREATE_COMPLETE" and stack.resources(), "the stack is not made")
    try:
        done = emulated.program("deployment.infra", STAGE="prod")
        assert done.returncode == 1
        assert "would remove them; make destroy STAGE=prod comes first" in done.stderr
        assert stack.resources() == before
    finally:
        stack.delete(lambda _: None)


def test_the_stack_has_no_functions_and_what_comes_next_is_said(deployed: Deployed, steps: Steps) -> None:
    kinds = {kind for kind, _ in deployed.stack.resources().values()}
    assert {"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::IAM::Role", "AWS::Logs::LogGroup"} <= kinds
    assert not {kind for kind in kinds if "Function" in kind or "Api" in kind or "Permission" in kind}
    assert {kind for kind in kinds if "Events" in kind} == {"AWS::Events::EventBus", "AWS::Events::Rule"}
    command, delete = (line for line in steps.infra.stdout.splitlines() if "chalice --project-dir" in line)
    assert delete == command.replace(" deploy --stage", " delete --stage")
    outputs = deployed.program("deployment.outputs")
    assert outputs.returncode == 0, outputs.stderr
    assert re.search(rf"^JobsTableName +{STACK}-JobsTable-", outputs.stdout, re.MULTILINE)
    assert not re.search("^API ", outputs.stdout, re.MULTILINE)
    assert f"chalice --project-dir .build/chalice-{STAGE} deploy --stage {STAGE}" in command
    assert "-m deployment.infra\n" in (PROJECT / "Makefile").read_text().partition("\ninfra: ")[2]
    assert f"AWS_ENDPOINT_URL={deployed.endpoint}" in command


def test_the_template_without_functions_is_in_order(deployed: Deployed, tmp_path: Path) -> None:
    """But for parameters and conditions that only the API used, and that stay for the day it is in the stack."""
    (tmp_path / "infra.json").write_text(json.dumps(without_functions(deployed.template)))
    words = (str(Path(sys.executable).parent / "cfn-lint"), "--format", "json", str(tmp_path / "infra.json"))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    found = {each["Rule"]["Id"]: each["Message"] for each in json.loads(done.stdout)}
    assert set(found) <= {"W2001", "W8001"}, found


def test_chalice_takes_the_zip_that_was_checked(deployed: Deployed, steps: Steps) -> None:
    """Else it would download the dependencies anew, by name and version."""
    assert "Reusing existing deployment package." in steps.deploy.stdout
    (zipped,) = (deployed.project / ".chalice" / "deployments").glob("*.zip")
    size = deployed.functions.get_function_configuration(FunctionName=STACK)["CodeSize"]
    assert size == zipped.stat().st_size


def test_each_function_has_the_role_the_settings_and_the_log_that_it_has_in_the_template(deployed: Deployed) -> None:
    found = {each["FunctionName"]: each for each in deployed.functions.list_functions()["Functions"]}
    assert set(found) == FUNCTIONS
    assert set(chalice_functions(deployed.stage, deployed.stage.session())) == FUNCTIONS
    outputs, template = deployed.stack.outputs(), deployed.template
    groups = {name for kind, name in deployed.stack.resources().values() if kind == "AWS::Logs::LogGroup"}
    for wanted in functions(template).values():
        name = wanted["Handler"].removeprefix("app.")
        function = found[STACK if name == "app" else f"{STACK}-{name}"]
        assert function["Role"] == outputs[role_output(role_of(wanted))]
        assert (function["Timeout"], function["MemorySize"]) == (wanted["Timeout"], wanted["MemorySize"])
        assert (function["Handler"], function["Runtime"]) == (wanted["Handler"], wanted["Runtime"])
        assert function["LoggingConfig"]["LogGroup"] in groups
        variables = function["Environment"]["Variables"]
        assert set(variables) == set(variables_of(template, wanted)) - {"PARTIAL_BATCH_RESPONSES"}
        assert variables["JOBS_TABLE"] == outputs["JobsTableName"]
        assert variables["STACK_NAME"] == STACK


def test_no_mapping_asks_for_parts_of_a_batch_and_the_rest_is_as_declared(deployed: Deployed) -> None:
    mappings = deployed.mappings()
    assert {
        name: (each["BatchSize"], each["ScalingConfig"]["MaximumConcurrency"])
        for name, each in mappings.items()
        if name != f"{STACK}-relay"
    } == {
        f"{STACK}-consume": (5, 10),
        f"{STACK}-dead_letter": (1, 2),
        f"{STACK}-erase": (1, 2),
        f"{STACK}-deliver": (1, 20),
        f"{STACK}-intake": (1, 5),
    }
    of_the_stream = mappings[f"{STACK}-relay"]
    assert of_the_stream["EventSourceArn"] == deployed.stack.outputs()["SettingJobsStreamArn"]
    assert (of_the_stream["BatchSize"], of_the_stream["StartingPosition"]) == (100, "TRIM_HORIZON")
    assert not [each for each in mappings.values() if each.get("FunctionResponseTypes")]


def test_what_becomes_of_a_change_that_cannot_be_told_is_said_by_the_commands_of_the_page(deployed: Deployed) -> None:
    relay, url = f"{STACK}-relay", deployed.stack.outputs()["RelayFailuresQueueUrl"]
    assert f"list-event-source-mappings --function-name {relay} " in PAGE
    (words,) = re.findall(r"^aws lambda update-event-source-mapping ((?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    given = shlex.split(words.replace("\\\n", " "))
    options = dict(itertools.pairwise(given))
    arn = deployed.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    assert "--bisect-batch-on-function-error" in given
    deployed.functions.update_event_source_mapping(
        UUID=deployed.mappings()[relay]["UUID"],
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=int(options["--maximum-retry-attempts"]),
        MaximumRecordAgeInSeconds=int(options["--maximum-record-age-in-seconds"]),
        ParallelizationFactor=int(options["--parallelization-factor"]),
        DestinationConfig=json.loads(options["--destination-config"].replace("ARN", arn)),
        FilterCriteria=json.loads(options["--filter-criteria"]),
    )
    (wanted,) = stream_mappings(functions(deployed.template)["Relay"])
    said = deployed.mappings()[relay]
    for name in ("BisectBatchOnFunctionError", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "FilterCriteria"):
        assert said[name] == wanted[name], name
    assert int(options["--parallelization-factor"]) == wanted["ParallelizationFactor"]
    assert said["DestinationConfig"] == {"OnFailure": {"Destination": arn}}


def test_a_job_is_done(deployed: Deployed) -> None:
    token = deployed.logged_in("ada")
    job_id = deployed.submitted(token, [1, 2, 3])
    assert deployed.result(token, job_id)["result"] == 14


def test_a_poisonous_message_comes_back_alone(deployed: Deployed) -> None:
    """The others of its batch are deleted by the function, since the mapping deletes all or none."""
    token = deployed.logged_in("bea")
    consume, url = f"{STACK}-consume", deployed.stack.outputs()["JobsQueueUrl"]
    deployed.switch(consume, on=False)
    jobs = [deployed.submitted(token, [number]) for number in (2, 3, 4)]
    deployed.sqs.send_message(QueueUrl=url, MessageBody="no job's")
    assert deployed.messages("JobsQueueUrl") == (4, 0)
    deployed.switch(consume, on=True)

    until(lambda: deployed.logged(consume, "1 of 4 messages return to the queue"), "the batch was not taken as one")
    assert [deployed.result(token, job_id)["result"] for job_id in jobs] == [4, 9, 16]
    assert deployed.messages("JobsQueueUrl") == (0, 1), "delivered, not deleted: it comes back when its time is up"
    deployed.sqs.purge_queue(QueueUrl=url)


def test_a_lost_message_is_sent_again_by_the_sweep_which_a_rule_invokes_every_minute(deployed: Deployed) -> None:
    (rule,) = deployed.events.list_rules()["Rules"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    (target,) = deployed.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].endswith(f":{STACK}-sweep")

    token = deployed.logged_in("cyd")
    deployed.switch(f"{STACK}-consume", on=False)
    job_id = deployed.submitted(token, [5])
    deployed.sqs.purge_queue(QueueUrl=deployed.stack.outputs()["JobsQueueUrl"])
    deployed.dynamodb.update_item(
        TableName=deployed.stack.outputs()["JobsTableName"],
        Key=deployed.key(job_id),
        UpdateExpression="SET due_at_epoch_ms = :now",
        ExpressionAttributeValues={":now": {"N": str(int(time.time() * 1000) - 1)}},
    )
    deployed.switch(f"{STACK}-consume", on=True)
    deployed.invoke(f"{STACK}-sweep", SCHEDULE_EVENT)
    assert deployed.result(token, job_id)["result"] == 25


def test_a_dead_letter_fails_its_job_and_a_redrive_retries_it(deployed: Deployed) -> None:
    token = deployed.logged_in("dot")
    deployed.switch(f"{STACK}-consume", on=False)
    job_id = deployed.submitted(token, [6])
    outputs, key = deployed.stack.outputs(), deployed.key(job_id)
    letter = job_message(JobKey(owner_id=UserId(key["owner_id"]["S"]), job_id=JobId(job_id)))
    deployed.sqs.purge_queue(QueueUrl=outputs["JobsQueueUrl"])
    deployed.sqs.send_message(QueueUrl=outputs["JobsDeadLetterQueueUrl"], MessageBody=letter)
    assert deployed.result(token, job_id)["status"] == "FAILED"
    deployed.switch(f"{STACK}-consume", on=True)
    done = deployed.program("deployment.redrive")
    assert (done.returncode, done.stdout) == (0, "1 dead job retried\n"), done.stderr
    assert until(lambda: deployed.result(token, job_id)["status"] == "SUCCESS", "it was not retried")


def test_a_user_who_leaves_is_erased(deployed: Deployed) -> None:
    token = deployed.logged_in("eve")
    deployed.submitted(token, [7])
    deployed.call("DELETE", "/me", body={"password": "yourpassword"}, token=token)
    table = deployed.stack.outputs()["UsersTableName"]
    key = {"username_key": {"S": "eve"}}
    until(
        lambda: "Item" not in deployed.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True), "still there"
    )


def test_what_a_job_does_is_told_on_the_bus_and_a_message_of_the_topic_makes_one(deployed: Deployed) -> None:
    """Asked for on the bus and by the topic; each of the two jobs is told of until it has ended."""
    deployed.logged_in("fay")
    bus, topic = (deployed.stack.outputs()[name] for name in ("EventBusName", "IntakeTopicArn"))
    wanted = json.dumps({"username": "fay", "operation": "square_sum", "data": [8]})
    entry = {"Source": "test", "DetailType": "job.submit", "Detail": wanted, "EventBusName": bus}
    told: set[str] = set()
    with listening(deployed.events, deployed.sqs, bus, "job.succeeded") as events:
        client("sns", deployed.endpoint).publish(TopicArn=topic, Message=wanted)
        deployed.events.put_events(Entries=[entry])

        def both() -> bool:
            told.update(event["subject"] for event in events())
            return len(told) == 2

        until(both, "the jobs were not made, or not told of")


def test_the_definition_of_the_api_that_chalice_would_import_is_the_templates(deployed: Deployed) -> None:
    """The emulator imports none by this call; that of the template is proved by the other suites."""
    imported = TemplatedSwaggerGenerator().generate_swagger(app.app)
    body = deployed.template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    assert set(imported["paths"]) == set(body["paths"])
    for path, methods in body["paths"].items():
        assert set(imported["paths"][path]) == set(methods)
        for method, operation in methods.items():
            ours = dict(imported["paths"][path][method])
            for each in (ours, operation):
                each["x-amazon-apigateway-integration"] = {**each["x-amazon-apigateway-integration"], "uri": ""}
            assert ours == operation, f"{method} {path}"


def test_the_emulator_imports_no_api_and_its_compression_is_set_for_it_alone(deployed: Deployed) -> None:
    """Should it import one some day, the tests here can go through it."""
    apigateway = client("apigateway", deployed.endpoint)
    (api,) = apigateway.get_rest_apis()["items"]
    assert [each["path"] for each in apigateway.get_resources(restApiId=api["id"])["items"]] == ["/"]
    config = json.loads((deployed.chalice_project / ".chalice" / "config.json").read_text())
    assert config["stages"][STAGE]["minimum_compression_size"] == 1024


def test_taking_the_steps_again_changes_no_stack_and_no_mapping(deployed: Deployed, waiters: Path) -> None:
    """The emulator cannot carry the last call of a second ``chalice deploy``, which gives the API its definition."""
    before, cut = deployed.mappings(), {"LastModified", "LastProcessingResult"}
    for function in LOOPS:
        assert f"put-function-recursion-config --function-name {function} --recursive-loop Allow" in PAGE
        deployed.functions.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow")
    again = deployed.program("deployment.infra")
    assert again.returncode == 0, again.stderr
    assert "would change" not in again.stdout
    assert "COMPLETE" not in again.stdout
    done = deployed.chalice("deploy", waiters)
    assert "PutRestApi operation: \n Unknown API Gateway v1 path" in done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("Creating lambda")] == []
    assert {line.rpartition(" ")[2] for line in done.stdout.splitlines() if "Updating lambda" in line} == FUNCTIONS
    for function in LOOPS:
        kept = deployed.functions.get_function_recursion_config(FunctionName=function)["RecursiveLoop"]
        assert kept == "Allow", "so once is enough"
    after = deployed.mappings()
    for name, mapping in before.items():
        assert {key: mapping[key] for key in mapping if key not in cut} == {
            key: after[name][key] for key in mapping if key not in cut
        }


def test_make_deploy_makes_no_second_functions(deployed: Deployed) -> None:
    before = deployed.stack.resources()
    done = deployed.program("deployment.deploy")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"chalice deploy has made {STACK}, " in done.stderr
    (delete,) = [line for line in PAGE.splitlines() if f"chalice-{STAGE} delete --stage {STAGE}" in line]
    assert done.stderr.endswith(f"{delete.partition(' ')[2].partition('--project-dir ')[2]}\n")
    assert deployed.stack.resources() == before


def test_chalice_removes_what_it_made_and_the_stack_the_rest(deployed: Deployed, waiters: Path) -> None:
    """The last of this suite: nothing is left for another."""
    refused = deployed.program("deployment.destroy")
    assert refused.returncode == 1
    assert f"{STACK} has functions that chalice deploy has made" in refused.stderr
    assert refused.stderr.endswith(f"--project-dir .build/chalice-{STAGE} delete --stage {STAGE}\n")
    assert set(chalice_functions(deployed.stage, deployed.stage.session())) == FUNCTIONS
    assert deployed.stack.status(), "all that they need is there"
    done = deployed.chalice("delete", waiters)
    assert done.returncode == 0, done.stderr
    assert not deployed.functions.list_functions()["Functions"]
    assert not chalice_functions(deployed.stage, deployed.stage.session())
    assert not deployed.mappings()
    assert not deployed.events.list_rules()["Rules"]
    assert not client("apigateway", deployed.endpoint).get_rest_apis()["items"]
    names = [name for kind, name in deployed.stack.resources().values() if kind == "AWS::IAM::Role"]
    deployed.stack.delete(lambda _: None)
    iam = client("iam", deployed.endpoint)
    for name in names:
        with pytest.raises(ClientError, match="NoSuchEntity"):
            iam.get_role(RoleName=name)
    assert not deployed.dynamodb.list_tables()["TableNames"]
    assert not deployed.sqs.list_queues().get("QueueUrls")

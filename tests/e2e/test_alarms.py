"""The alarms, the runbook that each of them names, and the dashboard: in the template, and on the running stack."""

import ast
import json
import logging
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from chalicelib import operation_child
from chalicelib.domain.delivery import MESSAGE_DELAY_MAX
from chalicelib.observability import METRICS as MEASURED
from chalicelib.observability import JsonFormatter
from deployment.dashboard import with_dashboard
from deployment.emulated import HOST, REGION, clients
from deployment.packaging import TEMPLATE_NAME
from deployment.template import functions as functions_of
from deployment.template import without_functions
from tests.aws import PROJECT
from tests.e2e.conftest import LOCAL_STACK, Runner, call, local_stage, logged_in
from tests.e2e.listener import listening

RUNBOOK = "docs/operations.md"
ALARM, QUEUE, TABLE = "AWS::CloudWatch::Alarm", "AWS::SQS::Queue", "AWS::DynamoDB::Table"
STACK = {"Ref": "AWS::StackName"}

METRICS = {
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "NumberOfMessagesSent",
        "NumberOfMessagesDeleted",
    },
    "AWS/Lambda": {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions", "IteratorAge"},
    "AWS/ApiGateway": {"Count", "4XXError", "5XXError", "Latency"},
    "AWS/DynamoDB": {
        "ConsumedReadCapacityUnits",
        "ConsumedWriteCapacityUnits",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
    },
}
"""What is used of the metrics that AWS publishes; a misspelt one is an alarm that never rings."""

OWN_METRICS = {*MEASURED, "LoggedErrors"}
"""Those that the functions measure, and what the filters of their logs count."""


@pytest.fixture(scope="module")
def runner(runner_of_its_own: Runner) -> Runner:
    """Its alarms are rung, and its stream is read from the first change on."""
    return runner_of_its_own


@pytest.fixture(scope="module")
def template(packaged: Path) -> dict[str, Any]:
    rendered: dict[str, Any] = json.loads((packaged / TEMPLATE_NAME).read_text())
    return rendered


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of the resources of a type."""
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def dimensions(alarm: dict[str, Any]) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}


def name_of(alarm: dict[str, Any]) -> str:
    """The end of an alarm's name, which the stack's begins."""
    name = str(alarm["AlarmName"]["Fn::Sub"])
    assert name.startswith("${AWS::StackName}-")
    return name.removeprefix("${AWS::StackName}-")


def watching(template: dict[str, Any], metric: str) -> list[Any]:
    """What the alarms on a metric are about."""
    return [
        value
        for alarm in of_type(template, ALARM).values()
        if alarm["MetricName"] == metric
        for value in dimensions(alarm).values()
    ]


def runbooks() -> dict[str, str]:
    """The sections about alarms, by the anchors that GitHub gives their headings."""
    text = (PROJECT / RUNBOOK).read_text()
    _, _, of_alarms = text.partition("\n## When an alarm rings\n")
    of_alarms = of_alarms.partition("\n## ")[0]
    sections = re.findall(r"^### (.+?)\n(.+?)(?=^### |\Z)", of_alarms, flags=re.MULTILINE | re.DOTALL)
    return {heading.lower().replace(" ", "-"): section for heading, section in sections}


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm(template: dict[str, Any]) -> None:
    named: set[str] = set()
    for alarm in of_type(template, ALARM).values():
        said, page, anchor = re.fullmatch(r"(.+\.) (\S+)#(\S+)", alarm["AlarmDescription"]).groups()  # type: ignore[union-attr]
        assert page == RUNBOOK
        assert said.count(". ") == 0, "one sentence"
        named.add(anchor)
    assert named == set(runbooks())


def test_a_runbook_says_what_an_alarm_means_why_it_rings_then_and_what_to_do() -> None:
    for anchor, section in runbooks().items():
        said = re.findall(r"^\*\*(.+?)\.\*\*", section, flags=re.MULTILINE)
        assert said == ["It means", "It rings", "Look at", "Do", "It is over"], anchor


def test_a_runbook_names_each_of_its_alarms(template: dict[str, Any]) -> None:
    for alarm in of_type(template, ALARM).values():
        section = runbooks()[alarm["AlarmDescription"].rpartition("#")[2]]
        name = name_of(alarm)
        assert f"`{name}`" in section or f"`<function>-{name.rpartition('-')[2]}`" in section, name


def errors_of_the_code() -> set[str]:
    """What the code logs as errors, but for operations' own; one about due rows is there for each kind of them."""
    calls = [
        call
        for path in (PROJECT / "chalicelib").rglob("*.py")
        if path.name != "operation_child.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
    ]
    rows = {
        ast.literal_eval(keyword.value)
        for call in calls
        if ast.unparse(call.func).startswith("DueRows")
        for keyword in call.keywords
        if keyword.arg == "called"
    }
    said = {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"error", "exception"}
        and ast.unparse(call.func.value) == "logger"
        and isinstance(call.args[0], ast.Constant)
    }
    return {message.replace("%s", row) for message in said for row in rows}


def test_the_runbook_of_logged_errors_has_every_error_that_the_code_logs() -> None:
    rows = re.findall(r"^\| (`.+?) \|", runbooks()["errors-logged"], flags=re.MULTILINE)
    assert {message for row in rows for message in re.findall("`(.+?)`", row)} == errors_of_the_code()


def test_every_link_within_the_page_leads_somewhere() -> None:
    text = (PROJECT / RUNBOOK).read_text()
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#(.+?)\)", text))
    assert links
    assert links <= anchors


def test_names_of_alarms_are_short_and_no_two_are_alike(template: dict[str, Any]) -> None:
    names = [name_of(alarm) for alarm in of_type(template, ALARM).values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", name) for name in names)


def test_each_alarm_tells_of_its_beginning_and_of_its_end(template: dict[str, Any]) -> None:
    for alarm in of_type(template, ALARM).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmsTopic"}]
    assert template["Resources"]["AlarmsTopic"]["Type"] == "AWS::SNS::Topic"


def test_an_alarm_watches_a_metric_of_something_that_is_there(template: dict[str, Any]) -> None:
    api = template["Resources"]["RestAPI"]["Properties"]
    counted = [
        transformation
        for each in of_type(template, "AWS::Logs::MetricFilter").values()
        for transformation in each["MetricTransformations"]
    ]
    for name, alarm in of_type(template, ALARM).items():
        namespace, metric = alarm["Namespace"], alarm["MetricName"]
        match namespace, dimensions(alarm):
            case "AWS/SQS", {"QueueName": {"Fn::GetAtt": [queue, "QueueName"]}}:
                assert queue in of_type(template, QUEUE)
            case "AWS/Lambda", {"FunctionName": {"Ref": function}}:
                assert function in functions_of(template)
            case "AWS/ApiGateway", {"ApiName": api_name, "Stage": stage}:
                assert (api_name, stage) == (api["Name"], api["StageName"])
            case {"Ref": "AWS::StackName"}, {}:
                assert (namespace, metric) in [(each["MetricNamespace"], each["MetricName"]) for each in counted]
                continue
            case _:
                pytest.fail(f"{name} watches {namespace} {dimensions(alarm)}")
        assert metric in METRICS[namespace], name


def test_every_function_has_an_alarm_for_its_crashes_and_one_for_being_throttled(template: dict[str, Any]) -> None:
    there = [{"Ref": name} for name in sorted(functions_of(template))]
    for metric in ("Errors", "Throttles"):
        assert sorted(watching(template, metric), key=lambda each: str(each["Ref"])) == there


def test_every_queue_has_an_alarm_for_what_waits_in_it(template: dict[str, Any]) -> None:
    watched = [
        *watching(template, "ApproximateAgeOfOldestMessage"),
        *watching(template, "ApproximateNumberOfMessagesVisible"),
    ]
    assert {each["Fn::GetAtt"][0] for each in watched} == set(of_type(template, QUEUE))


@pytest.mark.parametrize(
    ("name", "queue", "function", "delay"),
    [
        ("JobsWaitAlarm", "JobsQueue", "Consume", MESSAGE_DELAY_MAX),
        ("ErasuresWaitAlarm", "ErasuresQueue", "Erase", timedelta(minutes=1)),
        ("DeadLettersWaitAlarm", "JobsDeadLetterQueue", "DeadLetter", timedelta()),
        ("DeliveriesWaitAlarm", "DeliveriesQueue", "Deliver", MESSAGE_DELAY_MAX),
        ("IntakeWaitsAlarm", "IntakeQueue", "Intake", timedelta()),
    ],
)
def test_a_message_that_was_delayed_and_returned_once_rings_no_alarm(
    template: dict[str, Any], name: str, queue: str, function: str, delay: timedelta
) -> None:
    alarm, resources = of_type(template, ALARM)[name], template["Resources"]
    visibility_s = resources[queue]["Properties"]["VisibilityTimeout"]
    oldest_s = delay.total_seconds() + visibility_s + resources[function]["Properties"]["Timeout"]
    assert alarm["Threshold"] > oldest_s
    assert alarm["Statistic"] == "Maximum"
    assert alarm["Period"] * alarm["DatapointsToAlarm"] == 300, "the one look of a minute is not enough"


def test_only_the_sweep_is_missed_when_it_says_nothing(template: dict[str, Any]) -> None:
    missed = {name for name, each in of_type(template, ALARM).items() if each["TreatMissingData"] == "breaching"}
    others = {each["TreatMissingData"] for name, each in of_type(template, ALARM).items() if name not in missed}
    assert (missed, others) == ({"SweepStoppedAlarm"}, {"notBreaching"})
    alarm = of_type(template, ALARM)["SweepStoppedAlarm"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["Period"]) == ("LessThanThreshold", 1, 300)


def test_the_first_dead_letter_rings(template: dict[str, Any]) -> None:
    for name in (
        "JobsDieAlarm",
        "ErasuresDieAlarm",
        "DeliveriesDieAlarm",
        "IntakeRefusedAlarm",
        "RelayFailuresWaitAlarm",
    ):
        alarm = of_type(template, ALARM)[name]
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
        assert alarm["EvaluationPeriods"] == 1


def test_a_relay_that_is_late_for_ten_minutes_rings(template: dict[str, Any]) -> None:
    alarm = of_type(template, ALARM)["RelayStoppedAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "IteratorAge", "Maximum")
    assert dimensions(alarm) == {"FunctionName": {"Ref": "Relay"}}
    assert alarm["Threshold"] == 10 * 60 * 1000, "Lambda gives it in milliseconds"
    assert alarm["Period"] * alarm["DatapointsToAlarm"] == 300


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Whether a filter of the one form that is used here takes a line of the log."""
    terms = re.fullmatch(r"\{ \(\$\.(\w+) = \"(.+?)\"\) && \(\$\.(\w+) != \"(.+?)\"\) \}", pattern)
    assert terms
    wanted, value, unwanted, other = terms.groups()
    return bool(line[wanted] == value and line[unwanted] != other)


@pytest.mark.parametrize(
    ("logger", "level", "is_counted"),
    [
        ("chalicelib.consumer", logging.ERROR, True),
        ("chalicelib.consumer", logging.WARNING, False),
        (operation_child.logger.name, logging.ERROR, False),
    ],
)
def test_errors_that_a_function_logs_and_survives_are_counted_but_not_those_of_operations(
    template: dict[str, Any], logger: str, level: int, *, is_counted: bool
) -> None:
    """A consumer answers for a message that failed, so for Lambda its invocation was a success."""
    record = logging.LogRecord(logger, level, "", 0, "it broke", None, None)
    line = json.loads(JsonFormatter().format(record))
    filters = of_type(template, "AWS::Logs::MetricFilter").values()
    assert {matches(each["FilterPattern"], line) for each in filters} == {is_counted}


def test_the_log_of_every_function_is_counted(template: dict[str, Any]) -> None:
    logs = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions_of(template).values()]
    counted = [each["LogGroupName"]["Ref"] for each in of_type(template, "AWS::Logs::MetricFilter").values()]
    assert sorted(counted) == sorted(logs)


@pytest.fixture(scope="module")
def dashboard(template: dict[str, Any]) -> str:
    made = of_type(template, "AWS::CloudWatch::Dashboard")["Dashboard"]
    assert made["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}, "regions share such names"
    return str(made["DashboardBody"]["Fn::Sub"])


def widgets(body: str) -> list[dict[str, Any]]:
    """The widgets of a body in which each name of the template stands for itself."""
    found: list[dict[str, Any]] = json.loads(re.sub(r"\$\{(.+?)\}", r"\1", body))["widgets"]
    return found


def metrics(body: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of each metric that is shown."""
    for widget in widgets(body):
        for namespace, *named in widget["properties"].get("metrics", []):
            if isinstance(namespace, str):
                metric, *of = [each for each in named if isinstance(each, str)]
                yield namespace, metric, dict(zip(of[::2], of[1::2], strict=True))


def test_the_dashboard_has_every_function_queue_table_and_alarm(template: dict[str, Any], dashboard: str) -> None:
    named = set(re.findall(r"\$\{(\w+)", dashboard))
    kinds = ("AWS::Serverless::Function", QUEUE, TABLE, ALARM)
    assert {name for kind in kinds for name in of_type(template, kind)} <= named
    alarms = of_type(template, ALARM)
    assert widgets(dashboard)[0]["properties"]["alarms"] == [f"{name}.Arn" for name in alarms]


def test_the_dashboard_names_nothing_that_is_not_there(template: dict[str, Any], dashboard: str) -> None:
    named = set(re.findall(r"\$\{([\w:]+)", dashboard)) - {"AWS::Region", "AWS::StackName"}
    assert named <= set(template["Resources"])
    indexes = {
        index["IndexName"]
        for table in of_type(template, TABLE).values()
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    for namespace, metric, of in metrics(dashboard):
        match namespace, of:
            case "AWS::StackName", {}:
                assert metric in OWN_METRICS
                continue
            case "AWS/SQS", {"QueueName": queue}:
                assert queue.removesuffix(".QueueName") in of_type(template, QUEUE)
            case "AWS/Lambda", {"FunctionName": function}:
                assert function in functions_of(template)
            case "AWS/DynamoDB", {"TableName": table, **rest}:
                assert table in of_type(template, TABLE)
                assert set(rest.values()) <= indexes
            case "AWS/ApiGateway", _:
                assert of == {"ApiName": "AWS::StackName", "Stage": "api"}
        assert metric in METRICS[namespace]


def test_the_dashboard_shows_how_jobs_end_and_how_long_they_take(dashboard: str) -> None:
    shown = {metric for namespace, metric, _ in metrics(dashboard) if namespace == "AWS::StackName"}
    (search,) = [
        expression
        for widget in widgets(dashboard)
        for each in widget["properties"].get("metrics", [])
        if isinstance(each[0], dict)
        for expression in each[0].values()
        if expression
    ]
    namespace, dimension, metric = re.findall(
        r"^SEARCH\('\{\"(.+?)\",(\w+)\} MetricName=\"(\w+)\"', 'Sum', 300\)$", search
    )[0]
    assert (namespace, (dimension,)) == ("AWS::StackName", MEASURED[metric].dimensions)
    assert shown | {metric} == OWN_METRICS


def test_the_widgets_of_the_dashboard_do_not_overlap_and_fit_the_screen(dashboard: str) -> None:
    def span(widget: dict[str, Any], at: str, size: str) -> range:
        return range(widget[at], widget[at] + widget[size])

    for one, other in combinations(widgets(dashboard), 2):
        beside = not set(span(one, "x", "width")) & set(span(other, "x", "width"))
        below = not set(span(one, "y", "height")) & set(span(other, "y", "height"))
        assert beside or below
    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets(dashboard)), "CloudWatch's grid has 24 columns"


def test_the_runbooks_look_at_graphs_that_the_dashboard_has(dashboard: str) -> None:
    titles = {widget["properties"]["title"] for widget in widgets(dashboard)}
    looked_at = {title for section in runbooks().values() for title in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*", section)}
    of_aws = {"Concurrent executions"}
    assert looked_at - of_aws <= titles
    assert "Messages" in looked_at


def test_where_chalice_makes_the_functions_only_alarms_of_the_rest_are_left(template: dict[str, Any]) -> None:
    rest = without_functions(template)
    assert set(of_type(rest, ALARM)) == {
        "JobsWaitAlarm",
        "DeadLettersWaitAlarm",
        "ErasuresWaitAlarm",
        "ErasuresDieAlarm",
        "RelayFailuresWaitAlarm",
        "DeliveriesWaitAlarm",
        "DeliveriesDieAlarm",
        "IntakeWaitsAlarm",
        "IntakeRefusedAlarm",
        "ErrorsLoggedAlarm",
    }
    assert not of_type(rest, "AWS::CloudWatch::Dashboard")
    assert of_type(rest, "AWS::Logs::MetricFilter") == of_type(template, "AWS::Logs::MetricFilter")


def test_a_new_function_or_queue_is_on_the_dashboard_by_itself(template: dict[str, Any]) -> None:
    new = {
        "Mail": {"Type": "AWS::Serverless::Function", "Properties": {}},
        "MailQueue": {"Type": QUEUE, "Properties": {}},
    }
    made = with_dashboard({**template, "Resources": {**template["Resources"], **new}})
    body = of_type(made, "AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]
    assert {"Mail", "MailQueue"} <= set(re.findall(r"\$\{(\w+)", body))


def test_the_stack_has_its_alarms_and_its_dashboard(template: dict[str, Any], aws_endpoint: str) -> None:
    cloudwatch = clients(aws_endpoint).client("cloudwatch")
    deployed = cloudwatch.describe_alarms(AlarmNamePrefix=f"{LOCAL_STACK}-")["MetricAlarms"]
    names = {f"{LOCAL_STACK}-{name_of(alarm)}" for alarm in of_type(template, ALARM).values()}
    assert {alarm["AlarmName"] for alarm in deployed} == names
    queues = {
        dimension["Value"]
        for alarm in deployed
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "QueueName"
    }
    assert f"{LOCAL_STACK}-jobs" in queues
    body = cloudwatch.get_dashboard(DashboardName=f"{LOCAL_STACK}-{REGION}")["DashboardBody"]
    assert "${" not in body
    arns = json.loads(body)["widgets"][0]["properties"]["alarms"]
    assert set(arns) == {alarm["AlarmArn"] for alarm in deployed}


@pytest.fixture
def told(aws_endpoint: str) -> Iterator[Any]:
    """Returns the next message that the stack's topic sends to who listens."""
    session = clients(aws_endpoint)
    sqs, sns = session.client("sqs"), session.client("sns")
    _, topic = local_stage(aws_endpoint).stack().resources()["AlarmsTopic"]
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    let_in = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [let_in]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    def following() -> dict[str, Any]:
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        alarm: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
        return alarm

    yield following
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def test_who_listens_to_the_topic_is_told_where_to_read_on(aws_endpoint: str, told: Any) -> None:
    cloudwatch = clients(aws_endpoint).client("cloudwatch")
    name = f"{LOCAL_STACK}-erasures-die"
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="tried")
        alarm = told()
        assert (alarm["AlarmName"], alarm["NewStateValue"]) == (name, state)
        assert alarm["AlarmDescription"].endswith(f"{RUNBOOK}#erasures-die")


def test_requests_that_fail_ring_until_they_no_longer_do(aws_endpoint: str, told: Any) -> None:
    """The emulator evaluates an alarm when a metric is put, by the points of the alarm's time."""
    cloudwatch = clients(aws_endpoint).client("cloudwatch")
    of_the_api = [{"Name": "ApiName", "Value": LOCAL_STACK}, {"Name": "Stage", "Value": "api"}]

    def requests(failed: int, number: int) -> None:
        data = {"MetricName": "5XXError", "Dimensions": of_the_api, "Values": [failed], "Counts": [number]}
        cloudwatch.put_metric_data(Namespace="AWS/ApiGateway", MetricData=[data])

    for failed, number, state in ((1, 1, "ALARM"), (0, 1000, "OK")):
        requests(failed, number)
        alarms = iter(told, None)
        alarm = next(each for each in alarms if each["AlarmName"] == f"{LOCAL_STACK}-api-fails")
        assert (alarm["NewStateValue"], alarm["OldStateValue"] == state) == (state, False)


def shown_program(ending: str, aws_endpoint: str, **environment: str) -> str:
    """What the program of the page that prints ``ending`` says, run as it stands there."""
    programs = re.findall(r"```python\n(.+?)```", (PROJECT / RUNBOOK).read_text(), flags=re.DOTALL)
    (program,) = [each for each in programs if ending in each]
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**credentials, "AWS_ENDPOINT_URL": aws_endpoint, "NO_PROXY": HOST, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def test_what_lambda_gave_up_is_told_by_the_relay_and_the_rest_is_left(api: str, aws_endpoint: str) -> None:
    """The program that the page shows; the batch has two changes, and the stream a third one after it."""
    token = logged_in(api, "told")
    for number in range(3):
        body = {"operation": "square_sum", "data": [number], "delay_s": 3600}
        assert call(api, "POST", "/jobs", body=body, token=token)[0] == 202
    outputs = local_stage(aws_endpoint).stack().outputs()
    services = clients(aws_endpoint).client
    stream = services("dynamodb").describe_table(TableName=outputs["JobsTableName"])["Table"]["LatestStreamArn"]
    streams, sqs, url = services("dynamodbstreams"), services("sqs"), outputs["RelayFailuresQueueUrl"]
    (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    at = {"StreamArn": stream, "ShardId": shard["ShardId"]}
    iterator = streams.get_shard_iterator(**at, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    first, second, *_ = streams.get_records(ShardIterator=iterator)["Records"]
    batch = {
        "shardId": shard["ShardId"],
        "startSequenceNumber": first["dynamodb"]["SequenceNumber"],
        "endSequenceNumber": second["dynamodb"]["SequenceNumber"],
        "batchSize": 2,
        "streamArn": stream,
    }
    messages: list[dict[str, Any]] = [{"DDBStreamBatchInfo": batch}, {"position": "1", "reason": "never"}]
    for body in messages:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    try:
        with listening(services("events"), sqs, outputs["EventBusName"], "job.submitted") as events:
            said = shown_program("changes told", aws_endpoint, URL=url, RELAY=outputs["RelayName"])
            assert said == "2 changes told, 1 messages left\n"
            subjects = {event["subject"] for event in events()}
    finally:
        sqs.purge_queue(QueueUrl=url)
    assert {each["dynamodb"]["Keys"]["job_id"]["S"] for each in (first, second)} <= subjects


def test_rows_that_were_lost_are_restored_and_others_left_as_they_are(aws_endpoint: str) -> None:
    """The program that the page shows."""
    dynamodb = clients(aws_endpoint).client("dynamodb")
    rows = {"lost": ["there", "gone"], "lost-restored": ["there", "gone", "long gone"]}
    for table, keys in rows.items():
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("owner_id", "job_id")],
            KeySchema=[
                {"AttributeName": "owner_id", "KeyType": "HASH"},
                {"AttributeName": "job_id", "KeyType": "RANGE"},
            ],
        )
        for key in keys:
            item = {"owner_id": {"S": "ada"}, "job_id": {"S": key}, "from": {"S": table}}
            dynamodb.put_item(TableName=table, Item=item)
    dynamodb.delete_item(TableName="lost", Key={"owner_id": {"S": "ada"}, "job_id": {"S": "gone"}})
    assert shown_program("rows copied", aws_endpoint, TABLE="lost") == "2 rows copied\n"
    found = dynamodb.scan(TableName="lost")["Items"]
    assert {row["job_id"]["S"]: row["from"]["S"] for row in found} == {
        "there": "lost",
        "gone": "lost-restored",
        "long gone": "lost-restored",
    }
    for table in rows:
        dynamodb.delete_table(TableName=table)


@pytest.mark.asvs("12.1.1", "12.1.2")
def test_api_gateway_speaks_no_tls_before_1_2_and_no_cipher_without_forward_secrecy(template: dict[str, Any]) -> None:
    """
    The policy is one of those for regional APIs, takes TLS 1.3 and, by ECDHE only, 1.2, and counts for the host name
    that API Gateway gives: docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-list.html
    Each that begins with ``SecurityPolicy_`` needs an access mode; the strict one also checks that the name in the
    handshake is the one that is asked for.
    """
    api = template["Resources"]["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == ("SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09", "STRICT")

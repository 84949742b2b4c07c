"""The rendered template: that its parts fit each other, and the limits of what runs it."""

import copy
import json
import re
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from chalicelib.config import Settings
from chalicelib.domain.operations import ATTEMPTS_MAX
from deployment.checks import template_faults
from deployment.template import functions
from tests.aws import REGION
from tests.deployment import CONFIG, environment
from tests.e2e.conftest import properties


def test_lambda_enters_the_handlers_there_are(template: dict[str, Any]) -> None:
    handlers = {
        name: resource["Properties"]["Handler"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert handlers == {
        "APIHandler": "app.app",
        "Consume": "app.consume",
        "DeadLetter": "app.dead_letter",
        "Erase": "app.erase",
        "Relay": "app.relay",
        "Deliver": "app.deliver",
        "Intake": "app.intake",
        "Sweep": "app.sweep",
        "Redrive": "app.redrive",
    }


class NoPolicies:
    """AWS's managed policies, of which the template names none."""

    def load(self) -> dict[str, str]:
        return {}


def test_the_api_has_one_stage_and_no_other_way_in(template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself SAM makes a second one, ``Stage``, of which no limit, log or alarm of the template would know."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    deployable = copy.deepcopy(template)
    for function in functions(deployable).values():
        function["CodeUri"] = "s3://bucket/key"
    made = transform(deployable, {}, NoPolicies())
    stages = {name: each for name, each in made["Resources"].items() if each["Type"] == "AWS::ApiGateway::Stage"}
    (stage,) = stages.values()
    assert stage["Properties"]["StageName"] == "api"
    deployments = [each for each in made["Resources"].values() if each["Type"] == "AWS::ApiGateway::Deployment"]
    assert deployments
    assert not [each for each in deployments if "StageName" in each["Properties"]]


def test_the_api_answers_before_api_gateway_gives_up(template: dict[str, Any]) -> None:
    assert properties(template, "APIHandler")["Timeout"] <= 29


def test_a_consumer_has_memory_left_beside_its_operation(template: dict[str, Any]) -> None:
    """So the operation's process is the one that ends for want of memory, and its job says so."""
    consume = properties(template, "Consume")
    operation_mb = int(consume["Environment"]["Variables"]["JOB_MEMORY_MAX_MB"])
    assert operation_mb + 256 <= consume["MemorySize"]


def test_the_template_fits_together(template: dict[str, Any]) -> None:
    assert template_faults(template, {"any": 70}, stage="local") == []


def changed(template: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the one value at ``path``, which is a resource's name and then keys of its properties."""
    other = copy.deepcopy(template)
    resource, *keys, last = path.split(".")
    inner = properties(other, resource)
    for key in keys:
        inner = inner[key]
    inner[last] = value
    return other


CONSUME_MAPPING = "Consume.Events.ConsumeSqsEventSource.Properties"
DEAD_LETTER_MAPPING = "DeadLetter.Events.DeadLetterSqsEventSource.Properties"
ERASE_MAPPING = "Erase.Events.EraseSqsEventSource.Properties"
DELIVER_MAPPING = "Deliver.Events.DeliverSqsEventSource.Properties"
INTAKE_MAPPING = "Intake.Events.IntakeSqsEventSource.Properties"
RELAY_MAPPING = "Relay.Events.RelayDynamodbEventSource.Properties"
ERASURES_URL = "Erase.Environment.Variables.ERASURES_QUEUE_URL"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("APIHandler.Timeout", 30, "the lambda_timeout of api_handler may be at most 29, .*, not 30"),
        ("Consume.Timeout", 89, "the lambda_timeout of consume must be at least 90, not 89"),
        ("Consume.Environment.Variables.JOB_LEASE_MARGIN_S", "16", "must be at least 91, not 90"),
        (
            "Redrive.Environment.Variables",
            {},
            "environment of Redrive is not right: ACCESS_TOKEN_TTL_S is not set; SES",
        ),
        ("JobsQueue.VisibilityTimeout", 539, "of JobsQueue must be at least 540, 6 times .* of Consume, not 539"),
        ("JobsDeadLetterQueue.VisibilityTimeout", 359, "of JobsDeadLetterQueue must be at least 360, .* of DeadLetter"),
        ("Consume.Environment.Variables.PARTIAL_BATCH_RESPONSES", "false", "mapping of Consume has FunctionResponse"),
        ("DeadLetter.Environment.Variables.PARTIAL_BATCH_RESPONSES", "", "mapping of DeadLetter has FunctionResponse"),
        (f"{CONSUME_MAPPING}.FunctionResponseTypes", [], "Consume has PARTIAL_BATCH_RESPONSES, but its mapping lacks"),
        (f"{DEAD_LETTER_MAPPING}.FunctionResponseTypes", None, "DeadLetter has PARTIAL_BATCH_RESPONSES, but its mapp"),
        (f"{DEAD_LETTER_MAPPING}.BatchSize", 2, "the BatchSize of DeadLetter must be 1"),
        ("ErasuresQueue.VisibilityTimeout", 359, "of ErasuresQueue must be at least 360, 6 times .* of Erase, not 359"),
        ("Erase.Environment.Variables.PARTIAL_BATCH_RESPONSES", "false", "mapping of Erase has FunctionResponseTypes"),
        (f"{ERASE_MAPPING}.FunctionResponseTypes", [], "Erase has PARTIAL_BATCH_RESPONSES, but its mapping lacks"),
        (f"{ERASE_MAPPING}.BatchSize", 2, "the BatchSize of Erase must be 1"),
        (
            ERASURES_URL,
            {"Ref": "JobsQueue"},
            "queue of Erase must be that of ERASURES_QUEUE_URL, .*, not ErasuresQueue",
        ),
        ("Erase.Events", {}, "the queue of Erase must be that of ERASURES_QUEUE_URL, .*, not none"),
        (f"{DELIVER_MAPPING}.BatchSize", 2, "the BatchSize of Deliver must be 1"),
        (
            f"{DELIVER_MAPPING}.Queue",
            {"Fn::Sub": "${JobsQueue.Arn}"},
            "of Deliver must be that of DELIVERIES_QUEUE_URL",
        ),
        ("Deliver.Environment.Variables.DELIVERIES_QUEUE_URL", {"Ref": "JobsQueue"}, "must be .*, not DeliveriesQueue"),
        ("Deliver.Events", {}, "the queue of Deliver must be that of DELIVERIES_QUEUE_URL, .*, not none"),
        ("DeliveriesQueue.VisibilityTimeout", 359, "of DeliveriesQueue must be at least 360, .* of Deliver, not 359"),
        (f"{INTAKE_MAPPING}.BatchSize", 2, "the BatchSize of Intake must be 1"),
        (f"{INTAKE_MAPPING}.FunctionResponseTypes", [], "Intake has PARTIAL_BATCH_RESPONSES, but its mapping lacks"),
        ("Intake.Events", {}, "the queue of Intake must be that of INTAKE_QUEUE_URL, .*, not none"),
        ("IntakeQueue.VisibilityTimeout", 359, "of IntakeQueue must be at least 360, .* of Intake, not 359"),
        ("Relay.Environment.Variables.PARTIAL_BATCH_RESPONSES", "", "mapping of Relay has .* for one record that"),
        (f"{RELAY_MAPPING}.FunctionResponseTypes", [], "Relay has PARTIAL_BATCH_RESPONSES, .* would go on past those"),
        (f"{RELAY_MAPPING}.MaximumRetryAttempts", -1, "the mapping of Relay must have MaximumRetryAttempts"),
        (f"{RELAY_MAPPING}.MaximumRetryAttempts", 100, "must have MaximumRetryAttempts 10000, the most there is"),
        (f"{RELAY_MAPPING}.MaximumRecordAgeInSeconds", -1, "Relay must have MaximumRecordAgeInSeconds below 86400"),
        (f"{RELAY_MAPPING}.MaximumRecordAgeInSeconds", 86400, "have MaximumRecordAgeInSeconds below 86400"),
        (f"{RELAY_MAPPING}.DestinationConfig", {}, "the mapping of Relay must have an OnFailure destination"),
        (
            f"{RELAY_MAPPING}.Stream",
            "arn:aws:dynamodb:::table/jobs",
            "of Relay must be .*, not arn:aws:dynamodb:::table/",
        ),
        ("Relay.Events", {}, "the stream of Relay must be that of the jobs table, .*, not none"),
        (f"{CONSUME_MAPPING}.Queue", {"Fn::Sub": "arn:aws:sqs:::jobs"}, "the queue of Consume must be one of"),
        ("Sweep.Events.SweepEvent.Properties.Schedule", "rate(5 minutes)", r"be rate\(1 minute\), not rate\(5 minut"),
        ("Sweep.Events", {}, r"schedule of sweep must be rate\(1 minute\), not none"),
    ],
)
def test_parts_that_do_not_fit_together_are_said(template: dict[str, Any], path: str, value: Any, fault: str) -> None:
    (said,) = template_faults(changed(template, path, value), {"any": 70}, stage="local")
    assert re.search(fault, said), said


def test_a_function_that_is_not_there_is_said(template: dict[str, Any]) -> None:
    other = copy.deepcopy(template)
    del other["Resources"]["Sweep"]
    assert template_faults(other, {}, stage="local") == ["there is no function Sweep; app.py declares it"]


@pytest.mark.parametrize(
    ("mapping", "queue", "batch"),
    [
        (CONSUME_MAPPING, "JobsQueue", 5),
        (DEAD_LETTER_MAPPING, "JobsDeadLetterQueue", 1),
        (ERASE_MAPPING, "ErasuresQueue", 1),
        (DELIVER_MAPPING, "DeliveriesQueue", 1),
        (INTAKE_MAPPING, "IntakeQueue", 1),
    ],
)
def test_each_queue_drives_its_function_which_tells_the_messages_that_failed(
    template: dict[str, Any], mapping: str, queue: str, batch: int
) -> None:
    function, _, name, _ = mapping.split(".")
    source = properties(template, function)["Events"][name]
    assert source["Type"] == "SQS"
    assert source["Properties"]["Queue"] == {"Fn::Sub": f"${{{queue}.Arn}}"}
    assert source["Properties"]["BatchSize"] == batch
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties(template, function)["Environment"]["Variables"]["PARTIAL_BATCH_RESPONSES"] == "true"


def test_the_stream_of_the_jobs_table_drives_the_relay_and_no_record_can_stop_it(template: dict[str, Any]) -> None:
    (source,) = properties(template, "Relay")["Events"].values()
    assert source["Type"] == "DynamoDB"
    mapping = source["Properties"]
    assert mapping["Stream"] == {"Fn::GetAtt": ["JobsTable", "StreamArn"]}
    assert properties(template, "JobsTable")["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert (mapping["BatchSize"], mapping["StartingPosition"]) == (100, "TRIM_HORIZON")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["ParallelizationFactor"] == 10, "of each shard; Lambda keeps the order of an item's changes"
    assert mapping["MaximumRetryAttempts"] == 10_000, "the most there is, so that the age is the bound"
    kept_s = 24 * 3600  # by DynamoDB, in any stream
    assert mapping["MaximumRecordAgeInSeconds"] == 12 * 3600 < kept_s, "given up while it can still be read"
    failures = {"Fn::GetAtt": ["RelayFailuresQueue", "Arn"]}
    assert mapping["DestinationConfig"] == {"OnFailure": {"Type": "SQS", "Destination": failures}}


def test_the_relay_is_not_told_of_rows_that_go(template: dict[str, Any]) -> None:
    (source,) = properties(template, "Relay")["Events"].values()
    (pattern,) = source["Properties"]["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT", "MODIFY"]}


def test_webhooks_may_go_anywhere_from_a_laptop_alone(templates: dict[str, dict[str, Any]]) -> None:
    for stage, each in templates.items():
        allowed = {
            function["Environment"]["Variables"]["WEBHOOKS_TO_ANYWHERE"] for function in functions(each).values()
        }
        assert allowed == {"true" if stage == "local" else "false"}
    said = template_faults(templates["local"], {}, stage="dev")
    assert len(said) == len(functions(templates["local"]))
    assert "WEBHOOKS_TO_ANYWHERE of Deliver may be true in the stage local alone: users name the addresses" in said


def test_without_the_merged_template_the_consumer_deletes_what_is_done_and_raises() -> None:
    """
    ``chalice deploy`` knows no merged template and makes mappings that ask nothing: to answer them loses messages.
    """
    assert "PARTIAL_BATCH_RESPONSES" not in json.dumps(CONFIG)
    assert not Settings.from_env(environment()).partial_batch_responses


@pytest.mark.asvs("15.2.2")
@pytest.mark.parametrize(
    ("function", "most"), [("Consume", 10), ("DeadLetter", 2), ("Erase", 2), ("Deliver", 20), ("Intake", 5)]
)
def test_a_backlog_leaves_the_api_its_share_of_the_accounts_concurrency(
    template: dict[str, Any], function: str, most: int
) -> None:
    (source,) = properties(template, function)["Events"].values()
    assert source["Properties"]["ScalingConfig"] == {"MaximumConcurrency": most}


def test_functions_whose_messages_cause_messages_are_not_taken_for_a_runaway_loop(template: dict[str, Any]) -> None:
    """After 16 rounds Lambda would stop them; `docs/adr/0003` says what ends the rounds."""
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert {name for name, each in functions.items() if each.get("RecursiveLoop") == "Allow"} == {
        "Consume",
        "Erase",
        "Deliver",
    }


def test_what_the_api_offers_is_known_to_the_consumer_first(template: dict[str, Any]) -> None:
    """An update changes the functions one after the other, and an operation that a consumer does not know fails."""
    assert template["Resources"]["APIHandler"]["DependsOn"] == ["Consume"]


def test_what_cannot_be_delivered_is_kept(template: dict[str, Any]) -> None:
    redrive = properties(template, "JobsQueue")["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["JobsDeadLetterQueue", "Arn"]}
    assert redrive["maxReceiveCount"] > ATTEMPTS_MAX, "a job may lose a consumer in every attempt it can have"
    kept_s = properties(template, "JobsDeadLetterQueue")["MessageRetentionPeriod"]
    assert kept_s > properties(template, "JobsQueue")["MessageRetentionPeriod"]


def test_an_order_to_erase_outlasts_an_outage_and_is_then_kept_for_a_person(template: dict[str, Any]) -> None:
    queue = properties(template, "ErasuresQueue")
    redrive = queue["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["ErasuresDeadLetterQueue", "Arn"]}
    tried_s = redrive["maxReceiveCount"] * queue["VisibilityTimeout"]
    assert 12 * 3600 <= tried_s < queue["MessageRetentionPeriod"], "it must not expire while it is still tried"
    kept_s = properties(template, "ErasuresDeadLetterQueue")["MessageRetentionPeriod"]
    assert kept_s == 14 * 24 * 3600, "as long as SQS keeps anything, from the sending on"


def test_what_could_not_be_told_or_taken_is_kept_for_a_person(template: dict[str, Any]) -> None:
    for source, last in (("DeliveriesQueue", "DeliveriesDeadLetterQueue"), ("IntakeQueue", "IntakeRefusedQueue")):
        queue = properties(template, source)
        assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [last, "Arn"]}
        tried_s = queue["RedrivePolicy"]["maxReceiveCount"] * queue["VisibilityTimeout"]
        assert tried_s < queue["MessageRetentionPeriod"], "it must not expire while it is still tried"
    for last in ("DeliveriesDeadLetterQueue", "IntakeRefusedQueue", "RelayFailuresQueue"):
        assert properties(template, last)["MessageRetentionPeriod"] == 14 * 24 * 3600, last


def test_a_message_over_the_limit_of_its_owner_does_not_die_in_the_hour_that_it_may_wait(
    template: dict[str, Any],
) -> None:
    """It comes back when the minute of the limit is over, and twice a minute at most."""
    assert properties(template, "IntakeQueue")["RedrivePolicy"]["maxReceiveCount"] > 120


def test_only_the_topic_and_rules_of_the_account_may_ask_for_jobs(template: dict[str, Any]) -> None:
    policy = properties(template, "IntakeQueuePolicy")
    assert policy["Queues"] == [{"Ref": "IntakeQueue"}]
    by_topic, by_rules = policy["PolicyDocument"]["Statement"]
    for statement in (by_topic, by_rules):
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
        assert statement["Resource"] == {"Fn::GetAtt": ["IntakeQueue", "Arn"]}
    assert by_topic["Principal"] == {"Service": "sns.amazonaws.com"}
    assert by_topic["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "IntakeTopic"}}}
    assert by_rules["Principal"] == {"Service": "events.amazonaws.com"}
    rules = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/*"}
    assert by_rules["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": rules},
    }


def test_events_and_messages_that_ask_for_jobs_come_to_the_intake_queue(template: dict[str, Any]) -> None:
    queue = {"Fn::GetAtt": ["IntakeQueue", "Arn"]}
    assert properties(template, "IntakeTopic")["Subscription"] == [{"Protocol": "sqs", "Endpoint": queue}], "not raw"
    rule = properties(template, "IntakeRule")
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert rule["EventPattern"] == {"detail-type": ["job.submit"]}
    assert [target["Arn"] for target in rule["Targets"]] == [queue]


@pytest.mark.asvs("13.3.1")
def test_nothing_secret_is_in_the_template(template: dict[str, Any]) -> None:
    text = json.dumps(template)
    # But for paths of the API, such as /me/password.
    assert not re.findall(r"(?i)(?<!/)(secret|password)[\"']?\s*:", text)
    assert "signing-keys" in text, "the name of the parameter, never its value"


@pytest.mark.asvs("14.2.2")
def test_api_gateway_keeps_no_answer(template: dict[str, Any]) -> None:
    text = json.dumps(template)
    assert not re.findall(r"CacheCluster|CachingEnabled|CacheTtl|cacheKeyParameters", text)

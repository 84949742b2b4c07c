"""
What must hold between the parts of the rendered template, and no other tool looks at.

A number or a flag of one file that does not fit another's deploys without a word; then messages are lost, or jobs never
begin. ``chalicelib/consumer.py`` and ``docs/design.md`` say how the parts play together.
"""

from collections.abc import Iterator
from typing import Any

from chalicelib.config import ConfigurationError, Settings
from deployment.stages import LOCAL
from deployment.template import (
    PARTIAL_BATCH_RESPONSES,
    VISIBILITY_IN_TIMEOUTS,
    queue_of,
    sqs_mappings,
    stream_mappings,
    variables_of,
)
from deployment.template import functions as functions_of

START_S = 5
"""What a cold container may use up of its function's time before it asks how much is left for its first job."""

API_TIMEOUT_MAX_S = 29
"""What API Gateway waits for an answer (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

VISIBILITY_DEFAULT_S = 30
"""Of a queue whose template says nothing else."""

SWEEP_SCHEDULE = "rate(1 minute)"
"""`chalicelib.domain.delivery.SENT_AHEAD` counts on two sweeps in two minutes."""

FUNCTIONS = ("APIHandler", "Consume", "DeadLetter", "Erase", "Relay", "Deliver", "Intake", "Sweep")
"""Those that requests and events drive, by the names of their resources, which ``.chalice/resources.json`` uses too."""

OWN_QUEUES = {"Erase": "ERASURES_QUEUE_URL", "Deliver": "DELIVERIES_QUEUE_URL", "Intake": "INTAKE_QUEUE_URL"}
"""Of functions whose queue others send to by a setting: the setting."""

TRIES_MAX = 10_000
"""
The most that Lambda takes a record's tries to be, short of no bound.

Source: docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html.
"""

STREAM_KEEPS_S = 24 * 3600
"""
How long a stream of DynamoDB has its records.

Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html.
"""

TO_ANYWHERE = "WEBHOOKS_TO_ANYWHERE"
STREAM = {"Fn::GetAtt": ["JobsTable", "StreamArn"]}


def template_faults(template: dict[str, Any], timeouts_s: dict[str, int], *, stage: str) -> list[str]:
    """
    Return what is wrong with the rendered template of a stage, each fault as a sentence that says what to change.

    ``timeouts_s`` is how long an attempt of each operation may take, by the operation's name.
    """
    functions = functions_of(template)
    missing = [name for name in FUNCTIONS if name not in functions]
    if missing:
        return [f"there is no function {name}; app.py declares it" for name in missing]
    if incomplete := environment_faults(template):
        return incomplete
    return [
        *_faults_of_the_api(functions["APIHandler"]),
        *_jobs_that_cannot_begin(template, functions["Consume"], timeouts_s),
        *_faults_of_queues(template, functions),
        *_faults_of_own_queues(template, functions),
        *_faults_of_the_relay(template, functions["Relay"]),
        *_faults_of_the_sweep(functions["Sweep"]),
        *([] if stage == LOCAL else _ways_to_anywhere(template)),
    ]


def environment_faults(template: dict[str, Any]) -> list[str]:
    """Return what is wrong with the settings that a rendered template gives its functions, a sentence for each."""
    return [*_faults_of_environments(template)]


def _faults_of_environments(template: dict[str, Any]) -> Iterator[str]:
    for name, function in functions_of(template).items():
        variables = variables_of(template, function)
        # What is no text, such as the name of a table, CloudFormation fills in.
        known = {each: value if isinstance(value, str) else "named later" for each, value in variables.items()}
        try:
            Settings.from_env(known)
        except ConfigurationError as wrong:
            yield f"the environment of {name} is not right: {wrong}"


def _faults_of_the_api(api: dict[str, Any]) -> Iterator[str]:
    if api["Timeout"] > API_TIMEOUT_MAX_S:
        yield (
            f"the lambda_timeout of api_handler may be at most {API_TIMEOUT_MAX_S}, after which API Gateway has given"
            f" its caller up, not {api['Timeout']}"
        )


def _jobs_that_cannot_begin(
    template: dict[str, Any], consume: dict[str, Any], timeouts_s: dict[str, int]
) -> Iterator[str]:
    """A consumer claims no job that could not end, lease margin included, in the time that is left to it."""
    margin_s = int(variables_of(template, consume)["JOB_LEASE_MARGIN_S"])
    for operation, timeout_s in timeouts_s.items():
        needed_s = timeout_s + margin_s + START_S
        if consume["Timeout"] < needed_s:
            yield (
                f"no job of the operation {operation} could ever begin: its attempts take up to {timeout_s} s, so with"
                f" JOB_LEASE_MARGIN_S ({margin_s}) and {START_S} s to start, the lambda_timeout of consume must be at"
                f" least {needed_s}, not {consume['Timeout']}"
            )


def _faults_of_queues(template: dict[str, Any], functions: dict[str, Any]) -> Iterator[str]:
    for name, function in functions.items():
        for mapping in sqs_mappings(function):
            yield from _faults_of_queue(template, name, function, mapping)


def _faults_of_queue(
    template: dict[str, Any], name: str, function: dict[str, Any], mapping: dict[str, Any]
) -> Iterator[str]:
    queue = queue_of(mapping)
    if queue not in template["Resources"]:
        yield f"the queue of {name} must be one of .chalice/resources.json, as {{'Fn::Sub': '${{JobsQueue.Arn}}'}} is"
        return
    visibility_s = template["Resources"][queue].get("Properties", {}).get("VisibilityTimeout", VISIBILITY_DEFAULT_S)
    needed_s = VISIBILITY_IN_TIMEOUTS * function["Timeout"]
    if visibility_s < needed_s:
        yield (
            f"the VisibilityTimeout of {queue} must be at least {needed_s}, {VISIBILITY_IN_TIMEOUTS} times the"
            f" lambda_timeout of {name}, not {visibility_s}"
        )
    variables = variables_of(template, function)
    yield from _faults_of_answers(name, variables, mapping, "message", "Lambda would delete the messages that failed")
    if variables["JOBS_QUEUE_URL"] != {"Ref": queue} and mapping.get("BatchSize") != 1:
        yield (
            f"the BatchSize of {name} must be 1: where the mapping does not ask which messages failed, only those of"
            f" the queue of JOBS_QUEUE_URL are deleted one by one, and {queue} is not that queue"
        )


def _faults_of_answers(
    name: str, variables: dict[str, Any], mapping: dict[str, Any], part: str, lost: str
) -> Iterator[str]:
    """A function answers which parts of a batch failed exactly if it is asked."""
    answers = variables.get(PARTIAL_BATCH_RESPONSES) == "true"
    asked = mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"]
    if answers and not asked:
        yield (
            f"{name} has {PARTIAL_BATCH_RESPONSES}, but its mapping lacks FunctionResponseTypes"
            f" [ReportBatchItemFailures]: {lost}"
        )
    if asked and not answers:
        yield (
            f"the mapping of {name} has FunctionResponseTypes, but its environment lacks {PARTIAL_BATCH_RESPONSES}:"
            f" for one {part} that failed, all of its batch would come back"
        )


def _faults_of_own_queues(template: dict[str, Any], functions: dict[str, Any]) -> Iterator[str]:
    """Yield of functions that take from another queue than the one that others send to: their messages would wait."""
    for name, setting in OWN_QUEUES.items():
        queues = [queue_of(mapping) for mapping in sqs_mappings(functions[name])]
        sent_to = variables_of(template, functions[name])[setting]
        if [{"Ref": queue} for queue in queues] != [sent_to]:
            yield f"the queue of {name} must be that of {setting}, {sent_to}, not {', '.join(queues) or 'none'}"


def _faults_of_the_relay(template: dict[str, Any], relay: dict[str, Any]) -> Iterator[str]:
    """By itself, a mapping tries a record that fails until it is gone, and the events of all jobs wait behind it."""
    mappings = stream_mappings(relay)
    if [mapping["Stream"] for mapping in mappings] != [STREAM]:
        streams = ", ".join(str(mapping["Stream"]) for mapping in mappings)
        yield f"the stream of Relay must be that of the jobs table, {STREAM}, not {streams or 'none'}"
        return
    (mapping,) = mappings
    variables = variables_of(template, relay)
    yield from _faults_of_answers("Relay", variables, mapping, "record", "Lambda would go on past those that failed")
    if not 0 < mapping.get("MaximumRecordAgeInSeconds", -1) < STREAM_KEEPS_S:
        yield (
            f"the mapping of Relay must have MaximumRecordAgeInSeconds below {STREAM_KEEPS_S}, after which the stream"
            " has a record no more: one that always fails would hold up the others until then, and be lost"
        )
    if mapping.get("MaximumRetryAttempts") != TRIES_MAX:
        yield (
            f"the mapping of Relay must have MaximumRetryAttempts {TRIES_MAX}, the most there is: how long the event"
            " bus may be away is bounded by the age of a record"
        )
    if not mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
        yield "the mapping of Relay must have an OnFailure destination: what it gives up would be lost without a word"


def _faults_of_the_sweep(sweep: dict[str, Any]) -> Iterator[str]:
    schedules = [event["Properties"].get("Schedule") for event in sweep.get("Events", {}).values()]
    if schedules != [SWEEP_SCHEDULE]:
        yield f"the schedule of sweep must be {SWEEP_SCHEDULE}, not {', '.join(map(str, schedules)) or 'none'}"


def _ways_to_anywhere(template: dict[str, Any]) -> Iterator[str]:
    """Yield of functions that users could send to addresses inside the operator's network."""
    for name, function in functions_of(template).items():
        if variables_of(template, function).get(TO_ANYWHERE) == "true":
            yield f"{TO_ANYWHERE} of {name} may be true in the stage {LOCAL} alone: users name the addresses"

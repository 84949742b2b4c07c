"""
What must hold between the parts of the rendered template, and no other tool looks at.

A number or a flag of one file that does not fit another's deploys without a word; then messages are lost, or jobs never
begin. ``chalicelib/consumer.py`` and ``docs/design.md`` say how the parts play together.
"""

from collections.abc import Iterator
from typing import Any

from chalicelib.config import ConfigurationError, Settings
from deployment.template import VISIBILITY_IN_TIMEOUTS, queue_of, sqs_mappings, variables_of
from deployment.template import functions as functions_of

START_S = 5
"""What a cold container may use up of its function's time before it asks how much is left for its first job."""

API_TIMEOUT_MAX_S = 29
"""What API Gateway waits for an answer (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

VISIBILITY_DEFAULT_S = 30
"""Of a queue whose template says nothing else."""

SWEEP_SCHEDULE = "rate(1 minute)"
"""`chalicelib.domain.delivery.SENT_AHEAD` counts on two sweeps in two minutes."""

FUNCTIONS = ("APIHandler", "Consume", "DeadLetter", "Erase", "Sweep")
"""Those that requests and events drive, by the names of their resources, which ``.chalice/resources.json`` uses too."""


def template_faults(template: dict[str, Any], timeouts_s: dict[str, int]) -> list[str]:
    """
    Return what is wrong with a rendered template, each fault as a sentence that says what to change; empty when fit.

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
        *_faults_of_the_erasures(template, functions["Erase"]),
        *_faults_of_the_sweep(functions["Sweep"]),
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
    answers = variables.get("PARTIAL_BATCH_RESPONSES") == "true"
    asked = mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"]
    if answers and not asked:
        yield (
            f"{name} has PARTIAL_BATCH_RESPONSES, but its mapping lacks FunctionResponseTypes"
            f" [ReportBatchItemFailures]: Lambda would delete the messages that failed"
        )
    if asked and not answers:
        yield (
            f"the mapping of {name} has FunctionResponseTypes, but its environment lacks PARTIAL_BATCH_RESPONSES:"
            f" for one message that failed, all of its batch would come back"
        )
    if variables["JOBS_QUEUE_URL"] != {"Ref": queue} and mapping.get("BatchSize") != 1:
        yield (
            f"the BatchSize of {name} must be 1: where the mapping does not ask which messages failed, only those of"
            f" the queue of JOBS_QUEUE_URL are deleted one by one, and {queue} is not that queue"
        )


def _faults_of_the_erasures(template: dict[str, Any], erase: dict[str, Any]) -> Iterator[str]:
    """Orders that go to another queue than the one they come from are never carried out."""
    queues = [queue_of(mapping) for mapping in sqs_mappings(erase)]
    ordered = variables_of(template, erase)["ERASURES_QUEUE_URL"]
    if [{"Ref": queue} for queue in queues] != [ordered]:
        yield f"the queue of Erase must be that of ERASURES_QUEUE_URL, {ordered}, not {', '.join(queues) or 'none'}"


def _faults_of_the_sweep(sweep: dict[str, Any]) -> Iterator[str]:
    schedules = [event["Properties"].get("Schedule") for event in sweep.get("Events", {}).values()]
    if schedules != [SWEEP_SCHEDULE]:
        yield f"the schedule of sweep must be {SWEEP_SCHEDULE}, not {', '.join(map(str, schedules)) or 'none'}"

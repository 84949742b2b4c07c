"""
The Lambda entry points: the HTTP API, the consumers of queues and stream, the sweep, and the operator's redrive.

Handlers of events are declared here and nowhere else: one that a blueprint declares is entered without ever importing
this module. Of the services a container has those that it needs, each once: what all its events need is made at import
where Lambda says which function it is, the rest with the first event that needs it. None of it reaches anything.
"""

import functools
import os
from dataclasses import asdict

from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate, SQSEvent

from chalicelib.batches import BatchResponse
from chalicelib.bootstrap import Services, build, prepare
from chalicelib.config import Settings
from chalicelib.invocation import messages, named_invocation, serves_http, time_left
from chalicelib.observability import configure_logging
from chalicelib.wiring.once import Once

HANDLER = os.environ.get("_HANDLER", "")
"""The function that this process is for, by its handler; set by Lambda."""

STACK_NAME = os.environ.get("STACK_NAME", "job-backend")
"""Namespace of the metrics. Begins the queues' names too, for ``chalice deploy``; the template names them by ARN."""

JOBS_STREAM_ARN = os.environ.get("JOBS_STREAM_ARN", "arn:aws:dynamodb:::table/jobs/stream/later")

configure_logging(os.environ.get("LOG_LEVEL", "INFO"), namespace=STACK_NAME)

app = Chalice(app_name="job-backend", configure_logs=False)


@functools.cache
def allowed_origins() -> frozenset[str]:
    """Return the origins whose pages may read answers; apart, as every answer needs them and few need the services."""
    return Settings.from_env(os.environ).cors_allowed_origins


for kind in ("sqs", "dynamodb", "scheduled", "pure_lambda"):
    app.register_middleware(named_invocation, kind)


@Once
def services() -> Services:
    """Return the services of this container, built from its environment."""
    return build(Settings.from_env(os.environ))


# The API is by far the most of what there is to load, and only one of the functions is it.
if serves_http(HANDLER):
    from chalicelib.api.edge import http_edge
    from chalicelib.api.endpoint import register
    from chalicelib.api.routes import ENDPOINTS

    app.register_middleware(http_edge(allowed_origins), "http")
    register(app, ENDPOINTS, services)

prepare(services, HANDLER)


# Without a maximum, a backlog takes the account's whole concurrency and the API is throttled with it; the same below.
@app.on_sqs_message(queue=f"{STACK_NAME}-jobs", batch_size=5, maximum_concurrency=10)
def consume(event: SQSEvent) -> BatchResponse | None:
    """Run the job of each message."""
    return services().consumer.consume(messages(event.to_dict()), time_left(event.context))


# One at a time: the letters that are done with need then never be told from those that must come back.
@app.on_sqs_message(queue=f"{STACK_NAME}-jobs-dead-letters", batch_size=1, maximum_concurrency=2)
def dead_letter(event: SQSEvent) -> BatchResponse | None:
    """Fail the job of each dead letter."""
    return services().consumer.bury(messages(event.to_dict()))


# Erasing is never urgent, and two at a time leave the tables to those who wait for an answer.
@app.on_sqs_message(queue=f"{STACK_NAME}-erasures", batch_size=1, maximum_concurrency=2)
def erase(event: SQSEvent) -> BatchResponse | None:
    """Erase what the user of each message leaves."""
    return services().erasures.consume(messages(event.to_dict()), time_left(event.context))


# The template names the stream by its ARN; for ``chalice deploy`` it is a setting of the stack that has the table.
@app.on_dynamodb_record(stream_arn=JOBS_STREAM_ARN, batch_size=100, starting_position="TRIM_HORIZON")
def relay(event: DynamoDBEvent) -> BatchResponse | None:
    """Tell the outside of each transition of a job."""
    return services().relay.consume(event.to_dict(), time_left(event.context))


# One at a time: an attempt takes as long as its receiver does.
@app.on_sqs_message(queue=f"{STACK_NAME}-deliveries", batch_size=1, maximum_concurrency=20)
def deliver(event: SQSEvent) -> BatchResponse | None:
    """Try the delivery of each message."""
    return services().deliveries.consume(messages(event.to_dict()))


@app.on_sqs_message(queue=f"{STACK_NAME}-intake", batch_size=1, maximum_concurrency=5)
def intake(event: SQSEvent) -> BatchResponse | None:
    """Submit the job that each message asks for."""
    return services().intake.consume(messages(event.to_dict()))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> None:
    """Fire schedules, and send the messages of jobs and deliveries that are due and were not begun."""
    services().every_minute.run(time_left(event.context))


@app.lambda_function()
def redrive(event: object, context: object) -> dict[str, object]:  # noqa: ARG001 - Lambda gives both
    """Retry every dead job, when the operator asks for it."""
    return asdict(services().dead_letters.redrive(time_left(context)))

"""
The Lambda entry points: the HTTP API and the consumer of the jobs queue.

Handlers of events are declared here and nowhere else: one that a blueprint declares is entered without ever importing
this module. Nothing is built at import; the first event builds the services, once per container.
"""

import functools
import os

from chalice.app import Chalice, SQSEvent

from chalicelib import consumer
from chalicelib.api import about, accounts, jobs
from chalicelib.api.edge import http_edge
from chalicelib.bootstrap import Services, build
from chalicelib.config import Settings
from chalicelib.observability import configure_logging

configure_logging(os.environ.get("LOG_LEVEL", "INFO"))

app = Chalice(app_name="job-backend", configure_logs=False)
app.register_middleware(http_edge, "http")


@functools.cache
def services() -> Services:
    """Return the services of this container, built from its environment."""
    return build(Settings.from_env(os.environ))


app.register_blueprint(accounts.blueprint(services))
app.register_blueprint(jobs.blueprint(services))
app.register_blueprint(about.blueprint(services))


# Without a maximum, a backlog takes the account's whole concurrency and the API is throttled with it.
@app.on_sqs_message(queue="jobs", batch_size=1, maximum_concurrency=10)
def consume(event: SQSEvent) -> None:
    """Run the job of each message."""
    consumer.consume([record.body for record in event], services().execution)

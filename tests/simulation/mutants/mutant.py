"""What a mutant is, and the modules that have some."""

from dataclasses import dataclass

from tests.simulation.plan import FULL, Configuration

JOBS = "chalicelib.domain.jobs"
DELIVERY = "chalicelib.domain.delivery"
RECEIPTS = "chalicelib.domain.receipts"
KNOWN_PAUSES = "chalicelib.services.known_pauses"
EXECUTION = "chalicelib.services.execution"
SWEEPING = "chalicelib.services.sweeping"
DUE_ROWS = "chalicelib.services.due_rows"
DEAD_LETTERS = "chalicelib.services.dead_letters"
ACCEPTANCE = "chalicelib.services.acceptance"
SUBMITTING = "chalicelib.services.submission"
JOB_CALLS = "chalicelib.services.jobs"
DISPATCH = "chalicelib.services.dispatch"
CONSUMER = "chalicelib.consumer"
JOB_EVENTS = "chalicelib.domain.job_events"
RELAYING = "chalicelib.services.relaying"
JOB_ENDS = "chalicelib.domain.job_ends"
COUNTING = "chalicelib.services.counting"
WEBHOOKS = "chalicelib.domain.webhooks"
DELIVERIES = "chalicelib.domain.webhook_deliveries"
WAITS = "chalicelib.domain.delivery_waits"
DELIVERING = "chalicelib.services.delivering"
DELIVERY_SWEEPING = "chalicelib.services.delivery_sweeping"
SCHEDULES = "chalicelib.domain.schedules"
SCHEDULE_CALLS = "chalicelib.services.schedules"
FIRING = "chalicelib.services.firing"
STORE = "tests.fakes"
DELIVERY_STORE = "tests.delivery_fakes"
WEBHOOK_STORE = "tests.webhook_fakes"
SCHEDULE_STORE = "tests.schedule_fakes"
COUNT_STORE = "tests.statistics_fakes"
MODELS = {
    STORE: "jobs table's model",
    DELIVERY_STORE: "deliveries table's model",
    WEBHOOK_STORE: "webhooks table's model",
    SCHEDULE_STORE: "schedules table's model",
    COUNT_STORE: "statistics table's model",
}
"""Modules that are no product's, and what they are a model of."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    One mistake: ``new`` instead of ``old``, which must occur exactly once in ``module``.

    ``breaks`` says what is wrong with it. ``configuration`` is one in which no other layer makes up for it.
    """

    name: str
    breaks: str
    module: str
    old: str
    new: str
    configuration: Configuration = FULL

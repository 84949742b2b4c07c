"""What a mutant is, and the modules that have some."""

from dataclasses import dataclass

from tests.simulation.plan import FULL, Configuration

JOBS = "chalicelib.domain.jobs"
DELIVERY = "chalicelib.domain.delivery"
RECEIPTS = "chalicelib.domain.receipts"
EXECUTION = "chalicelib.services.execution"
SWEEPING = "chalicelib.services.sweeping"
DEAD_LETTERS = "chalicelib.services.dead_letters"
SUBMITTING = "chalicelib.services.submission"
JOB_CALLS = "chalicelib.services.jobs"
DISPATCH = "chalicelib.services.dispatch"
CONSUMER = "chalicelib.consumer"
STORE = "tests.fakes"


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

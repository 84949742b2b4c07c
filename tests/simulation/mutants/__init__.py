"""
Mistakes in the protocol, each of which the simulator must find.

A mutant is a piece of source text and what stands there instead. Nothing here imports the product: the text is put in
before the product is imported, in a process of its own.
"""

from tests.simulation.mutants.calling import CALLING
from tests.simulation.mutants.counting import COUNTING_ENDS
from tests.simulation.mutants.delivering import DELIVERING_TO_WEBHOOKS
from tests.simulation.mutants.firing import FIRING_SCHEDULES
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.pausing import PAUSING
from tests.simulation.mutants.repeating import REPEATING
from tests.simulation.mutants.rescuing import RESCUING
from tests.simulation.mutants.rules import RULES
from tests.simulation.mutants.running import RUNNING
from tests.simulation.mutants.telling import TELLING

__all__ = ["MUTANTS", "Mutant"]

MUTANTS = (
    *RULES,
    *RUNNING,
    *RESCUING,
    *CALLING,
    *PAUSING,
    *REPEATING,
    *TELLING,
    *DELIVERING_TO_WEBHOOKS,
    *FIRING_SCHEDULES,
    *COUNTING_ENDS,
)

"""The operations of the simulated deployment, and whether a job of one is accepted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.domain.operations import OperationPolicy
from chalicelib.services.acceptance import Acceptance
from tests.simulation.observer import MAX_ATTEMPTS

if TYPE_CHECKING:
    from tests.simulation.world import World


class Square:
    """The operation of every simulated job."""

    name = "square"
    description = "Squares a number."
    input_schema: Mapping[str, object] = {}
    policy = OperationPolicy(max_attempts=MAX_ATTEMPTS, timeout_s=60)

    def accepted_input(self, data_json: bytes) -> str:
        """Return the data as text."""
        return data_json.decode()


class Catalogue:
    """A catalogue of one operation."""

    _square = Square()

    def find(self, name: str) -> Square | None:
        """Return the operation of this name."""
        return self._square if name == "square" else None

    def all(self) -> Sequence[Square]:
        """Return every operation."""
        return [self._square]


CATALOGUE = Catalogue()


def acceptance(world: "World") -> Acceptance:
    """Return what decides on wanted jobs."""
    return Acceptance(operations=CATALOGUE, limits=world.limits, webhooks_to_anywhere=False)

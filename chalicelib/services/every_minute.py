"""What is done each minute: one sweep after the other, none of which uses up the time of those behind it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

logger = logging.getLogger(__name__)

Run = Callable[[Callable[[], timedelta]], object]
"""Does its work while there is time, as the given function says."""


@dataclass(frozen=True, slots=True)
class EveryMinute:
    """
    The sweeps by name, in their order.

    Of the time that there is, each may use all but an equal share for every one that comes after it. One that breaks
    keeps none of the others from running.
    """

    sweeps: Mapping[str, Run]

    def run(self, time_left: Callable[[], timedelta]) -> None:
        """
        Run every sweep.

        Raises:
            Exception: What the first sweep that broke has raised, once the others have run.
        """
        share = time_left() / len(self.sweeps)
        broken: list[Exception] = []
        for place, (name, sweep) in enumerate(self.sweeps.items()):
            kept = share * (len(self.sweeps) - 1 - place)
            try:
                sweep(_less(time_left, kept))
            except Exception as error:
                logger.exception("sweep broke", extra={"sweep": name})
                broken.append(error)
        _raise_first(broken)


def _less(time_left: Callable[[], timedelta], kept: timedelta) -> Callable[[], timedelta]:
    return lambda: time_left() - kept


def _raise_first(errors: Sequence[Exception]) -> None:
    if errors:
        raise errors[0]

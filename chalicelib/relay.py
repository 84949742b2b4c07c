"""From the stream of the jobs table to what the outside is told, and back: from which change on all come again."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.adapters.dynamodb.stream_records import change_of
from chalicelib.batches import BatchResponse
from chalicelib.services.counting import Counting
from chalicelib.services.relaying import Relay, RelayBroke

logger = logging.getLogger(__name__)


class ChangesReturned(Exception):
    """Some changes of the batch must come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConsumer:
    """
    Settles batches of the jobs table's stream.

    ``partial_responses`` tells whether the event source mapping has ``ReportBatchItemFailures``; see
    `chalicelib.batches`. Without it a change that is to come again brings its whole batch back, whose events are then
    told twice. Ends are counted of what does not come again; without ``counting`` none are.
    """

    relay: Relay
    counting: Counting | None
    partial_responses: bool

    def consume(self, event: Mapping[str, Any], time_left: Callable[[], timedelta]) -> BatchResponse | None:
        """
        Tell of each change of a batch; ``time_left`` is what remains to the function.

        Returns:
            The first change that is to come again, with all behind it, where the mapping asks for it.

        Raises:
            ChangesReturned: There is one, and the mapping does not ask.
            RelayBroke: A fault of ours at the first changes of the batch. Then the function must fail: only so does
                Lambda halve the batch, until the change at fault is alone and can be given up without others.
        """
        changes = [change_of(record) for record in event["Records"]]
        try:
            again = self.relay.relay(changes, time_left)
        except RelayBroke as broke:
            if not self.partial_responses or broke.position == changes[0].position:
                raise
            logger.exception("relay broke", extra={"position": broke.position})
            again = broke.position
        logger.info("changes relayed", extra={"changes": len(changes), "come_again_from": again})
        if self.counting is not None and (again is None or self.partial_responses):
            self.counting.count(changes, until=again, time_left=time_left)
        if self.partial_responses:
            return {"batchItemFailures": [] if again is None else [{"itemIdentifier": again}]}
        if again is not None:
            detail = f"the changes from {again} on come again"
            raise ChangesReturned(detail)
        return None

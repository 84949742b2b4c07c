"""
From SQS messages to executions.

A message is deleted when its job needs it no more. When any of a batch must come back, the whole batch does: the event
source mapping deletes messages only when the function returns, and for those already done coming back costs one refused
claim. Chalice cannot ask the mapping for partial batch responses, and without that a returned list of failures would be
taken as success.
"""

import logging
from collections.abc import Sequence

from chalicelib.adapters.sqs import ForeignMessage, from_body
from chalicelib.domain.errors import Unavailable
from chalicelib.services.execution import Execution

logger = logging.getLogger(__name__)


class MessagesReturned(Exception):
    """Some messages of the batch must be delivered again, after the queue's visibility timeout."""


def consume(bodies: Sequence[str], execution: Execution) -> None:
    """
    Run the job of each message body.

    Raises:
        MessagesReturned: A job is held by another attempt, its store is away, or a body names no job. After the queue's
            ``maxReceiveCount`` such a message is in the dead-letter queue.
    """
    returned = sum(not _settled(body, execution) for body in bodies)
    if returned:
        message = f"{returned} of {len(bodies)} messages return to the queue"
        raise MessagesReturned(message)


def _settled(body: str, execution: Execution) -> bool:
    try:
        key = from_body(body)
    except ForeignMessage:
        logger.exception("message names no job")
        return False
    log_fields = {"job_id": key.job_id, "owner_id": key.owner_id}
    try:
        outcome = execution.execute(key)
    except Unavailable:
        logger.exception("job store is away", extra=log_fields)
        return False
    except Exception:
        # One message must not decide over the others of its batch; it comes back and ends in the dead-letter queue.
        logger.exception("execution broke", extra=log_fields)
        return False
    logger.info("job delivered", extra={**log_fields, "outcome": outcome})
    return outcome.is_settled

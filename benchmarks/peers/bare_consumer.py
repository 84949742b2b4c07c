"""
The consumer without a framework, also that of the FastAPI peer: a web framework has no part in it.

A function of its own, with a module of its own, so that it imports nothing that only requests need.
"""

import json
import logging
from typing import Any

from benchmarks.peers import job_table
from benchmarks.peers.operations import OPERATIONS

logger = logging.getLogger(__name__)


def consume(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Run the job of each message; name those messages that must come back."""
    failed = []
    for record in event["Records"]:
        try:
            run(json.loads(record["body"]))
        except Exception:
            logger.exception("a job could not be run")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def run(message: dict[str, str]) -> None:
    """Claim the job, compute, and store its result."""
    owner_id, job_id = message["owner_id"], message["job_id"]
    operation, numbers = job_table.claim(owner_id, job_id)
    job_table.finish(owner_id, job_id, OPERATIONS[operation](numbers))

"""The consumer with Powertools' batch processor, which names the messages that must come back."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from benchmarks.peers import job_table
from benchmarks.peers.operations import OPERATIONS

processor = BatchProcessor(event_type=EventType.SQS)


def run(record: SQSRecord) -> None:
    """Claim the job, compute, and store its result."""
    message = record.json_body
    owner_id, job_id = message["owner_id"], message["job_id"]
    operation, numbers = job_table.claim(owner_id, job_id)
    job_table.finish(owner_id, job_id, OPERATIONS[operation](numbers))


def consume(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - Lambda's own
    """Run the job of each message."""
    return process_partial_response(event=event, record_handler=run, processor=processor, context=context)

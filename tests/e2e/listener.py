"""Who listens to a stage's event bus: a rule, and a queue of its own."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Event = dict[str, Any]


@contextmanager
def listening(events: Any, sqs: Any, bus: str, *types: str) -> Iterator[Callable[[], list[Event]]]:
    """
    Listen to events of some types, which must come after this.

    Gives what returns those of the next message or messages, waited for a second; the CloudEvents alone.
    """
    rule = {"Name": "listener", "EventBusName": bus}
    url = sqs.create_queue(QueueName="listener-to-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(**rule, EventPattern=json.dumps({"detail-type": list(types)}))
    events.put_targets(Rule=rule["Name"], EventBusName=bus, Targets=[{"Id": "listener", "Arn": arn}])

    def told() -> list[Event]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in found]

    try:
        yield told
    finally:
        events.remove_targets(Rule=rule["Name"], EventBusName=bus, Ids=["listener"])
        events.delete_rule(**rule)
        sqs.delete_queue(QueueUrl=url)

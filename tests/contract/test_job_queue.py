import json

import pytest

from chalicelib.domain.errors import Unavailable
from tests.contract.conftest import Aws, Ports
from tests.factories import KEY


def test_what_is_sent_is_received(ports: Ports) -> None:
    ports.queue.send(KEY)
    assert ports.received() == [KEY]


def test_a_message_names_the_job_and_says_nothing_of_it(aws: Aws) -> None:
    aws.ports().queue.send(KEY)
    answer = aws.sqs.receive_message(QueueUrl=aws.queue_url, MessageSystemAttributeNames=["MessageGroupId"])
    (message,) = answer["Messages"]
    assert json.loads(message["Body"]) == {"owner_id": KEY.owner_id, "job_id": KEY.job_id, "version": 1}
    assert message["Attributes"]["MessageGroupId"] == KEY.owner_id, "for SQS to be fair between owners"


def test_a_send_whose_response_was_lost_may_send_twice(lossy_ports: Ports) -> None:
    lossy_ports.queue.send(KEY)
    assert set(lossy_ports.received()) == {KEY}


def test_without_the_queue_a_send_is_refused(away_ports: Ports) -> None:
    with pytest.raises(Unavailable, match="the job queue does not answer"):
        away_ports.queue.send(KEY)

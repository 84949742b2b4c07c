import json
from datetime import timedelta

import pytest

from chalicelib.account_ports import Erasure
from chalicelib.adapters.erasure_queue import from_body
from chalicelib.domain.errors import Unavailable
from tests.contract.conftest import Aws, Ports
from tests.factories import OWNER

ORDER = Erasure(user_id=OWNER, username="Ada.Lovelace@example.org")


def test_what_is_ordered_is_received(ports: Ports) -> None:
    ports.erasures.send(ORDER)
    assert ports.ordered() == [ORDER]


def test_a_message_has_the_id_and_the_name_and_nothing_else(aws: Aws) -> None:
    aws.ports().erasures.send(ORDER)
    (message,) = aws.sqs.receive_message(QueueUrl=aws.erasures_queue_url)["Messages"]
    assert json.loads(message["Body"]) == {"user_id": OWNER, "username": "Ada.Lovelace@example.org", "version": 1}


def test_a_send_whose_response_was_lost_may_send_twice(lossy_ports: Ports) -> None:
    lossy_ports.erasures.send(ORDER)
    assert lossy_ports.ordered().count(ORDER) >= 1


def test_an_order_can_be_delayed(aws: Aws) -> None:
    aws.ports().erasures.send(ORDER, delay=timedelta(seconds=1))
    assert aws.ports().ordered() == []
    answer = aws.sqs.receive_message(QueueUrl=aws.erasures_queue_url, WaitTimeSeconds=5)
    assert [from_body(message["Body"]) for message in answer["Messages"]] == [ORDER]


def test_without_the_queue_it_says_so(away_ports: Ports) -> None:
    with pytest.raises(Unavailable, match="the erasure queue does not answer"):
        away_ports.erasures.send(ORDER)

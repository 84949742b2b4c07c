from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from chalicelib.domain.errors import Conflict, Unavailable
from chalicelib.domain.users import User, UserId
from tests.contract.conftest import Aws, Ports
from tests.factories import make_user


def test_a_user_is_found_by_name_in_whatever_case(ports: Ports) -> None:
    ada = make_user(username="Ada.Lovelace")
    ports.users.add(ada)
    for username in ("Ada.Lovelace", "ada.lovelace", "ADA.LOVELACE"):
        assert ports.users.find(username) == ada
    assert ports.users.find("ada") is None


def test_a_name_is_given_once_in_whatever_case(ports: Ports) -> None:
    ada = make_user(username="ada")
    ports.users.add(ada)
    with pytest.raises(Conflict):
        ports.users.add(make_user(username="ADA", user_id=UserId("another")))
    assert ports.users.find("ada") == ada


def test_of_two_who_register_at_once_one_wins(atomic_ports: Ports) -> None:
    users = [make_user(username="ada", user_id=UserId(f"user-{number}")) for number in range(16)]

    def registered(user: User) -> bool:
        try:
            atomic_ports.users.add(user)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(users)) as pool:
        outcomes = list(pool.map(registered, users))
    assert outcomes.count(True) == 1
    assert atomic_ports.users.find("ada") == users[outcomes.index(True)]


def test_a_registration_whose_response_was_lost_counts(lossy_ports: Ports) -> None:
    ada = make_user()
    lossy_ports.users.add(ada)
    assert lossy_ports.users.find("ada") == ada
    with pytest.raises(Conflict):
        lossy_ports.users.add(replace(ada, user_id=UserId("another")))


def test_a_table_that_is_not_there_is_the_operators_business(aws: Aws) -> None:
    aws.dynamodb.delete_table(TableName=aws.users_table)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.ports().users.add(make_user())


def test_without_the_table_nobody_is_found_or_added(away_ports: Ports) -> None:
    with pytest.raises(Unavailable, match="the users table does not answer"):
        away_ports.users.find("ada")
    with pytest.raises(Unavailable, match="the users table does not answer"):
        away_ports.users.add(make_user())

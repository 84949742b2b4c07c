"""The composition root, over the settings that the deployment's files give and clients that must not be asked."""

from collections.abc import Iterator
from typing import NoReturn

import pytest

import app
from chalicelib.adapters.aws import AwsClients
from chalicelib.bootstrap import NEEDED_BY, Services, build, prepare
from chalicelib.config import ConfigurationError, Settings
from chalicelib.ports import Operation
from chalicelib.wiring.adapters import Adapters
from chalicelib.wiring.once import Once, made_once
from tests.deployment import environment
from tests.factories import World

REAL_IN_TESTS = {"timetable", "cursors"}
"""They reach nothing, but for the keys, of which there is a fake."""


def members(of: type) -> Iterator[str]:
    """What it makes for others."""
    for each in of.__mro__:
        yield from (name for name, what in vars(each).items() if isinstance(what, made_once) and name[0] != "_")


def built() -> Services:
    def refuse(service: str, **_: object) -> NoReturn:
        message = f"{service} was asked for"
        raise AssertionError(message)

    return build(Settings.from_env(environment()), AwsClients(refuse))


def test_all_services_can_be_made_and_making_them_reaches_nothing() -> None:
    services = built()
    names = {*members(Services)}
    assert {"consumer", "submissions", "administration", "rate_limiter"} <= names
    for name in names:
        assert getattr(services, name) is getattr(services, name)


def test_all_adapters_can_be_made_and_making_them_reaches_nothing() -> None:
    adapters = built().adapters
    for name in members(Adapters):
        assert getattr(adapters, name) is getattr(adapters, name)


def test_nothing_is_made_before_it_is_asked_for() -> None:
    services = built()
    made = {*vars(services), *vars(services.adapters)}
    assert not made & {*members(Services), *members(Adapters)}


def test_tests_have_a_fake_for_everything() -> None:
    assert {*members(Adapters)} - vars(World().adapters()).keys() == REAL_IN_TESTS


def test_while_an_operation_cannot_be_loaded_no_message_is_taken() -> None:
    """It comes back; a job whose process cannot start would lose an attempt."""

    class Broken:
        def find(self, _name: str) -> NoReturn:
            raise TypeError

        def all(self) -> list[Operation]:
            message = "chalicelib.operations.mine must define a plain function mine(data)"
            raise TypeError(message)

    services = built()
    services.adapters.operations = Broken()
    with pytest.raises(TypeError, match="must define"):
        _ = services.consumer


def test_it_is_known_what_each_function_needs() -> None:
    of_events = {each.handler_string for each in app.app.event_sources}
    called = {each.handler_string for each in app.app.pure_lambda_functions}
    assert {"app.app", *of_events, *called} == NEEDED_BY.keys()
    for names in NEEDED_BY.values():
        assert {*names} <= {*members(Services)}


def test_a_function_has_what_it_needs_before_its_first_event_and_no_more() -> None:
    services = built()
    prepare(lambda: services, "app.redrive")
    assert {*vars(services)} & {*members(Services)} == {"dead_letters"}
    prepare(lambda: services, "")
    prepare(lambda: services, "wrapper.handler")
    assert {*vars(services)} & {*members(Services)} == {"dead_letters"}


def test_what_is_wrong_does_not_stop_a_function_from_starting_and_is_told_by_its_events() -> None:
    @Once
    def services() -> Services:
        return build(Settings.from_env({}))

    prepare(services, "app.consume")
    with pytest.raises(ConfigurationError, match=r"STACK_NAME is not set; .*JOBS_QUEUE_URL is not set"):
        services()

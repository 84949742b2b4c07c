"""What the operator's programs rely on in CloudFormation and in Systems Manager's parameter store."""

import json
from collections.abc import Callable
from typing import Any

from deployment.stack import NO_CHANGES
from tests.contract.conformance import AWS, Fact, Subject, ask, eventually, refused

ASKED = ("ministack", AWS)

TEMPLATE = json.dumps({"Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})
"""The cheapest stack there is: its only resource is an address."""


def new_stack(subject: Subject, **arguments: Any) -> str:
    name = subject.new_name("stack")
    cloudformation = subject.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=TEMPLATE, **arguments)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return name


def a_change_set_of_no_changes_fails_in_known_words(subject: Subject) -> None:
    cloudformation = subject.client("cloudformation")
    arn = cloudformation.create_change_set(
        StackName=new_stack(subject), ChangeSetName="same", ChangeSetType="UPDATE", TemplateBody=TEMPLATE
    )["Id"]
    planned = eventually(
        lambda: cloudformation.describe_change_set(ChangeSetName=arn),
        lambda described: not described["Status"].endswith(("_PENDING", "_IN_PROGRESS")),
    )
    assert (planned["Status"], planned["Changes"]) == ("FAILED", [])
    assert any(words in planned["StatusReason"] for words in NO_CHANGES)


def a_protected_stack_is_not_deleted(subject: Subject) -> None:
    name = new_stack(subject, EnableTerminationProtection=True)
    with refused("TerminationProtection is enabled", "ValidationError"):
        subject.client("cloudformation").delete_stack(StackName=name)


def a_parameter_keeps_what_it_was(subject: Subject) -> None:
    ssm, name = subject.client("ssm"), subject.new_name("parameter")
    versions = [
        ssm.put_parameter(Name=name, Type="SecureString", Value=value, Overwrite=True)["Version"]
        for value in ("first", "second")
    ]
    assert versions == [1, 2]
    history = eventually(
        lambda: ssm.get_parameter_history(Name=name, WithDecryption=True)["Parameters"], lambda found: len(found) == 2
    )
    assert [(each["Version"], each["Value"]) for each in history] == [(1, "first"), (2, "second")]
    assert ssm.get_parameter(Name=f"{name}:1", WithDecryption=True)["Parameter"]["Value"] == "first"


def a_parameter_is_made_once(subject: Subject) -> None:
    ssm, name = subject.client("ssm"), subject.new_name("parameter")
    ssm.put_parameter(Name=name, Type="SecureString", Value="first", Overwrite=False)
    with refused("already exists", "ParameterAlreadyExists"):
        ssm.put_parameter(Name=name, Type="SecureString", Value="second", Overwrite=False)


FACTS: list[Fact[Subject]] = [
    Fact(a_change_set_of_no_changes_fails_in_known_words),
    Fact(a_protected_stack_is_not_deleted),
    Fact(a_parameter_keeps_what_it_was),
    Fact(a_parameter_is_made_once),
]


def test_services(subject: Subject, fact: Fact[Subject], record_property: Callable[[str, object], None]) -> None:
    ask(subject, fact, subject, record_property)

"""The programs of a stage as ``make`` runs them, what an emulator has of stages, and templates to roll out."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deployment.emulated import clients
from deployment.packaging import TEMPLATE_NAME
from tests.aws import PROJECT
from tests.e2e.conftest import Finished


def program(name: str, aws: str, /, *, answer: str | None = None, **environment: str) -> Finished:
    """
    Run one of the programs; with an ``answer`` at a terminal, where that is typed.

    What it printed on the terminal is in ``stdout``.
    """
    typed, terminal = pty.openpty()
    try:
        if answer is not None:
            os.write(typed, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", f"deployment.{name}"],
            cwd=PROJECT,
            env={key: value for key, value in os.environ.items() if key != "CI"}
            | {"AWS_ENDPOINT_URL": aws, **({"AWS_PROFILE": "not-on-this-machine"} if aws else {})}
            | environment,
            stdin=subprocess.DEVNULL if answer is None else terminal,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(typed)
        os.close(terminal)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def everything(aws: str) -> dict[str, set[str]]:
    """What an emulator has, by service: all that a stage could leave behind."""
    services = clients(aws).client
    listed: Sequence[tuple[str, str, str, str]] = (
        ("dynamodb", "list_tables", "TableNames", ""),
        ("sqs", "list_queues", "QueueUrls", ""),
        ("lambda", "list_functions", "Functions", "FunctionName"),
        ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        ("apigateway", "get_rest_apis", "items", "id"),
        ("events", "list_rules", "Rules", "Name"),
        ("events", "list_event_buses", "EventBuses", "Name"),
        ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("iam", "list_roles", "Roles", "RoleName"),
        ("sns", "list_topics", "Topics", "TopicArn"),
        ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
        ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        ("s3", "list_buckets", "Buckets", "Name"),
        ("ssm", "describe_parameters", "Parameters", "Name"),
        ("cloudformation", "describe_stacks", "Stacks", "StackName"),
    )
    found = {}
    for service, method, key, name in listed:
        members = getattr(services(service), method)().get(key, [])
        found[f"{service} {key}"] = {str(member[name] if name else member) for member in members}
    return found


def other_template(source: Path, folder: Path, *, add: Mapping[str, Any] = {}, **parameters: Any) -> Path:
    """A copy of a packaged folder with more resources and other ``parameters``."""
    shutil.copytree(source, folder)
    template = json.loads((folder / TEMPLATE_NAME).read_text())
    template["Resources"] |= add
    for name, value in parameters.items():
        template["Parameters"][name]["Default"] = value
    (folder / TEMPLATE_NAME).write_text(json.dumps(template))
    return folder


def that_fails(source: Path, folder: Path) -> Path:
    """A copy of a packaged folder whose template has something that cannot be made."""
    policy = {"PolicyName": "another", "Roles": ["nobody"], "PolicyDocument": {}}
    return other_template(source, folder, add={"Another": {"Type": "AWS::IAM::Policy", "Properties": policy}})

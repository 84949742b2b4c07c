"""
Which deployment an operator's program is for, and how it reaches AWS there.

Of the stage ``local`` it is the emulator at ``AWS_ENDPOINT_URL``, else at ``http://127.0.0.1:4566``, where ``make run``
has its own unless that port was taken. Of any other stage the stack is ``job-backend-<stage>``, in the account and
region that boto3 finds, by the operator's own credentials.
"""

import os
import re
from dataclasses import dataclass
from typing import Any, Protocol, cast

import boto3

from localstack.emulator import DEFAULT_PORT, HOST, is_ready
from localstack.run import prepare_process
from localstack.stack import clients

LOCAL = "local"

_NAME = re.compile("[a-z][a-z0-9-]{0,24}")


class StageError(Exception):
    """There is no such stage, or nothing answers there; the message says what to change."""


class Session(Protocol):
    """What makes clients: boto3's session, or that of an emulator."""

    def client(self, service_name: str, **options: Any) -> Any:  # noqa: ANN401 - boto3's classes are made at run time
        """Return a client of a service."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One deployment, by its name."""

    name: str

    @property
    def stack_name(self) -> str:
        """Return the name of its CloudFormation stack."""
        return f"job-backend-{self.name}"

    def session(self) -> Session:
        """
        Return what makes its clients.

        Raises:
            StageError: It is the local one, and no emulator answers.
        """
        if self.name != LOCAL:
            return cast("Session", boto3.Session())
        prepare_process()
        endpoint = os.environ.get("AWS_ENDPOINT_URL") or f"http://{HOST}:{DEFAULT_PORT}"
        if not is_ready(endpoint):
            message = (
                f"no emulator answers at {endpoint}; set AWS_ENDPOINT_URL to the AWS endpoint that make run prints"
            )
            raise StageError(message)
        return cast("Session", clients(endpoint))


def wanted_stage() -> Stage:
    """
    Return the stage that ``STAGE`` names, the local one if none.

    Raises:
        StageError: No stage can have this name.
    """
    name = os.environ.get("STAGE") or LOCAL
    if not _NAME.fullmatch(name):
        message = f"STAGE must be of the form {_NAME.pattern}, not {name}"
        raise StageError(message)
    return Stage(name=name)

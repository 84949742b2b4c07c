"""
Which deployment an operator's program is for, and how it reaches AWS there.

A stage is the stack ``job-backend-<stage>``, in the account and region that boto3 finds, by the operator's own
credentials; with ``AWS_ENDPOINT_URL``, in the emulator there. The stage ``local`` is never in an account: it is looked
for at ``AWS_ENDPOINT_URL``, else at ``http://127.0.0.1:4566``, where ``make run`` has its own emulator unless that port
was taken.
"""

import os
import re
from dataclasses import dataclass
from typing import Any, Protocol, cast

import boto3

from deployment.emulated import DEFAULT_PORT, HOST, clients, is_aws, is_ready, stay_on_this_machine
from deployment.stack import Stack

LOCAL = "local"
LOOK_AT_EMULATORS_EVERY_S = 0.1
LOOK_AT_AWS_EVERY_S = 2.0
"""CloudFormation refuses callers who ask all the time, and all programs of an account count as one."""

_NAME = re.compile("[a-z]([a-z0-9-]{0,20}[a-z0-9])?")
"""Up to 22 characters, with which the longest name made of it, the bucket's, has the 63 that S3 allows."""

_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?")


class StageError(Exception):
    """There is no such stage, or nothing answers there; the message says what to change."""


class Session(Protocol):
    """What makes clients: boto3's session, or that of an emulator."""

    def client(self, service_name: str, **options: Any) -> Any:  # noqa: ANN401 - boto3's classes are made at run time
        """Return a client of a service."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One deployment, by its name; ``endpoint_url`` is its emulator's, or empty for AWS."""

    name: str
    endpoint_url: str = ""

    @property
    def stack_name(self) -> str:
        """Return the name of its CloudFormation stack."""
        return f"job-backend-{self.name}"

    @property
    def made_by(self) -> str:
        """Return the command that makes its stack."""
        return "make run" if self.name == LOCAL else f"make deploy STAGE={self.name}"

    @property
    def signing_keys_parameter(self) -> str:
        """Return the name of the parameter that has its ring of signing keys."""
        return f"/{self.stack_name}/signing-keys"

    def stack(self) -> Stack:
        """
        Return its stack, whether it is there or not.

        Raises:
            StageError: As `session` does.
        """
        return Stack(
            self.session().client("cloudformation"),
            self.stack_name,
            made_by=self.made_by,
            look_every_s=LOOK_AT_EMULATORS_EVERY_S if self.endpoint_url else LOOK_AT_AWS_EVERY_S,
        )

    def session(self) -> Session:
        """
        Return what makes its clients.

        Raises:
            StageError: It is in an emulator, and none answers; or in AWS, and no region is set.
        """
        if not self.endpoint_url:
            session = boto3.Session()
            if not session.region_name:
                message = "no AWS region is set; set AWS_DEFAULT_REGION, or a region in your AWS profile"
                raise StageError(message)
            return cast("Session", session)
        stay_on_this_machine()
        if not is_ready(self.endpoint_url):
            message = (
                f"no emulator answers at {self.endpoint_url}; set AWS_ENDPOINT_URL to the AWS endpoint that make run"
                " or make emulator prints"
            )
            raise StageError(message)
        return cast("Session", clients(self.endpoint_url))


def wanted_stage() -> Stage:
    """
    Return the stage that ``STAGE`` names, the local one if none.

    Raises:
        StageError: No stage can have this name, or ``AWS_ENDPOINT_URL`` is AWS itself or no address.
    """
    name = os.environ.get("STAGE") or LOCAL
    if not _NAME.fullmatch(name):
        message = f"STAGE must be of the form {_NAME.pattern}, not {name}"
        raise StageError(message)
    endpoint_url = os.environ.get("AWS_ENDPOINT_URL", "")
    if endpoint_url and not _ENDPOINT.fullmatch(endpoint_url):
        message = f"AWS_ENDPOINT_URL must be an emulator's address, such as http://127.0.0.1:4566, not {endpoint_url}"
        raise StageError(message)
    if is_aws(endpoint_url):
        # boto3 would send what is for every other service to that one address too.
        message = f"AWS_ENDPOINT_URL is AWS itself ({endpoint_url}): unset it, AWS is found without it"
        raise StageError(message)
    if name == LOCAL:
        endpoint_url = endpoint_url or f"http://{HOST}:{DEFAULT_PORT}"
    return Stage(name=name, endpoint_url=endpoint_url)


def named_stage() -> Stage:
    """
    Return the stage that ``STAGE`` names, for programs that must not take one for granted.

    Raises:
        StageError: As `wanted_stage`; or ``STAGE`` names none, or the local one, which is made by ``make run`` unless
            ``AWS_ENDPOINT_URL`` says where else.
    """
    name = os.environ.get("STAGE", "")
    if not name:
        message = "say which stage, for example: STAGE=dev"
        raise StageError(message)
    if name == LOCAL and not os.environ.get("AWS_ENDPOINT_URL"):
        message = "the stage local comes and goes with make run; to have it elsewhere, set AWS_ENDPOINT_URL"
        raise StageError(message)
    return wanted_stage()

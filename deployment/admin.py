"""
Make a user an administrator: ``make admin USERNAME=ada STAGE=local``.

The API cannot do it to the first one: it takes the AWS credentials of the operator. The user must be registered, and is
told in its audit trail. Who is an administrator can make others with ``PATCH /users/{username}``.
"""

import os
import sys

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.aws import AwsClients
from chalicelib.adapters.aws_calls import AwsRefusal
from chalicelib.bootstrap import build
from chalicelib.config import ConfigurationError, Settings
from chalicelib.domain.errors import RequestRefused, Unavailable
from deployment.packaging import PackagingError, read_config
from deployment.stack import StackError
from deployment.stages import Stage, StageError, wanted_stage

OUTPUTS = {
    "USERS_TABLE": "UsersTableName",
    "CREDENTIALS_TABLE": "CredentialsTableName",
    "AUDIT_TABLE": "AuditTableName",
    "JOBS_TABLE": "JobsTableName",
    "LIMITS_TABLE": "LimitsTableName",
    "IDEMPOTENCY_TABLE": "IdempotencyTableName",
    "JOBS_QUEUE_URL": "JobsQueueUrl",
    "ERASURES_QUEUE_URL": "ErasuresQueueUrl",
}
"""The settings that name what a stack has made, each with the stack's output that has its value."""


class AdminError(Exception):
    """Nobody was made an administrator; the message says why."""


def settings_of(stage: Stage, outputs: dict[str, str]) -> Settings:
    """
    Return the settings of a deployment: those of ``.chalice/config.json``, and the names that are its own.

    A stage's own settings count before those that all have. A stage that is not in that file has these.

    Raises:
        PackagingError: As `deployment.packaging.read_config`.
        ConfigurationError: The stack lacks an output, so it is of another version.
    """
    config = read_config()
    of_stage = config["stages"].get(stage.name, {}).get("environment_variables", {})
    names = {variable: outputs.get(output, "") for variable, output in OUTPUTS.items()}
    own = {"STACK_NAME": stage.stack_name, "SIGNING_KEYS_PARAMETER": stage.signing_keys_parameter}
    return Settings.from_env({**config["environment_variables"], **of_stage, **names, **own})


def make_admin(username: str) -> bool:
    """
    Make a user of the wanted stage an administrator; return whether it was none before.

    Raises:
        StageError: There is no such stage, or nothing answers there.
        StackError: There is no stack.
        AdminError: There is no such user, it cannot be written, or ``.chalice/config.json`` is not right.
    """
    stage = wanted_stage()
    try:
        session = stage.session()
        settings = settings_of(stage, stage.stack().outputs())
        administration = build(settings, AwsClients(session.client)).administration
        return administration.make_admin(username)
    except ConfigurationError as other:
        message = f"the stack {stage.stack_name} is of another version than this: {other}"
        raise AdminError(message) from other
    except RequestRefused as refused:
        message = f"{username}: {refused}"
        raise AdminError(message) from refused
    except (PackagingError, Unavailable, AwsRefusal, BotoCoreError, ClientError) as error:
        raise AdminError(str(error)) from error


def main() -> int:
    """Make the user that ``USERNAME`` names an administrator and say so; return the exit status."""
    username = os.environ.get("USERNAME", "")
    if not username:
        print("say whom, for example: make admin USERNAME=ada", file=sys.stderr)
        return 1
    try:
        is_new = make_admin(username)
    except KeyboardInterrupt:
        return 1
    except (AdminError, StageError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{username} is an administrator from now on." if is_new else f"{username} is an administrator already.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

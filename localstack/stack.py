"""The product's CloudFormation stack on an emulated AWS."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from localstack_client.session import Session

from chalicelib.adapters.system import SystemPause
from localstack.key_ring import KeyRingStore
from localstack.packaging import TEMPLATE_NAME, ZIP_NAME

STACK_NAME = "job-backend-local"
BUCKET = "job-backend-local-code"
REGION = "us-east-1"
STAGE = "api"
"""Of API Gateway; ``.chalice/config.json`` names it."""
WAIT = {"Delay": 1, "MaxAttempts": 300}
EMULATOR_ACTIONS = {"sqs:SendMessage": "sqs:SendMessageBatch"}
"""
Actions of a policy, each with the name by which MiniStack asks for it besides.

AWS knows the one for both calls and calls the other no action: it is in no policy file, and in an emulator's roles only
(docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html).
"""


class StackError(Exception):
    """The stack could not be made; the message holds the reasons AWS gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedStack:
    """A stack that is up: where its API answers and what its template puts out."""

    api_url: str
    outputs: dict[str, str]


def clients(endpoint_url: str) -> Session:
    """Return a session whose clients talk to an emulator; its account is the emulators' default."""
    host = endpoint_url.partition("://")[2].rstrip("/")
    return Session("test", "test", region_name=REGION, localstack_host=host)


def deploy(session: Session, endpoint_url: str, folder: Path) -> DeployedStack:
    """
    Create the stack from a packaged ``folder``, or update the one that is there.

    The ring of signing keys is made once and stays, so tokens outlive an update.

    Raises:
        StackError: CloudFormation rolled back, or one of the services refused or did not answer.
    """
    try:
        return _deployed(session, endpoint_url, folder)
    except (BotoCoreError, ClientError) as error:
        raise StackError(str(error)) from error


def stack_outputs(session: Any, name: str = STACK_NAME) -> dict[str, str]:  # noqa: ANN401 - boto3's or an emulator's
    """
    Return what the template of the stack puts out.

    Raises:
        StackError: There is no such stack.
    """
    cloudformation = session.client("cloudformation")
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        advice = "; make run creates it" if name == STACK_NAME else ""
        message = f"there is no stack {name} at {cloudformation.meta.endpoint_url}{advice}"
        raise StackError(message) from error
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _deployed(session: Session, endpoint_url: str, folder: Path) -> DeployedStack:
    KeyRingStore(session.client("ssm"), STACK_NAME, SystemPause()).made(at=datetime.now(UTC))
    template = json.loads((folder / TEMPLATE_NAME).read_text())
    session.client("s3").create_bucket(Bucket=BUCKET)
    code = {"Bucket": BUCKET, "Key": _uploaded(session, (folder / ZIP_NAME).read_bytes(), "zip")}
    for resource in template["Resources"].values():
        if resource.get("Type") == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code
        if resource.get("Type") == "AWS::IAM::Role":
            _add_emulator_actions(resource["Properties"])
    template_key = _uploaded(session, json.dumps(template).encode(), "json")
    cloudformation = session.client("cloudformation")
    request = {
        "StackName": STACK_NAME,
        # By its address: in the request itself a template may have 51,200 bytes.
        "TemplateURL": f"{endpoint_url.rstrip('/')}/{BUCKET}/{template_key}",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        cloudformation.create_stack(**request)
        waiter = cloudformation.get_waiter("stack_create_complete")
    except cloudformation.exceptions.AlreadyExistsException:
        waiter = _update(cloudformation, request)
    if waiter is not None:
        try:
            waiter.wait(StackName=STACK_NAME, WaiterConfig=WAIT)
        except WaiterError as failed:
            raise StackError(_reasons(cloudformation)) from failed
    outputs = stack_outputs(session)
    _put_gateway_responses(session, outputs["RestAPIId"], template["Resources"]["RestAPI"]["Properties"])
    api_url = f"{endpoint_url.rstrip('/')}/_aws/execute-api/{outputs['RestAPIId']}/{STAGE}"
    return DeployedStack(api_url=api_url, outputs=outputs)


def _add_emulator_actions(role: dict[str, Any]) -> None:
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            statement["Action"] = [*actions, *(EMULATOR_ACTIONS[name] for name in actions if name in EMULATOR_ACTIONS)]


def _update(cloudformation: Any, request: dict[str, Any]) -> Any:  # noqa: ANN401 - boto3's classes are made at run time
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return None
        raise
    return cloudformation.get_waiter("stack_update_complete")


def _put_gateway_responses(session: Session, api_id: str, api: dict[str, Any]) -> None:
    """
    Put the gateway responses of the template's ``api`` into effect, unless they are.

    On AWS they come with the definition that CloudFormation imports. An emulator may ignore them there, and have them
    when it is asked in API Gateway's own calls; they then count from the next deployment of the stage on.
    """
    apigateway = session.client("apigateway")
    wanted = {
        name: {
            "responseType": name,
            **({"statusCode": response["StatusCode"]} if "StatusCode" in response else {}),
            "responseParameters": {
                f"gatewayresponse.header.{header}": value
                for header, value in response["ResponseParameters"]["Headers"].items()
            },
            "responseTemplates": response["ResponseTemplates"],
        }
        for name, response in api["GatewayResponses"].items()
    }
    present = {each["responseType"]: each for each in apigateway.get_gateway_responses(restApiId=api_id)["items"]}
    if all(response.items() <= present.get(name, {}).items() for name, response in wanted.items()):
        return
    for response in wanted.values():
        apigateway.put_gateway_response(restApiId=api_id, **response)
    apigateway.create_deployment(restApiId=api_id, stageName=STAGE)


def _uploaded(session: Session, content: bytes, kind: str) -> str:
    """Put a file where CloudFormation finds it; return its key, that of its content: no change makes no update."""
    key = f"{hashlib.sha256(content).hexdigest()}.{kind}"
    session.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)
    return key


def _reasons(cloudformation: Any) -> str:  # noqa: ANN401 - boto3's classes are made at run time
    events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("FAILED")]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed)

"""
What is different where an emulator stands in for AWS: how it is reached, and what it leaves out of a template.

Nothing else of this package knows whether it talks to AWS or to MiniStack.
"""

import os
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from localstack_client.session import Session

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
REGION = "us-east-1"

EMULATOR_ACTIONS = {"sqs:SendMessage": "sqs:SendMessageBatch", "sqs:DeleteMessage": "sqs:DeleteMessageBatch"}
"""
Actions of a policy, each with the name by which MiniStack asks for it besides.

AWS knows the one for both calls and calls the other no action: it is in no policy file, and in an emulator's roles only
(docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html).
"""


def is_aws(endpoint_url: str) -> bool:
    """Tell whether an endpoint is AWS itself."""
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith(("amazonaws.com", "amazonaws.com.cn", "api.aws"))


def is_ready(endpoint_url: str) -> bool:
    """Tell whether an emulator answers there; the address of the question is LocalStack's, and MiniStack's too."""
    try:
        with urllib.request.urlopen(f"{endpoint_url.rstrip('/')}/_localstack/health", timeout=2):  # noqa: S310 - an emulator's
            return True
    except (OSError, ValueError):
        return False


def clients(endpoint_url: str) -> Session:
    """Return a session whose clients talk to an emulator; its account is the emulators' default."""
    host = endpoint_url.partition("://")[2].rstrip("/")
    return Session("test", "test", region_name=REGION, localstack_host=host)


def stay_on_this_machine() -> None:
    """Take a profile, which stands for an account of AWS, and proxies from what talks to emulators alone."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "localhost", HOST)))


def add_emulator_actions(template: Mapping[str, Any]) -> None:
    """Let the template's roles do what they may by the emulator's names for it too."""
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for policy in resource["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement.get("Action", [])  # one under a condition has none at its top
                if not set(actions) & set(EMULATOR_ACTIONS):
                    continue
                also = [EMULATOR_ACTIONS[name] for name in actions if name in EMULATOR_ACTIONS]
                statement["Action"] = [*actions, *also]


def emulated_api_url(endpoint_url: str, api_id: str, api_stage: str) -> str:
    """Return where an emulator answers for an API."""
    return f"{endpoint_url.rstrip('/')}/_aws/execute-api/{api_id}/{api_stage}"


def put_gateway_responses(apigateway: Any, api_id: str, api_stage: str, api: Mapping[str, Any]) -> None:  # noqa: ANN401 - boto3's classes are made at run time
    """
    Put the gateway responses of the template's ``api`` into effect, unless they are.

    On AWS they come with the definition that CloudFormation imports. An emulator may ignore them there, and have them
    when it is asked in API Gateway's own calls; they then count from the next deployment of the stage on.
    """
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
    apigateway.create_deployment(restApiId=api_id, stageName=api_stage)

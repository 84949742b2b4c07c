"""The peers' calls of DynamoDB: the limit, the row, the claim and the end; one client, made when a container starts."""

import json
import os
import time
import uuid

import boto3
from botocore.exceptions import ClientError

JOBS_TABLE = os.environ["JOBS_TABLE"]
LIMITS_TABLE = os.environ["LIMITS_TABLE"]
SUBMITS_PER_MINUTE = int(os.environ["SUBMITS_PER_MINUTE"])
LEASE_S = 75

dynamodb = boto3.client("dynamodb")


def is_within_limit(owner_id: str) -> bool:
    """Count one more job of this owner in this minute, if there is room for it."""
    minute = int(time.time()) // 60
    try:
        dynamodb.update_item(
            TableName=LIMITS_TABLE,
            Key={"holder": {"S": f"{owner_id}#{minute}"}},
            UpdateExpression="SET expires_at = :expires ADD taken :one",
            ConditionExpression="attribute_not_exists(taken) OR taken < :limit",
            ExpressionAttributeValues={
                ":expires": {"N": str((minute + 2) * 60)},
                ":one": {"N": "1"},
                ":limit": {"N": str(SUBMITS_PER_MINUTE)},
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def put(owner_id: str, operation: str, data: object) -> str:
    """Store a new job; return its id."""
    job_id = str(uuid.uuid4())
    dynamodb.put_item(
        TableName=JOBS_TABLE,
        Item={
            "owner_id": {"S": owner_id},
            "job_id": {"S": job_id},
            "status": {"S": "PENDING"},
            "operation": {"S": operation},
            "data": {"S": json.dumps(data)},
            "created_at": {"N": str(int(time.time()))},
        },
        ConditionExpression="attribute_not_exists(job_id)",
    )
    return job_id


def claim(owner_id: str, job_id: str) -> tuple[str, list[float]]:
    """Take a job that nobody has; return its operation and data."""
    now = int(time.time())
    answer = dynamodb.update_item(
        TableName=JOBS_TABLE,
        Key={"owner_id": {"S": owner_id}, "job_id": {"S": job_id}},
        UpdateExpression="SET #status = :running, lease_ends_at = :ends ADD attempt :one",
        ConditionExpression="#status = :waiting OR (#status = :running AND lease_ends_at < :now)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={
            ":waiting": {"S": "PENDING"},
            ":running": {"S": "IN_PROGRESS"},
            ":ends": {"N": str(now + LEASE_S)},
            ":now": {"N": str(now)},
            ":one": {"N": "1"},
        },
        ReturnValues="ALL_NEW",
    )
    row = answer["Attributes"]
    return row["operation"]["S"], json.loads(row["data"]["S"])


def finish(owner_id: str, job_id: str, result: object) -> None:
    """Store the result of a job that was claimed."""
    dynamodb.update_item(
        TableName=JOBS_TABLE,
        Key={"owner_id": {"S": owner_id}, "job_id": {"S": job_id}},
        UpdateExpression="SET #status = :done, #result = :result",
        ConditionExpression="#status = :running",
        ExpressionAttributeNames={"#status": "status", "#result": "result"},
        ExpressionAttributeValues={
            ":running": {"S": "IN_PROGRESS"},
            ":done": {"S": "SUCCESS"},
            ":result": {"S": json.dumps(result)},
        },
    )

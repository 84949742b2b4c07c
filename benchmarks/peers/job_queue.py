"""The peers' call of SQS."""

import json
import os

import boto3

QUEUE_URL = os.environ["JOBS_QUEUE_URL"]

sqs = boto3.client("sqs")


def send(owner_id: str, job_id: str) -> None:
    """Send where the job is."""
    sqs.send_message(QueueUrl=QUEUE_URL, MessageBody=json.dumps({"owner_id": owner_id, "job_id": job_id}))

"""The bucket that CloudFormation takes a stage's code and template from."""

import hashlib
from typing import Any

from botocore.exceptions import ClientError

from deployment.stages import Session, Stage

PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class Artifacts:
    """
    What was uploaded for one stage.

    Nothing in it ever expires: CloudFormation rolls a failed change back to the zip of the change before, however long
    ago that was.
    """

    def __init__(self, stage: Stage, session: Session) -> None:
        self._s3 = session.client("s3")
        account = session.client("sts").get_caller_identity()["Account"]
        self._region = self._s3.meta.region_name
        self.bucket = f"{stage.stack_name}-{account}-{self._region}"
        """Named by the account and the region too: all accounts share the names of buckets."""

    def exists(self) -> bool:
        """Tell whether there is the bucket."""
        try:
            self._s3.head_bucket(Bucket=self.bucket)
        except ClientError as missing:
            if missing.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                raise
            return False
        return True

    def make_bucket(self) -> bool:
        """Make the bucket, closed to the public, unless it is there; return whether it was not."""
        if self.exists():
            return False
        # The one region that S3 does not want to be told of.
        location = {"LocationConstraint": self._region} if self._region != "us-east-1" else None
        where: dict[str, Any] = {"CreateBucketConfiguration": location} if location else {}
        self._s3.create_bucket(Bucket=self.bucket, **where)
        self._s3.put_public_access_block(Bucket=self.bucket, PublicAccessBlockConfiguration=PRIVATE)
        return True

    def upload(self, content: bytes, kind: str) -> str:
        """Put a file into the bucket; return its key, that of its content: what has not changed changes no stack."""
        key = f"{hashlib.sha256(content).hexdigest()}.{kind}"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key

    def url(self, key: str) -> str:
        """Return the address by which CloudFormation knows a file."""
        endpoint = self._s3.meta.endpoint_url
        return f"{endpoint.rstrip('/')}/{self.bucket}/{key}"

    def remove(self) -> bool:
        """Remove the bucket and all that is in it; return whether there was one."""
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
                if keys := [{"Key": each["Key"]} for each in page.get("Contents", [])]:
                    self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys})
            self._s3.delete_bucket(Bucket=self.bucket)
        except ClientError as missing:
            if missing.response["Error"]["Code"] != "NoSuchBucket":
                raise
            return False
        return True

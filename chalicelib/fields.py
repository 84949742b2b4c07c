"""Types of fields that bodies have in common, with what the OpenAPI description says of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from chalicelib.domain.jobs import JOB_ID_PATTERN, JobStatus
from chalicelib.domain.webhook_urls import URL_MAX_CHARACTERS


def described(description: str = "", *examples: object, **rules: object) -> msgspec.Meta:
    """
    Return what the OpenAPI description says of a field beside its type.

    ``rules``, words of JSON Schema, are not checked here: a service does, and says what is wrong in its own words.
    """
    words = rules | ({"examples": list(examples)} if examples else {})
    return msgspec.Meta(description=description or None, extra_json_schema=words)


EXAMPLE_USER_ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
EXAMPLE_CREDENTIAL_ID = "7d3b1c64-93f1-4c6e-8a53-5b0f2f6d9e11"
EXAMPLE_REFRESH_TOKEN = "jbr_" + "PyUE4E-JQdOaDAMF6CwzAX07HGST8UxuilNbDy9tnhE" + "A" * 64
EXAMPLE_API_KEY = "jbk_" + "PyUE4E-JQdOaDAMF6CwzAX07HGST8UxuilNbDy9tnhE" + "A" * 43
"""Secrets of nobody: their random parts are zeros."""

EXAMPLE_JOB_ID = "019aa9f2-2d4c-7cc3-8f0e-3d4e5f607182"
JobIdText = Annotated[str, described("", EXAMPLE_JOB_ID, pattern=f"^{JOB_ID_PATTERN}$")]
Data = Annotated[msgspec.Raw, described("What the operation computes with.", [1, 2, 3])]
Result = Annotated[msgspec.Raw, described("What the operation returned; null without a result.", 14)]
Operation = Annotated[str, described("The name of an operation; GET /operations lists them.", "square_sum")]
Instant = Annotated[datetime, described("", "2026-11-24T12:00:00Z", format="date-time")]
Expiry = Annotated[
    datetime,
    described("When its data and its result are gone.", "2026-12-24T12:00:00Z", format="date-time"),
]
UserIdText = Annotated[str, described("", EXAMPLE_USER_ID, format="uuid")]
CredentialIdText = Annotated[str, described("", EXAMPLE_CREDENTIAL_ID, format="uuid")]
Attempt = Annotated[
    int,
    described(
        "Counts all attempts ever, also across cancelling and retrying, so it may exceed max_attempts.",
        1,
    ),
]
NewStatus = Annotated[JobStatus, described("", "PENDING")]
Status = Annotated[JobStatus, described("", "SUCCESS")]
UsernameText = Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["yourname"])]
ErrorCode = Annotated[str, msgspec.Meta(min_length=1, max_length=256, examples=["OPERATION_FAILED"])]
TAGS_MAX = 10
TAG_MAX_CHARACTERS = 64
METADATA_MAX = 16
METADATA_NAME_MAX_CHARACTERS = 64
METADATA_VALUE_MAX_CHARACTERS = 256
"""What a job may carry of its owner's; with the event log it must fit `chalicelib.config.ITEM_REST_BYTES`."""
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=TAG_MAX_CHARACTERS, examples=["nightly"])]
Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=TAGS_MAX, description="To find the job by in lists.")]
Metadata = Annotated[
    dict[
        Annotated[str, msgspec.Meta(min_length=1, max_length=METADATA_NAME_MAX_CHARACTERS)],
        Annotated[str, msgspec.Meta(max_length=METADATA_VALUE_MAX_CHARACTERS)],
    ],
    msgspec.Meta(max_length=METADATA_MAX, description="What the job means to you; it comes back as it was given."),
]
TagsGiven = Annotated[tuple[str, ...], described("The tags it was submitted with.", ["nightly"])]
MetadataGiven = Annotated[
    Mapping[str, str],
    described("The metadata it was submitted with.", {"order": "1742"}),
]
EXAMPLE_URL = "https://example.com/hooks/jobs"
CallbackUrl = Annotated[
    str,
    described(
        "Where the job's end is told, as webhooks are: https, port 443, and a public host.",
        EXAMPLE_URL,
        format="uri",
        maxLength=URL_MAX_CHARACTERS,
    ),
]
CallbackUrlGiven = Annotated[str | None, described("The callback_url it was submitted with.", EXAMPLE_URL)]
NULL = msgspec.Raw(b"null")


def raw(json_text: str | None) -> msgspec.Raw:
    """Return stored JSON text as it is, ``null`` when there is none."""
    return NULL if json_text is None else msgspec.Raw(json_text.encode())

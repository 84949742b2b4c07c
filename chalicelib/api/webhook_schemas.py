"""Bodies of requests and answers about webhooks. The field names are the API's."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from chalicelib.domain.cloud_events import JOB_EVENTS, EventType
from chalicelib.domain.webhook_urls import URL_MAX_CHARACTERS
from chalicelib.domain.webhooks import WEBHOOK_ID_PATTERN, DisabledBecause, Webhook
from chalicelib.fields import Instant, described

EXAMPLE_WEBHOOK_ID: Final = "5b0e2c1a-7f7d-4c1e-9d55-2f1f1c6a4b90"
EXAMPLE_SECRET: Final = "whsec_" + "A" * 43 + "="
"""The secret of nobody: all of its bytes are zeros."""

DESCRIPTION_MAX_CHARACTERS: Final = 200


class JobEventName(StrEnum):
    """What a webhook can subscribe to."""

    SUBMITTED = EventType.SUBMITTED
    STARTED = EventType.STARTED
    RETRYING = EventType.RETRYING
    SUCCEEDED = EventType.SUCCEEDED
    FAILED = EventType.FAILED
    CANCELLED = EventType.CANCELLED


Url = Annotated[
    str,
    described(
        "Where events are sent by POST: https, port 443, a public machine.",
        "https://example.com/hooks/jobs",
        maxLength=URL_MAX_CHARACTERS,
        pattern="^[Hh][Tt][Tt][Pp][Ss]?://",
    ),
]
EventTypes = Annotated[
    tuple[JobEventName, ...],
    msgspec.Meta(
        min_length=1,
        max_length=len(JOB_EVENTS),
        description="What it is told of.",
        examples=[["job.failed", "job.succeeded"]],
    ),
]
Description = Annotated[
    str,
    msgspec.Meta(
        max_length=DESCRIPTION_MAX_CHARACTERS, description="What you know it by.", examples=["the billing service"]
    ),
]
WebhookIdText = Annotated[
    str,
    described(
        "`callbacks` is the one of the jobs' callback URLs.", EXAMPLE_WEBHOOK_ID, pattern=f"^({WEBHOOK_ID_PATTERN})$"
    ),
]
UrlGiven = Annotated[str, described("Empty for `callbacks`: each job has its own.", "https://example.com/hooks/jobs")]
EventTypesGiven = Annotated[Sequence[EventType], described("What it is told of.", ["job.failed", "job.succeeded"])]
DescriptionGiven = Annotated[str, described("", "the billing service")]
IsDisabled = Annotated[bool, described("Whether nothing is sent to it.", False)]  # noqa: FBT003 - an example
Because = Annotated[
    DisabledBecause | None,
    described(
        "`OWNER`: you did it. `GONE`: it answered 410. `ONLY_FAILURES`: for days nothing but failures.",
        None,
    ),
]
DisabledAt = Annotated[Instant | None, described("", None)]
FailingSince = Annotated[Instant | None, described("The first failed attempt since the last success.", None)]
PreviousUntil = Annotated[
    Instant | None, described("Until when the secret before this one signs too; null when none does.", None)
]
ShownSecret = Annotated[
    str, described("What deliveries are signed with, after Standard Webhooks. It is shown this once.", EXAMPLE_SECRET)
]


class WebhookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /webhooks``; without ``event_types`` it is told of everything."""

    url: Url
    event_types: EventTypes = tuple(JobEventName)
    description: Description = ""


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PATCH /webhooks/{webhook_id}``; what is left out stays as it is."""

    url: Url | None = None
    event_types: EventTypes | None = None
    description: Description | None = None
    is_disabled: (
        Annotated[bool, msgspec.Meta(description="Whether nothing is to be sent to it.", examples=[False])] | None
    ) = None


class ShownWebhook(msgspec.Struct, frozen=True):
    """One webhook, without its secret."""

    webhook_id: WebhookIdText
    url: UrlGiven
    event_types: EventTypesGiven
    description: DescriptionGiven
    is_disabled: IsDisabled
    disabled_because: Because
    disabled_at: DisabledAt
    failing_since: FailingSince
    created_at: Instant
    previous_secret_until: PreviousUntil

    @classmethod
    def from_webhook(cls, webhook: Webhook, *, at: datetime) -> "ShownWebhook":
        """Return a webhook as its owner sees it at some moment."""
        return cls(
            webhook_id=webhook.webhook_id,
            url=webhook.url,
            event_types=sorted(webhook.event_types),
            description=webhook.description,
            is_disabled=webhook.is_disabled,
            disabled_because=webhook.disabled_because,
            disabled_at=webhook.disabled_at,
            failing_since=webhook.failing_since,
            created_at=webhook.created_at,
            previous_secret_until=webhook.previous_secret_kept_at(at),
        )


class CreatedWebhook(ShownWebhook, frozen=True):
    """Answer of ``POST /webhooks``: beside that of a rotation, the only one that has a secret."""

    secret: ShownSecret

    @classmethod
    def from_new(cls, webhook: Webhook, *, at: datetime) -> "CreatedWebhook":
        """Return the answer that hands a new webhook's secret out."""
        shown = ShownWebhook.from_webhook(webhook, at=at)
        return cls(**msgspec.structs.asdict(shown), secret=webhook.secret)


class WebhookList(msgspec.Struct, frozen=True):
    """Answer of ``GET /webhooks``: the oldest first."""

    webhooks: Sequence[ShownWebhook]


class NewSecret(msgspec.Struct, frozen=True):
    """Answer of ``POST /webhooks/{webhook_id}/secret``."""

    secret: ShownSecret
    previous_valid_until: PreviousUntil

    @classmethod
    def from_webhook(cls, webhook: Webhook, *, at: datetime) -> "NewSecret":
        """Return the answer that hands another secret out."""
        return cls(secret=webhook.secret, previous_valid_until=webhook.previous_secret_kept_at(at))

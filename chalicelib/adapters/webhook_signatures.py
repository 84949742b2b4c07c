"""Signatures after Standard Webhooks, made by its library."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError


class StandardWebhookSigner:
    """
    A `WebhookSigner` with HMAC-SHA256 over the event's id, the second of the attempt, and the body.

    Source: github.com/standard-webhooks/standard-webhooks, version 1.0.0. A secret is ``whsec_`` and base64.
    """

    def signed_headers(self, *, secrets: Sequence[str], event_id: str, at: datetime, body: str) -> Mapping[str, str]:
        """
        Return the three headers of the specification; the signatures are in the order of the secrets.

        Raises:
            ValueError: There is no secret, or one is none.
        """
        if not secrets:
            message = "an event cannot be signed without a secret"
            raise ValueError(message)
        in_utc = at.astimezone(UTC)  # the library takes any instant's digits for UTC
        signatures = [_webhook(secret).sign(event_id, in_utc, body) for secret in secrets]
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(in_utc.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def _webhook(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        message = "a secret of a webhook is not of the form whsec_ and base64"
        raise ValueError(message) from None

"""Signatures of webhooks, verified by the library that receivers use."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.adapters.system import SystemClock
from chalicelib.adapters.webhook_signatures import StandardWebhookSigner
from chalicelib.webhook_ports import WebhookSigner

CURRENT = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PREVIOUS = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(64, 96))).decode()
BODY = json.dumps({"type": "job.succeeded", "data": {"name": "Zoë"}}, ensure_ascii=False)

SIGNER: WebhookSigner = StandardWebhookSigner()


def signed(*secrets: str, at: datetime | None = None) -> Mapping[str, str]:
    """Headers of now, by the machine's clock, with which the library compares, or of another time."""
    return SIGNER.signed_headers(secrets=secrets, event_id="the-event", at=at or SystemClock().now(), body=BODY)


def verified(secret: str, headers: Mapping[str, str], body: str | bytes = BODY) -> object:
    return Webhook(secret).verify(body, dict(headers))


def test_the_signature_is_that_of_the_specification() -> None:
    """The example in Standard Webhooks' own tests."""
    headers = SIGNER.signed_headers(
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        body='{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_with_the_secret_verifies_what_arrives() -> None:
    assert verified(CURRENT, signed(CURRENT), BODY.encode()) == json.loads(BODY)


def test_with_two_secrets_either_verifies_alone() -> None:
    at = SystemClock().now()
    headers = signed(CURRENT, PREVIOUS, at=at)
    current, previous = headers["webhook-signature"].split(" ")
    assert [current, previous] == [signed(secret, at=at)["webhook-signature"] for secret in (CURRENT, PREVIOUS)]
    for secret in (CURRENT, PREVIOUS):
        assert verified(secret, headers) == json.loads(BODY)
        assert verified(secret, signed(secret)) == json.loads(BODY)


def test_no_other_secret_verifies() -> None:
    for headers in (signed(CURRENT), signed(PREVIOUS), signed(CURRENT, PREVIOUS)):
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            verified(OTHER, headers)


@pytest.mark.parametrize("secret", [CURRENT, PREVIOUS])
def test_what_was_changed_on_the_way_does_not_verify(secret: str) -> None:
    headers = signed(CURRENT, PREVIOUS)
    later = str(int(headers["webhook-timestamp"]) + 1)
    for changed in ({"webhook-id": "another-event"}, {"webhook-timestamp": later}):
        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            verified(secret, {**headers, **changed})
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        verified(secret, headers, BODY.replace("Zoë", "Zoe"))


def test_an_old_attempt_does_not_verify_and_a_new_one_of_the_same_event_does() -> None:
    with pytest.raises(WebhookVerificationError, match="too old"):
        verified(CURRENT, signed(CURRENT, at=SystemClock().now() - timedelta(hours=1)))
    assert signed(CURRENT, at=SystemClock().now() - timedelta(hours=1))["webhook-id"] == signed(CURRENT)["webhook-id"]
    assert verified(CURRENT, signed(CURRENT)) == json.loads(BODY)


def test_an_instant_is_signed_alike_in_every_time_zone_and_by_its_second() -> None:
    at = datetime(2026, 11, 23, 12, 0, 59, 999_000, tzinfo=UTC)
    elsewhere = at.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    assert signed(CURRENT, at=elsewhere) == signed(CURRENT, at=at) == signed(CURRENT, at=at.replace(microsecond=0))


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["whsec_A"], [CURRENT, "whsec_A"], [CURRENT, ""]])
def test_nothing_goes_out_signed_by_less_than_was_asked(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^(an event cannot be signed without|a secret of a webhook is not)") as wrong:
        signed(*secrets)
    assert "whsec_A" not in str(wrong.value)

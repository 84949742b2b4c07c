"""
Items of webhooks, to and from the domain; see `chalicelib.adapters.dynamodb.items`.

Each slot is an attribute of its own, ``slot0`` and so on, so that taking and giving back one write no other.
"""

from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.event_keys import slot_name, webhook_key
from chalicelib.adapters.dynamodb.items import epoch_ms, instant, text
from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.users import UserId
from chalicelib.domain.webhooks import SLOTS, DisabledBecause, Slot, Webhook, WebhookId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.keys import Item


def to_webhook_item(webhook: Webhook) -> "Item":
    """Return the item of a webhook; what it does not have is left out."""
    slots = {slot_name(number): slot_value(slot) for number, slot in webhook.slots.items()}
    return webhook_key(webhook.owner_id, webhook.webhook_id) | to_owned_attributes(webhook) | slots


def to_owned_attributes(webhook: Webhook) -> "Item":
    """Return the attributes of a webhook that are not of its key, and that no attempt holds."""
    item: Item = {
        "event_types": {"L": [text(each) for each in sorted(webhook.event_types)]},
        "secret": text(webhook.secret),
        "token": text(webhook.token),
        "created_at_epoch_ms": epoch_ms(webhook.created_at),
    }
    texts = {
        "url": webhook.url or None,
        "description": webhook.description or None,
        "previous_secret": webhook.previous_secret,
        "disabled_because": webhook.disabled_because,
    }
    item |= {name: text(value) for name, value in texts.items() if value is not None}
    instants = {
        "previous_secret_until_epoch_ms": webhook.previous_secret_until,
        "disabled_at_epoch_ms": webhook.disabled_at,
        "failing_since_epoch_ms": webhook.failing_since,
    }
    return item | {name: epoch_ms(at) for name, at in instants.items() if at is not None}


def from_webhook_item(item: "Mapping[str, AttributeValueTypeDef]") -> Webhook:
    """Return the webhook of an item."""
    slots = {number: item[slot_name(number)]["M"] for number in range(SLOTS) if slot_name(number) in item}
    until = "previous_secret_until_epoch_ms"
    return Webhook(
        owner_id=UserId(item["owner_id"]["S"]),
        webhook_id=WebhookId(item["webhook_id"]["S"]),
        url=item["url"]["S"] if "url" in item else "",
        event_types=frozenset(EventType(each["S"]) for each in item["event_types"]["L"]),
        description=item["description"]["S"] if "description" in item else "",
        secret=item["secret"]["S"],
        token=item["token"]["S"],
        created_at=instant(item["created_at_epoch_ms"]),
        previous_secret=item["previous_secret"]["S"] if "previous_secret" in item else None,
        previous_secret_until=instant(item[until]) if until in item else None,
        disabled_because=DisabledBecause(item["disabled_because"]["S"]) if "disabled_because" in item else None,
        disabled_at=instant(item["disabled_at_epoch_ms"]) if "disabled_at_epoch_ms" in item else None,
        failing_since=instant(item["failing_since_epoch_ms"]) if "failing_since_epoch_ms" in item else None,
        slots={number: _slot(held) for number, held in slots.items()},
    )


def _slot(held: "Mapping[str, AttributeValueTypeDef]") -> Slot:
    return Slot(
        delivery_id=held["delivery_id"]["S"],
        until=instant(held["until_epoch_ms"]),
        token=held["token"]["S"] if "token" in held else "",
    )


def slot_value(slot: Slot) -> "AttributeValueTypeDef":
    """Return a slot as a map."""
    value = {"delivery_id": text(slot.delivery_id), "until_epoch_ms": epoch_ms(slot.until)}
    return {"M": value | {"token": text(slot.token)} if slot.token else value}

"""Deliveries of the caller's webhooks: what became of them, a test, and replays."""

import json
from typing import Annotated
from uuid import UUID

import msgspec
from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.delivery_schemas import (
    CURSOR_MAX_CHARACTERS,
    AcceptedDelivery,
    DeliveryList,
    ListedDelivery,
    ReplayAnswer,
    ReplayRequest,
    WholeDelivery,
)
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.paging import next_link, opened_cursor, sealed_cursor
from chalicelib.api.problems import InvalidParameter
from chalicelib.api.query import query_of
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.errors import Conflict, Expired, InvalidInput, NotFound
from chalicelib.domain.job_filters import JobFilter
from chalicelib.domain.webhook_deliveries import DeliveryId, DeliveryStatus

PAGE_DEFAULT = 20
PAGE_MAX = 100


class DeliveriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /webhooks/{webhook_id}/deliveries``."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX, description="The most deliveries that the page has.")] = (
        PAGE_DEFAULT
    )
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=CURSOR_MAX_CHARACTERS,
                description="The `next_cursor` of the page before, to go on after it; the status must be the same.",
            ),
        ]
        | None
    ) = None
    status: Annotated[DeliveryStatus, msgspec.Meta(description="Only deliveries in this status.")] | None = None


def list_deliveries(call: Call) -> Response:
    """Return a page of a webhook's deliveries."""
    query = query_of(call, DeliveriesQuery)
    webhook_id = call.parameter("webhook_id")
    wanted = json.dumps(["deliveries", webhook_id, query.status])
    opened = opened_cursor(call, query.cursor, wanted, same="status")
    after = None if opened is None else DeliveryId(opened)
    page = call.services.webhook_deliveries.page(
        call.user_id, webhook_id, status=query.status, limit=query.limit, after=after
    )
    next_cursor = sealed_cursor(call, page.next_after, wanted)
    listed = [ListedDelivery.from_delivery(each) for each in page.deliveries]
    return json_response(DeliveryList(deliveries=listed, next_cursor=next_cursor), headers=next_link(call, next_cursor))


def show_delivery(call: Call) -> Response:
    """Return a delivery."""
    delivery = call.services.webhook_deliveries.get(
        call.user_id, call.parameter("webhook_id"), call.parameter("delivery_id")
    )
    return json_response(WholeDelivery.from_delivery(delivery))


def test_webhook(call: Call) -> Response:
    """Have a test event sent."""
    delivery = call.services.webhook_deliveries.test(call.user_id, call.parameter("webhook_id"))
    location = f"{call.path.removesuffix('/test')}/deliveries/{delivery.key.delivery_id}"
    return json_response(AcceptedDelivery.from_delivery(delivery), status=202, headers={"Location": location})


def replay_delivery(call: Call) -> Response:
    """Have an event sent again."""
    delivery = call.services.webhook_deliveries.replay(
        call.user_id, call.parameter("webhook_id"), call.parameter("delivery_id")
    )
    headers = {"Location": call.path.removesuffix("/replay")}
    return json_response(AcceptedDelivery.from_delivery(delivery), status=202, headers=headers)


def replay_deliveries(call: Call) -> Response:
    """Have events sent again, from a time on."""
    asked = json_body(call, ReplayRequest)
    webhook_id = call.parameter("webhook_id")
    # Of a delivery's id, too, the first 48 bits are a millisecond.
    first = DeliveryId(JobFilter(created_after=asked.since).ids.first)
    wanted = json.dumps(["replay", webhook_id, first, asked.status])
    if asked.cursor is not None:
        after = call.services.cursors.opened(asked.cursor, owner_id=call.user_id, wanted=wanted)
        if after is None:
            detail = "expected the next_cursor of an earlier answer to the same request; begin again without it"
            raise InvalidInput(detail, pointer="#/cursor")
        first = _following(DeliveryId(after))
    replayed = call.services.webhook_deliveries.replay_since(call.user_id, webhook_id, first=first, status=asked.status)
    next_cursor = sealed_cursor(call, replayed.next_after, wanted)
    return json_response(ReplayAnswer(replayed=replayed.count, next_cursor=next_cursor), status=202)


def _following(delivery_id: DeliveryId) -> DeliveryId:
    """Return the first id that sorts behind one."""
    return DeliveryId(str(UUID(int=UUID(delivery_id).int + 1)))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/webhooks/{webhook_id}/test",
        tag="Webhooks",
        summary="Have a `webhook.test` event sent",
        handler=test_webhook,
        access=Access.SUBMIT,
        answers={202: AcceptedDelivery},
        gives=("Location",),
        refusals=(NotFound, Conflict),
    ),
    Endpoint(
        method="GET",
        path="/webhooks/{webhook_id}/deliveries",
        tag="Webhooks",
        summary="What was sent to a webhook, newest first, with every attempt's status and duration",
        handler=list_deliveries,
        access=Access.READ,
        query=DeliveriesQuery,
        answers={200: DeliveryList},
        gives=("Link",),
        refusals=(InvalidParameter, NotFound),
    ),
    Endpoint(
        method="GET",
        path="/webhooks/{webhook_id}/deliveries/{delivery_id}",
        tag="Webhooks",
        summary="One delivery: what is sent, and every attempt",
        handler=show_delivery,
        access=Access.READ,
        answers={200: WholeDelivery},
        refusals=(NotFound, Expired),
    ),
    Endpoint(
        method="POST",
        path="/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        tag="Webhooks",
        summary="Send an event again, with the id it had and a fresh set of attempts",
        handler=replay_delivery,
        access=Access.SUBMIT,
        answers={202: AcceptedDelivery},
        gives=("Location",),
        refusals=(NotFound, Expired, Conflict),
    ),
    Endpoint(
        method="POST",
        path="/webhooks/{webhook_id}/replay",
        tag="Webhooks",
        summary="Send all events since a time again, oldest first, 100 a call",
        handler=replay_deliveries,
        access=Access.SUBMIT,
        body=ReplayRequest,
        answers={202: ReplayAnswer},
        refusals=(NotFound, Conflict),
    ),
)

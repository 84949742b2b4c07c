"""Webhooks: where the caller is told of what becomes of jobs."""

from chalice.app import Response

from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.requests import json_body, json_response
from chalicelib.api.webhook_schemas import (
    CreatedWebhook,
    NewSecret,
    ShownWebhook,
    WebhookChange,
    WebhookList,
    WebhookRequest,
)
from chalicelib.domain.cloud_events import EventType
from chalicelib.domain.errors import Conflict, NotFound


def create_webhook(call: Call) -> Response:
    """Make a webhook."""
    wanted = json_body(call, WebhookRequest)
    webhook = call.services.webhooks.create(
        call.caller,
        url=wanted.url,
        event_types=[EventType(each) for each in wanted.event_types],
        description=wanted.description,
        address=call.address,
    )
    return json_response(CreatedWebhook.from_new(webhook, at=call.services.clock.now()), status=201)


def list_webhooks(call: Call) -> Response:
    """Return the caller's webhooks."""
    now = call.services.clock.now()
    listed = [ShownWebhook.from_webhook(each, at=now) for each in call.services.webhooks.all_of(call.user_id)]
    return json_response(WebhookList(webhooks=listed))


def show_webhook(call: Call) -> Response:
    """Return a webhook."""
    webhook = call.services.webhooks.get(call.user_id, call.parameter("webhook_id"))
    return json_response(ShownWebhook.from_webhook(webhook, at=call.services.clock.now()))


def change_webhook(call: Call) -> Response:
    """Change a webhook, or disable or enable it."""
    wanted = json_body(call, WebhookChange)
    webhook = call.services.webhooks.change(
        call.caller,
        call.parameter("webhook_id"),
        url=wanted.url,
        event_types=None if wanted.event_types is None else [EventType(each) for each in wanted.event_types],
        description=wanted.description,
        is_disabled=wanted.is_disabled,
        address=call.address,
    )
    return json_response(ShownWebhook.from_webhook(webhook, at=call.services.clock.now()))


def delete_webhook(call: Call) -> Response:
    """Delete a webhook."""
    call.services.webhooks.delete(call.caller, call.parameter("webhook_id"), address=call.address)
    return Response(body="", status_code=204)


def rotate_webhook_secret(call: Call) -> Response:
    """Give a webhook another secret."""
    webhook = call.services.webhooks.rotate_secret(call.caller, call.parameter("webhook_id"), address=call.address)
    return json_response(NewSecret.from_webhook(webhook, at=call.services.clock.now()), status=201)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/webhooks",
        tag="Webhooks",
        summary="Have events of the caller's jobs sent to a URL; their secret is shown this once",
        handler=create_webhook,
        access=Access.ACCOUNT,
        body=WebhookRequest,
        answers={201: CreatedWebhook},
        refusals=(Conflict,),
    ),
    Endpoint(
        method="GET",
        path="/webhooks",
        tag="Webhooks",
        summary="The caller's webhooks, oldest first",
        handler=list_webhooks,
        access=Access.READ,
        answers={200: WebhookList},
    ),
    Endpoint(
        method="GET",
        path="/webhooks/{webhook_id}",
        tag="Webhooks",
        summary="A webhook: where it leads, and whether it is disabled or failing",
        handler=show_webhook,
        access=Access.READ,
        answers={200: ShownWebhook},
        refusals=(NotFound,),
    ),
    Endpoint(
        method="PATCH",
        path="/webhooks/{webhook_id}",
        tag="Webhooks",
        summary="Change a webhook, disable it, or enable it again",
        handler=change_webhook,
        access=Access.ACCOUNT,
        body=WebhookChange,
        answers={200: ShownWebhook},
        refusals=(NotFound, Conflict),
    ),
    Endpoint(
        method="DELETE",
        path="/webhooks/{webhook_id}",
        tag="Webhooks",
        summary="Delete a webhook",
        handler=delete_webhook,
        access=Access.ACCOUNT,
        answers={204: None},
        refusals=(NotFound, Conflict),
    ),
    Endpoint(
        method="POST",
        path="/webhooks/{webhook_id}/secret",
        tag="Webhooks",
        summary="Give a webhook another secret, which is shown this once; the one before it signs too for 24 hours",
        handler=rotate_webhook_secret,
        access=Access.ACCOUNT,
        answers={201: NewSecret},
        refusals=(NotFound, Conflict),
    ),
)

"""API keys: made by a user, used by a machine."""

from datetime import timedelta

from chalice.app import Response

from chalicelib.api.account_schemas import ApiKeyList, CreatedApiKey, ListedApiKey
from chalicelib.api.call import Access, Call
from chalicelib.api.endpoint import Endpoint
from chalicelib.api.forms import ApiKeyRequest
from chalicelib.api.requests import json_body, json_response
from chalicelib.domain.credentials import Scope
from chalicelib.domain.errors import Conflict, NotFound, SignInTooOld


def create_api_key(call: Call) -> Response:
    """Make a key."""
    wanted = json_body(call, ApiKeyRequest)
    new = call.services.api_keys.create(
        call.caller,
        name=wanted.name,
        scopes=[Scope(scope) for scope in wanted.scopes],
        lifetime=timedelta(days=wanted.expires_in_days),
        address=call.address,
    )
    return json_response(CreatedApiKey.from_new(new), status=201)


def list_api_keys(call: Call) -> Response:
    """Return the caller's keys."""
    listed = [ListedApiKey.from_key(each) for each in call.services.api_keys.all_of(call.caller)]
    return json_response(ApiKeyList(api_keys=listed))


def delete_api_key(call: Call) -> Response:
    """Delete a key."""
    call.services.api_keys.delete(call.caller, call.parameter("key_id"), address=call.address)
    return Response(body="", status_code=204)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/api-keys",
        tag="Accounts",
        summary="Make an API key, which is shown this once; for sessions of less than 15 minutes",
        handler=create_api_key,
        access=Access.ACCOUNT,
        body=ApiKeyRequest,
        answers={201: CreatedApiKey},
        refusals=(SignInTooOld, Conflict),
    ),
    Endpoint(
        method="GET",
        path="/api-keys",
        tag="Accounts",
        summary="The caller's API keys, newest first",
        handler=list_api_keys,
        access=Access.ACCOUNT,
        answers={200: ApiKeyList},
    ),
    Endpoint(
        method="DELETE",
        path="/api-keys/{key_id}",
        tag="Accounts",
        summary="Delete an API key",
        handler=delete_api_key,
        access=Access.ACCOUNT,
        answers={204: None},
        refusals=(NotFound,),
    ),
)

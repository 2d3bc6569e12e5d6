"""The operations of Adyen's Management API v3 that configure a standard webhook.

Source: Adyen's OpenAPI file of Management; the errors have the format of RFC 7807. This API
cannot create a token webhook, so a control of the twin configures it. The twin has only one
standard webhook; this API and the control both change it. GUESS: the errorCodes.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, Router, delete, get, patch, post

from adyen_twin.core import names
from adyen_twin.core.state import Endpoint, EndpointName
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import (
    HttpRequest,
    HttpResponse,
    NotJsonError,
    as_json,
    has_api_key,
    is_web_address,
    parse_json,
)
from adyen_twin.webhooks import sample_notifications

STANDARD: Final[EndpointName] = "standard"
#: The id of the only standard webhook.
WEBHOOK_ID: Final = "S2-54574E4B4153"
#: The HTTP status of the answer to an invalid field.
INVALID: Final = 422

Username = Annotated[str, msgspec.Meta(max_length=255)]


class ManagementError(Exception):
    """An error answer, in the format of RFC 7807."""

    def __init__(self, status: int, title: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.body: dict[str, Any] = {
            "type": "https://docs.adyen.com/errors/general",
            "title": title,
            "status": status,
            "detail": detail,
            "requestId": names.psp_reference(),
            "errorCode": "30_031" if status == INVALID else f"00_{status}",
        }
        if field is not None:
            self.body["invalidFields"] = [{"name": field, "value": "", "message": detail}]


class AdditionalSettings(msgspec.Struct, rename="camel"):
    """The events to send in addition to the default ones; `properties` is ignored."""

    include_event_codes: list[str] | None = None
    properties: dict[str, bool] = {}


class WebhookChange(msgspec.Struct, rename="camel", kw_only=True):
    """The new values of a webhook; a missing field does not change."""

    url: str | None = None
    active: bool | None = None
    communication_format: Literal["json"] | None = None
    username: Username | None = None
    password: str | None = None
    additional_settings: AdditionalSettings | None = None


class NewWebhook(WebhookChange, kw_only=True):
    """A webhook to create."""

    type: Literal["standard"]
    url: str
    active: bool
    communication_format: Literal["json"]


class EventTypes(msgspec.Struct):
    """The events to send test notifications for."""

    types: list[str] = []


@get("/me")
async def get_me(request: HttpRequest) -> HttpResponse:
    """Describe the credential of the API key."""
    _authenticate(request)
    return as_json(
        {
            "id": "S2-6A6573746572",
            "username": "ws@Company.Twin",
            "clientKey": "test_TWIN",
            "allowedIpAddresses": [],
            "roles": ["Management API—Webhooks read and write", "Checkout webservice role"],
            "active": True,
            "companyName": "Twin",
        }
    )


@get("/merchants/{merchantId:str}/webhooks")
async def get_webhooks(request: HttpRequest) -> HttpResponse:
    """List the webhooks; there is at most one."""
    _authenticate(request)
    webhooks = [_webhook_body(request)] if STANDARD in request.twin.state.endpoints else []
    return as_json({"itemsTotal": len(webhooks), "pagesTotal": 1, "data": webhooks})


@post("/merchants/{merchantId:str}/webhooks", status_code=200)
async def post_webhook(request: HttpRequest) -> HttpResponse:
    """Create the standard webhook; it is not signed until a key is generated."""
    _authenticate(request)
    if STANDARD in request.twin.state.endpoints:
        raise ManagementError(INVALID, "Invalid", "The twin has only one standard webhook", "type")
    new = _parse(await request.body(), NewWebhook)
    _check_address(new.url)
    request.twin.state.endpoints[STANDARD] = Endpoint(url=new.url, hmac_key=None)
    _change(request.twin, new)
    return as_json(_webhook_body(request))


@get("/merchants/{merchantId:str}/webhooks/{webhookId:str}")
async def get_webhook(request: HttpRequest) -> HttpResponse:
    """Show a webhook."""
    _find(request)
    return as_json(_webhook_body(request))


@patch("/merchants/{merchantId:str}/webhooks/{webhookId:str}")
async def patch_webhook(request: HttpRequest) -> HttpResponse:
    """Change a webhook."""
    _find(request)
    _change(request.twin, _parse(await request.body(), WebhookChange))
    return as_json(_webhook_body(request))


@delete("/merchants/{merchantId:str}/webhooks/{webhookId:str}", status_code=200)
async def delete_webhook(request: HttpRequest) -> HttpResponse:
    """Delete the webhook and its queue."""
    _find(request)
    request.twin.remove_endpoint(STANDARD)
    return Response(b"", status_code=204)


@post("/merchants/{merchantId:str}/webhooks/{webhookId:str}/generateHmac", status_code=200)
async def post_hmac(request: HttpRequest) -> HttpResponse:
    """Generate the key that signs later notifications; the old key becomes the previous key."""
    endpoint = _find(request)
    endpoint.previous_hmac_key = endpoint.hmac_key
    endpoint.hmac_key = secrets.token_hex(32).upper()
    return as_json({"hmacKey": endpoint.hmac_key})


@post("/merchants/{merchantId:str}/webhooks/{webhookId:str}/test", status_code=200)
async def post_test(request: HttpRequest) -> HttpResponse:
    """Send test notifications."""
    endpoint = _find(request)
    test = _parse(await request.body(), EventTypes)
    if not test.types:
        raise ManagementError(INVALID, "Invalid", "Name the event types to test", "types")
    twin, sender = request.twin, request.engine.sender
    return as_json(await sample_notifications.send(twin, sender, endpoint, test.types))


def router() -> Router:
    """Return the Management API."""
    handlers = [
        get_me,
        get_webhooks,
        post_webhook,
        get_webhook,
        patch_webhook,
        delete_webhook,
        post_hmac,
        post_test,
    ]
    return Router("/v3", route_handlers=handlers)


def _authenticate(request: HttpRequest) -> None:
    if not has_api_key(request):
        raise ManagementError(401, "Unauthorized", "The X-API-Key is missing or wrong")
    merchant = request.path_params.get("merchantId", request.twin.settings.merchant_account)
    if merchant != request.twin.settings.merchant_account:
        raise ManagementError(403, "Forbidden", "This key has no access to that merchant account")


def _find(request: HttpRequest) -> Endpoint:
    """Check the API key and the ids in the path; return the endpoint of the webhook."""
    _authenticate(request)
    endpoint = request.twin.state.endpoints.get(STANDARD)
    if endpoint is None or request.path_part("webhookId") != WEBHOOK_ID:
        raise ManagementError(404, "Not found", "There is no such webhook")
    return endpoint


def _parse(raw: bytes, kind: type[Any]) -> Any:
    try:
        return parse_json(raw, kind)
    except msgspec.ValidationError as error:
        raise ManagementError(INVALID, "Invalid", str(error)) from None
    except NotJsonError as error:
        raise ManagementError(400, "Bad request", f"The body is not JSON: {error}") from None


def _change(twin: Twin, change: WebhookChange) -> None:
    endpoint = twin.state.endpoints[STANDARD]
    if change.url is not None:
        _check_address(change.url)
        endpoint.url = change.url
    if change.active is not None:
        endpoint.active = change.active
    if change.username is not None:
        endpoint.username = change.username
    if change.password is not None:
        endpoint.password = change.password
    settings = change.additional_settings
    if settings is not None and settings.include_event_codes is not None:
        twin.knobs = msgspec.structs.replace(
            twin.knobs, extra_events=list(settings.include_event_codes)
        )


def _check_address(url: str) -> None:
    if not is_web_address(url):
        raise ManagementError(INVALID, "Invalid", "Not an http or https address", "url")


def _webhook_body(request: HttpRequest) -> dict[str, Any]:
    twin = request.twin
    endpoint = twin.state.endpoints[STANDARD]
    body: dict[str, Any] = {
        "id": WEBHOOK_ID,
        "type": STANDARD,
        "url": endpoint.url,
        "active": endpoint.active,
        "communicationFormat": "json",
        "accountReference": twin.settings.merchant_account,
        "hasPassword": endpoint.password is not None,
        "hasError": any(webhook.tries for webhook in twin.state.queues.get(STANDARD, [])),
        "additionalSettings": {"includeEventCodes": twin.knobs.extra_events},
    }
    return body | ({"username": endpoint.username} if endpoint.username is not None else {})

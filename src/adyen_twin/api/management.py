"""Adyen's Management API v3, as far as a shop sets up its standard webhook by it.

Source: Adyen's OpenAPI file of Management; its errors are RFC 7807. The token webhook is
not among the types it can make, so that one is set by the twin's own control. The twin
has one standard webhook, which either way of setting it changes. GUESS: the errorCodes.
"""

import secrets
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, Router, delete, get, patch, post

from adyen_twin.api import sample_notifications
from adyen_twin.api.http import (
    HttpRequest,
    HttpResponse,
    NotJsonError,
    as_json,
    bears_key,
    json_of,
    web_address,
)
from adyen_twin.core import names
from adyen_twin.core.state import Endpoint
from adyen_twin.core.twin import Twin

STANDARD: Final = "standard"
WEBHOOK_ID: Final = "S2-54574E4B4153"
Username = Annotated[str, msgspec.Meta(max_length=255)]


class ManagementError(Exception):
    """An answer other than success, as a problem of RFC 7807."""

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


INVALID: Final = 422


class AdditionalSettings(msgspec.Struct, rename="camel"):
    """Events beyond the default ones; the properties are taken and not acted on."""

    include_event_codes: list[str] | None = None
    properties: dict[str, bool] = {}


class Changed(msgspec.Struct, rename="camel", kw_only=True):
    """What a webhook is to become; what is not named stays."""

    url: str | None = None
    active: bool | None = None
    communication_format: Literal["json"] | None = None
    username: Username | None = None
    password: str | None = None
    additional_settings: AdditionalSettings | None = None


class Wanted(Changed, kw_only=True):
    """A webhook to make."""

    type: Literal["standard"]
    url: str
    active: bool
    communication_format: Literal["json"]


class Tested(msgspec.Struct):
    """Which events to test."""

    types: list[str] = []


@get("/me")
async def get_me(request: HttpRequest) -> HttpResponse:
    """Say whose key this is."""
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
    """List the webhooks: none or one."""
    _authenticate(request)
    found = [_told(request)] if STANDARD in request.twin.state.endpoints else []
    return as_json({"itemsTotal": len(found), "pagesTotal": 1, "data": found})


@post("/merchants/{merchantId:str}/webhooks", status_code=200)
async def post_webhook(request: HttpRequest) -> HttpResponse:
    """Make the standard webhook; until a key is generated, it is unsigned."""
    _authenticate(request)
    if STANDARD in request.twin.state.endpoints:
        raise ManagementError(INVALID, "Invalid", "The twin has its one standard webhook", "type")
    wanted = _read(await request.body(), Wanted)
    _check_address(wanted.url)
    request.twin.state.endpoints[STANDARD] = Endpoint(url=wanted.url, hmac_key=None)
    _change(request.twin, wanted)
    return as_json(_told(request))


@get("/merchants/{merchantId:str}/webhooks/{webhookId:str}")
async def get_webhook(request: HttpRequest) -> HttpResponse:
    """Show a webhook."""
    _found(request)
    return as_json(_told(request))


@patch("/merchants/{merchantId:str}/webhooks/{webhookId:str}")
async def patch_webhook(request: HttpRequest) -> HttpResponse:
    """Change a webhook."""
    _found(request)
    _change(request.twin, _read(await request.body(), Changed))
    return as_json(_told(request))


@delete("/merchants/{merchantId:str}/webhooks/{webhookId:str}", status_code=200)
async def delete_webhook(request: HttpRequest) -> HttpResponse:
    """Remove a webhook, and what is queued for it."""
    _found(request)
    request.twin.state.endpoints.pop(STANDARD)
    request.twin.state.queues.pop(STANDARD, None)
    return Response(b"", status_code=204)


@post("/merchants/{merchantId:str}/webhooks/{webhookId:str}/generateHmac", status_code=200)
async def post_hmac(request: HttpRequest) -> HttpResponse:
    """Make a new key; from now on notices are sealed with it, and the old one is the previous."""
    endpoint = _found(request)
    endpoint.previous_hmac_key = endpoint.hmac_key
    endpoint.hmac_key = secrets.token_hex(32).upper()
    return as_json({"hmacKey": endpoint.hmac_key})


@post("/merchants/{merchantId:str}/webhooks/{webhookId:str}/test", status_code=200)
async def post_test(request: HttpRequest) -> HttpResponse:
    """Send test notifications."""
    endpoint = _found(request)
    tested = _read(await request.body(), Tested)
    if not tested.types:
        raise ManagementError(INVALID, "Invalid", "Say which event types to test", "types")
    return as_json(
        await sample_notifications.run(request.twin, request.engine, endpoint, tested.types)
    )


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
    if not bears_key(request):
        raise ManagementError(401, "Unauthorized", "The X-API-Key is missing or wrong")
    merchant = request.path_params.get("merchantId", request.twin.settings.merchant_account)
    if merchant != request.twin.settings.merchant_account:
        raise ManagementError(403, "Forbidden", "This key may not see that merchant account")


def _found(request: HttpRequest) -> Endpoint:
    _authenticate(request)
    endpoint = request.twin.state.endpoints.get(STANDARD)
    if endpoint is None or request.path_part("webhookId") != WEBHOOK_ID:
        raise ManagementError(404, "Not found", "There is no such webhook")
    return endpoint


def _read(raw: bytes, kind: type[Any]) -> Any:
    try:
        return json_of(raw, kind)
    except msgspec.ValidationError as error:
        raise ManagementError(INVALID, "Invalid", str(error)) from None
    except NotJsonError as error:
        raise ManagementError(400, "Bad request", f"The body is not JSON: {error}") from None


def _change(twin: Twin, changed: Changed) -> None:
    endpoint = twin.state.endpoints[STANDARD]
    if changed.url is not None:
        _check_address(changed.url)
        endpoint.url = changed.url
    if changed.active is not None:
        endpoint.active = changed.active
    if changed.username is not None:
        endpoint.username = changed.username
    if changed.password is not None:
        endpoint.password = changed.password
    settings = changed.additional_settings
    if settings is not None and settings.include_event_codes is not None:
        twin.knobs = msgspec.structs.replace(
            twin.knobs, extra_events=list(settings.include_event_codes)
        )


def _check_address(url: str) -> None:
    if not web_address(url):
        raise ManagementError(INVALID, "Invalid", "Not an http or https address", "url")


def _told(request: HttpRequest) -> dict[str, Any]:
    twin = request.twin
    endpoint = twin.state.endpoints[STANDARD]
    told: dict[str, Any] = {
        "id": WEBHOOK_ID,
        "type": STANDARD,
        "url": endpoint.url,
        "active": endpoint.active,
        "communicationFormat": "json",
        "accountReference": twin.settings.merchant_account,
        "hasPassword": endpoint.password is not None,
        "hasError": any(notice.tries for notice in twin.state.queues.get(STANDARD, [])),
        "additionalSettings": {"includeEventCodes": twin.knobs.extra_events},
    }
    return told | ({"username": endpoint.username} if endpoint.username is not None else {})

"""The webhooks of a merchant account in the Management API.

This API cannot create a token webhook, so a control of the twin configures that. The webhook
that PUT /twin/webhooks/standard configures is one of these webhooks.

Source: Adyen's OpenAPI file of Management. GUESS: that the key's check value is the start of an
HMAC under the key (the knob `keyCheckValue`), that a changed `includeEventCodes` replaces the
earlier list (`patchedEvents`), that a missing one includes none, and that a test sends to a
webhook that is not active.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, delete, get, patch, post

from adyen_twin.api.management_calls import (
    INVALID,
    ManagementError,
    authenticate,
    page,
    parse,
)
from adyen_twin.core import names, roles
from adyen_twin.core.endpoints import is_web_address
from adyen_twin.core.state import (
    ENDPOINT_NAMES,
    TOKENS,
    CommunicationFormat,
    Endpoint,
    EndpointName,
)
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.webhooks import outbox, sample_notifications

Username = Annotated[str, msgspec.Meta(max_length=255)]
WebhookType = Literal[
    "standard",
    "account-settings-notification",
    "banktransfer-notification",
    "boletobancario-notification",
    "directdebit-notification",
    "ach-notification-of-change-notification",
    "direct-debit-notice-of-change-notification",
    "pending-notification",
    "ideal-notification",
    "ideal-pending-notification",
    "report-notification",
    "rreq-notification",
    "terminal-settings",
    "terminal-boarding",
]
TestType = Literal[
    "AUTHORISATION",
    "CHARGEBACK_REVERSED",
    "ORDER_CLOSED",
    "ORDER_OPENED",
    "PAIDOUT_REVERSED",
    "PAYOUT_THIRDPARTY",
    "REFUNDED_REVERSED",
    "REFUND_WITH_DATA",
    "REPORT_AVAILABLE",
    "CUSTOM",
]
CHECK_VALUE_DIGITS: Final = 6


class Model(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A body, or a part of one; a field that the schema does not name is refused."""


class AdditionalSettings(Model):
    """The events to send in addition to the default ones; `properties` is only stored."""

    include_event_codes: list[str] | None = None
    properties: dict[str, bool] = {}


class WebhookChange(Model):
    """The new values of a webhook; a missing field does not change."""

    url: str | None = None
    active: bool | None = None
    communication_format: CommunicationFormat | None = None
    username: Username | None = None
    password: str | None = None
    additional_settings: AdditionalSettings | None = None
    # The twin only stores these.
    description: str | None = None
    encryption_protocol: Literal["HTTP", "TLSv1.2", "TLSv1.3"] | None = None
    network_type: Literal["local", "public"] | None = None
    accepts_expired_certificate: bool | None = None
    accepts_self_signed_certificate: bool | None = None
    accepts_untrusted_root_certificate: bool | None = None
    populate_soap_action_header: bool | None = None


#: The fields of a WebhookChange that the twin only stores, by their names in JSON.
STORED_FIELDS: Final = (
    "description",
    "encryptionProtocol",
    "networkType",
    "acceptsExpiredCertificate",
    "acceptsSelfSignedCertificate",
    "acceptsUntrustedRootCertificate",
    "populateSoapActionHeader",
)


class NewWebhook(WebhookChange, kw_only=True):
    """A webhook to create."""

    type: WebhookType
    url: str
    active: bool
    communication_format: CommunicationFormat


class TestNotifications(Model):
    """The events to send test notifications for; CUSTOM sends `notification`."""

    types: list[TestType] = []
    notification: sample_notifications.CustomNotification | None = None


@get("/merchants/{merchantId:str}/webhooks")
async def get_webhooks(request: HttpRequest) -> HttpResponse:
    """List the webhooks."""
    authenticate(request, roles.WEBHOOKS_READ, roles.WEBHOOKS_WRITE)
    endpoints = request.twin.state.endpoints
    rows = [_body(request, name) for name in endpoints if name != TOKENS]
    return as_json(page(request, rows) | {"accountReference": request.path_part("merchantId")})


@post("/merchants/{merchantId:str}/webhooks", status_code=200)
async def post_webhook(request: HttpRequest) -> HttpResponse:
    """Create a webhook; it is not signed until a key is generated."""
    authenticate(request, roles.WEBHOOKS_WRITE)
    new = parse(await request.body(), NewWebhook)
    _check(new)
    endpoints = request.twin.state.endpoints
    name = next((n for n in ENDPOINT_NAMES if n != TOKENS and n not in endpoints), None)
    if name is None:
        limit = f"The twin keeps {len(ENDPOINT_NAMES) - 1} webhooks"
        raise ManagementError(INVALID, "Invalid", limit, "type")
    endpoints[name] = Endpoint(
        url=new.url,
        hmac_key=None,
        type=new.type,
        id=names.webhook_id(),
        include_event_codes=[],
    )
    _change(request.twin, endpoints[name], new)
    return as_json(_body(request, name))


@get("/merchants/{merchantId:str}/webhooks/{webhookId:str}")
async def get_webhook(request: HttpRequest) -> HttpResponse:
    """Show a webhook."""
    name, _ = _find(request, roles.WEBHOOKS_READ, roles.WEBHOOKS_WRITE)
    return as_json(_body(request, name))


@patch("/merchants/{merchantId:str}/webhooks/{webhookId:str}")
async def patch_webhook(request: HttpRequest) -> HttpResponse:
    """Change a webhook. Queued webhooks are sent at once to a new address."""
    name, endpoint = _find(request, roles.WEBHOOKS_WRITE)
    change = parse(await request.body(), WebhookChange)
    _check(change)
    _change(request.twin, endpoint, change)
    if change.url is not None:
        _retry_now(request.twin, name)
    return as_json(_body(request, name))


@delete("/merchants/{merchantId:str}/webhooks/{webhookId:str}", status_code=200)
async def delete_webhook(request: HttpRequest) -> HttpResponse:
    """Delete a webhook and its queue."""
    name, _ = _find(request, roles.WEBHOOKS_WRITE)
    request.twin.remove_endpoint(name)
    return Response(b"", status_code=204)


@post("/merchants/{merchantId:str}/webhooks/{webhookId:str}/generateHmac", status_code=200)
async def post_hmac(request: HttpRequest) -> HttpResponse:
    """Generate the key that signs later notifications; the old key becomes the previous key."""
    _, endpoint = _find(request, roles.WEBHOOKS_WRITE)
    endpoint.previous_hmac_key = endpoint.hmac_key
    endpoint.hmac_key = secrets.token_hex(32).upper()
    return as_json({"hmacKey": endpoint.hmac_key})


@post("/merchants/{merchantId:str}/webhooks/{webhookId:str}/test", status_code=200)
async def post_test(request: HttpRequest) -> HttpResponse:
    """Send test notifications."""
    _, endpoint = _find(request, roles.WEBHOOKS_WRITE)
    test = parse(await request.body(), TestNotifications)
    if not test.types:
        raise ManagementError(INVALID, "Invalid", "Name the event types to test", "types")
    if "CUSTOM" in test.types and test.notification is None:
        raise ManagementError(INVALID, "Invalid", "CUSTOM needs a notification", "notification")
    twin, sender = request.twin, request.engine.sender
    answer = await sample_notifications.send(
        twin, sender, endpoint, test.types, custom=test.notification
    )
    return as_json(answer)


HANDLERS: Final = (
    get_webhooks,
    post_webhook,
    get_webhook,
    patch_webhook,
    delete_webhook,
    post_hmac,
    post_test,
)


def _find(request: HttpRequest, *any_of: str) -> tuple[EndpointName, Endpoint]:
    """Check the key, the role and the ids in the path; return the webhook with its name."""
    authenticate(request, *any_of)
    webhook_id = request.path_part("webhookId")
    for name, endpoint in request.twin.state.endpoints.items():
        if name != TOKENS and endpoint.id == webhook_id:
            return name, endpoint
    raise ManagementError(404, "Not found", "There is no such webhook")


def _check(change: WebhookChange) -> None:
    if change.url is not None and not is_web_address(change.url):
        raise ManagementError(INVALID, "Invalid", "Not an http or https address", "url")


def _change(twin: Twin, endpoint: Endpoint, change: WebhookChange) -> None:
    for field in ("url", "active", "communication_format", "username", "password"):
        value = getattr(change, field)
        if value is not None:
            setattr(endpoint, field, value)
    settings = change.additional_settings
    if settings is not None and settings.include_event_codes is not None:
        is_adding = twin.knobs.patched_events == "add"
        kept = outbox.included_events(twin, endpoint) if is_adding else []
        endpoint.include_event_codes = list(dict.fromkeys([*kept, *settings.include_event_codes]))
    values = msgspec.to_builtins(change)
    stored = {name: values[name] for name in STORED_FIELDS if values[name] is not None}
    properties = {"properties": settings.properties} if settings and settings.properties else {}
    endpoint.other = endpoint.other | stored | properties


def _retry_now(twin: Twin, name: EndpointName) -> None:
    for webhook in twin.state.queues.get(name, []):
        webhook.due_at = min(webhook.due_at, twin.now())
    twin.on_change()


def _body(request: HttpRequest, name: EndpointName) -> dict[str, Any]:
    twin = request.twin
    endpoint = twin.state.endpoints[name]
    stored = {key: value for key, value in endpoint.other.items() if key != "properties"}
    body: dict[str, Any] = {
        "id": endpoint.id,
        "type": endpoint.type,
        "url": endpoint.url,
        "active": endpoint.active,
        "communicationFormat": endpoint.communication_format,
        "accountReference": twin.settings.merchant_account,
        "hasPassword": endpoint.password is not None,
        "hasError": any(webhook.tries for webhook in twin.state.queues.get(name, [])),
        "additionalSettings": {
            "includeEventCodes": outbox.included_events(twin, endpoint),
            **{key: value for key, value in endpoint.other.items() if key == "properties"},
        },
        **stored,
    }
    if endpoint.username is not None:
        body["username"] = endpoint.username
    if endpoint.hmac_key is not None and twin.knobs.key_check_value == "of_key":
        body["hmacKeyCheckValue"] = _check_value(endpoint.hmac_key)
    return body


def _check_value(key: str) -> str:
    digest = hmac.new(bytes.fromhex(key), b"", hashlib.sha256).hexdigest()
    return digest[:CHECK_VALUE_DIGITS].upper()

"""Adyen's Management API v3, as far as the setup of a shop uses it.

Here are the credential, the merchant account and its payment methods;
`management_webhooks` has the webhooks. Source: Adyen's OpenAPI file of Management.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Router, get

from adyen_twin.api import management_webhooks
from adyen_twin.api.management_calls import authenticate, authenticate_any, page
from adyen_twin.core import roles
from adyen_twin.core.settings import WEB_SERVICE_USER, Knobs
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.protocol.limits import COUNTRY, CURRENCY, GOPAY

#: The knob `gopaySetting` -> the fields of GoPay in the settings of payment methods.
GOPAY_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "enabled": {"enabled": True, "allowed": True, "verificationStatus": "valid"},
    "disabled": {"enabled": False, "allowed": True, "verificationStatus": "valid"},
    "pending": {"enabled": True, "allowed": False, "verificationStatus": "pending"},
}


@get("/me")
async def get_me(request: HttpRequest) -> HttpResponse:
    """Describe the credential of the API key."""
    authenticate_any(request)
    knobs = request.twin.knobs
    return as_json(
        {
            "id": "S2-6A6573746572",
            "username": WEB_SERVICE_USER,
            "clientKey": "test_TWIN",
            "allowedIpAddresses": knobs.allowed_ip_addresses,
            "allowedOrigins": [
                {"id": f"S2-{number:012X}", "domain": domain}
                for number, domain in enumerate(knobs.allowed_origins, start=1)
            ],
            "roles": knobs.roles,
            # An inactive credential could not make this call.
            "active": True,
            "companyName": "Twin",
        }
    )


@get("/merchants/{merchantId:str}")
async def get_merchant(request: HttpRequest) -> HttpResponse:
    """Describe a merchant account."""
    authenticate(request, roles.ACCOUNT_READ)
    account, knobs = request.path_part("merchantId"), request.twin.knobs
    return as_json(
        {
            "id": account,
            "name": account,
            "companyId": request.twin.settings.company_account,
            "captureDelay": "manual" if knobs.capture == "manual" else knobs.capture_delay,
            "defaultShopperInteraction": "Ecommerce",
            "status": knobs.account_status,
            "merchantCity": "Jakarta",
            "primarySettlementCurrency": CURRENCY,
            "dataCenters": [{"name": "default", "livePrefix": knobs.live_prefix}],
        }
    )


@get("/merchants/{merchantId:str}/paymentMethodSettings")
async def get_payment_methods(request: HttpRequest) -> HttpResponse:
    """List the settings of the payment methods: GoPay, and those of the knob `alsoListed`."""
    authenticate(request, roles.METHODS_READ, roles.METHODS_WRITE)
    return as_json(page(request, _payment_methods(request.twin.knobs)))


def _payment_methods(knobs: Knobs) -> list[dict[str, Any]]:
    states = dict.fromkeys(knobs.also_listed, "enabled")
    if knobs.gopay_setting != "absent":
        # GUESS: the type. Adyen's list of types has neither gopay nor gopay_wallet.
        states = {GOPAY: knobs.gopay_setting} | states
    return [
        {
            "id": f"PM{number:022d}",
            "type": kind,
            "countries": [COUNTRY],
            "currencies": [CURRENCY],
            **GOPAY_SETTINGS[state],
        }
        for number, (kind, state) in enumerate(states.items(), start=1)
    ]


def router() -> Router:
    """Return the Management API."""
    handlers = [get_me, get_merchant, get_payment_methods, *management_webhooks.HANDLERS]
    return Router("/v3", route_handlers=handlers)

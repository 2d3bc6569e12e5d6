"""The fields of Adyen's requests, and of Kasir's own, from the library's requests."""

from __future__ import annotations

from typing import Any

from kasir.gateway.methods import GOPAY
from kasir.money import Money
from kasir.python_api.requests import (
    Browser,
    ChargeRequest,
    LineItem,
    PaymentRequest,
    PlanRequest,
    SubscribeRequest,
)


def payment_fields(request: PaymentRequest) -> dict[str, Any]:
    """The fields of `/payments`."""
    fields = {
        "reference": request.reference,
        "amount": amount_fields(request.amount),
        "returnUrl": request.return_url,
        "paymentMethod": {"type": GOPAY.type},
        "countryCode": GOPAY.country,
        "channel": request.channel.value,
        "browserInfo": _browser_fields(request.browser),
        "shopperReference": request.shopper_reference,
        "storePaymentMethod": True if request.save_for else None,
        "recurringProcessingModel": request.save_for.value if request.save_for else None,
        "additionalData": {"manualCapture": "true"} if request.manual_capture else None,
        "sessionValidity": request.expires_at.isoformat() if request.expires_at else None,
        "lineItems": [_line_fields(item) for item in request.line_items] or None,
        "metadata": dict(request.metadata) or None,
    }
    return {**request.more, **_given(fields)}


def charge_fields(request: ChargeRequest) -> dict[str, Any]:
    """The fields of the `/payments` request that charges a token."""
    fields = {
        "reference": request.reference,
        "amount": amount_fields(request.amount),
        "returnUrl": request.return_url,
        "paymentMethod": {"storedPaymentMethodId": request.token.stored_id},
        "shopperReference": request.token.shopper_reference,
        "shopperInteraction": "ContAuth",
        "recurringProcessingModel": request.model.value,
        "metadata": dict(request.metadata) or None,
    }
    return _given(fields)


def plan_fields(request: PlanRequest) -> dict[str, Any]:
    """The fields of `POST /api/plans`."""
    fields = {
        "reference": request.reference,
        "amount": amount_fields(request.amount),
        "interval": {"unit": request.unit.value, "count": request.count},
        "trialDays": request.trial_days or None,
        "trialAmount": amount_fields(request.trial_amount) if request.trial_amount else None,
        "cycles": request.cycles,
    }
    return _given(fields)


def sign_up_fields(request: SubscribeRequest) -> dict[str, Any]:
    """The fields of `POST /api/subscriptions`."""
    fields = {
        "plan": request.plan,
        "shopperReference": request.shopper_reference,
        "returnUrl": request.return_url,
        "channel": request.channel.value,
        "browserInfo": _browser_fields(request.browser),
        "reference": request.reference,
        "startsAt": request.starts_at.isoformat() if request.starts_at else None,
    }
    return _given(fields)


def amount_fields(amount: Money) -> dict[str, Any]:
    """An amount as Adyen writes it."""
    return {"currency": amount.currency, "value": amount.minor_units}


def _browser_fields(browser: Browser | None) -> dict[str, Any] | None:
    if browser is None:
        return None
    return {
        "acceptHeader": browser.accept_header,
        "colorDepth": browser.color_depth,
        "javaEnabled": browser.java_enabled,
        "language": browser.language,
        "screenHeight": browser.screen_height,
        "screenWidth": browser.screen_width,
        "timeZoneOffset": browser.time_zone_offset,
        "userAgent": browser.user_agent,
    }


def _line_fields(item: LineItem) -> dict[str, Any]:
    fields = {
        "id": item.id or None,
        "description": item.description,
        "quantity": item.quantity,
        "amountIncludingTax": item.unit_price.minor_units,
    }
    return _given(fields)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}

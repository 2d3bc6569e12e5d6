"""Test notifications, as Customer Area and the Management API send them.

Source: Adyen's OpenAPI file of Management, "test a webhook": four notifications per event
code, for success and failure in EUR and GBP. Adyen's published sample is not signed, and it
is not known whether real test notifications are, so this is a knob. Test notifications are
sent at once, outside the queues, and never retried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import msgspec

from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import Endpoint, Message
from adyen_twin.core.twin import Twin
from adyen_twin.webhooks import formats, payment_notifications
from adyen_twin.webhooks.delivery import Sender, is_success

#: In minor units.
AMOUNT: Final = 1000
CURRENCIES: Final = ("EUR", "GBP")
#: The type of a test that sends a notification with given fields.
CUSTOM: Final = "CUSTOM"
OUTCOMES: Final = ("true", "false")


class CustomAmount(msgspec.Struct, forbid_unknown_fields=True):
    """The amount of a custom test notification, in minor units."""

    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
    value: int


class CustomNotification(
    msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The fields of a custom test notification."""

    amount: CustomAmount = msgspec.field(default_factory=lambda: CustomAmount("EUR", AMOUNT))
    event_code: str = "NOTIFICATIONTEST"
    event_date: str | None = None
    merchant_reference: str = "testMerchantRef1"
    payment_method: str = "mc"
    reason: str = ""
    success: bool = True


async def send(
    twin: Twin,
    sender: Sender,
    endpoint: Endpoint,
    event_codes: Sequence[str],
    *,
    custom: CustomNotification | None = None,
) -> dict[str, Any]:
    """Send the test notifications of these events; return their answers in Management's format.

    The event CUSTOM sends `custom`.
    """
    results = []
    for event_code in event_codes:
        for message in _messages(twin, endpoint, event_code, custom):
            started_at = twin.now()
            status, answer, error = await sender.post(endpoint, message)
            took_ms = round((twin.now() - started_at) * 1000)
            results.append(
                {
                    "merchantId": twin.settings.merchant_account,
                    "output": answer or error or "",
                    "requestSent": message.body,
                    "responseCode": str(status or ""),
                    "responseTime": f"{took_ms} ms",
                    "status": "success" if status and is_success(status) else "failed",
                }
            )
    return {"data": results}


def _messages(
    twin: Twin, endpoint: Endpoint, event_code: str, custom: CustomNotification | None
) -> Iterator[Message]:
    key = endpoint.hmac_key if twin.knobs.test_notifications_signed else None
    for item in _items(twin, event_code, custom):
        message = payment_notifications.message(item, {}, key)
        yield formats.convert(message, endpoint.communication_format)


def _items(
    twin: Twin, event_code: str, custom: CustomNotification | None
) -> Iterator[dict[str, Any]]:
    if event_code == CUSTOM and custom is not None:
        yield _custom_item(twin, custom)
        return
    variants = [(outcome, currency) for outcome in OUTCOMES for currency in CURRENCIES]
    for number, (outcome, currency) in enumerate(variants, start=1):
        yield {
            "amount": {"currency": currency, "value": AMOUNT},
            "eventCode": event_code,
            "eventDate": format_adyen(twin.now()),
            "merchantAccountCode": twin.settings.merchant_account,
            "merchantReference": f"testMerchantRef{number}",
            "paymentMethod": "mc",
            "pspReference": f"test_{event_code}_{number}",
            "reason": "" if outcome == "true" else "Refused",
            "success": outcome,
        }


def _custom_item(twin: Twin, custom: CustomNotification) -> dict[str, Any]:
    return {
        "amount": {"currency": custom.amount.currency, "value": custom.amount.value},
        "eventCode": custom.event_code,
        "eventDate": custom.event_date or format_adyen(twin.now()),
        "merchantAccountCode": twin.settings.merchant_account,
        "merchantReference": custom.merchant_reference,
        "paymentMethod": custom.payment_method,
        "pspReference": f"test_{custom.event_code}_1",
        "reason": custom.reason,
        "success": "true" if custom.success else "false",
    }

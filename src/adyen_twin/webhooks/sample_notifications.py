"""Test notifications, as Customer Area and the Management API send them.

Source: Adyen's OpenAPI file of Management, "test a webhook": four notifications per event
code, for success and failure in EUR and GBP. Adyen's published sample is not signed. It is not
known whether Adyen signs its test notifications, so a knob decides. Test notifications are sent
at once, outside the queues, and never retried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import Endpoint, Message
from adyen_twin.core.twin import Twin
from adyen_twin.webhooks import payment_notifications
from adyen_twin.webhooks.delivery import Sender, is_success

#: In minor units.
AMOUNT: Final = 1000
CURRENCIES: Final = ("EUR", "GBP")
OUTCOMES: Final = ("true", "false")


async def send(
    twin: Twin, sender: Sender, endpoint: Endpoint, event_codes: list[str]
) -> dict[str, Any]:
    """Send the test notifications of these events; return the answers in Management's format."""
    results = []
    for event_code in event_codes:
        for message in _messages(twin, endpoint, event_code):
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


def _messages(twin: Twin, endpoint: Endpoint, event_code: str) -> Iterator[Message]:
    key = endpoint.hmac_key if twin.knobs.test_notifications_signed else None
    variants = [(outcome, currency) for outcome in OUTCOMES for currency in CURRENCIES]
    for number, (outcome, currency) in enumerate(variants, start=1):
        item = {
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
        yield payment_notifications.message(item, {}, key)

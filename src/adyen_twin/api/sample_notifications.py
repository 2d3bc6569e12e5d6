"""Test notifications, as Customer Area and the Management API send them.

Source: Adyen's OpenAPI file of Management, "test a webhook": per event code four
notices, success and failure in EUR and in GBP, whatever the account's currencies.
Adyen's published sample bears no seal; whether real ones do is not known, so it is a
knob. They are posted at once, outside the queue, and never tried again.
"""

from collections.abc import Iterator
from typing import Any, Final

from adyen_twin.core.clock import spelled
from adyen_twin.core.state import Endpoint, Letter
from adyen_twin.core.twin import Twin
from adyen_twin.simulation.engine import Engine
from adyen_twin.webhooks import payment_notifications

AMOUNT: Final = 1000
CURRENCIES: Final = ("EUR", "GBP")
OUTCOMES: Final = ("true", "false")


async def run(twin: Twin, engine: Engine, endpoint: Endpoint, codes: list[str]) -> dict[str, Any]:
    """Post the test notifications of these event codes; return how each was answered."""
    told = []
    for code in codes:
        for letter in _letters(twin, endpoint, code):
            started_at = twin.clock.now()
            status, answer, error = await engine.post(endpoint, letter)
            took_ms = round((twin.clock.now() - started_at) * 1000)
            told.append(
                {
                    "merchantId": twin.settings.merchant_account,
                    "output": answer or error or "",
                    "requestSent": letter.body,
                    "responseCode": str(status or ""),
                    "responseTime": f"{took_ms} ms",
                    "status": "success" if status and 200 <= status < 300 else "failed",  # noqa: PLR2004 - HTTP's own numbers.
                }
            )
    return {"data": told}


def _letters(twin: Twin, endpoint: Endpoint, code: str) -> Iterator[Letter]:
    key = endpoint.hmac_key if twin.knobs.test_notices_sealed else None
    numbered = [(outcome, currency) for outcome in OUTCOMES for currency in CURRENCIES]
    for number, (outcome, currency) in enumerate(numbered, start=1):
        item = {
            "amount": {"currency": currency, "value": AMOUNT},
            "eventCode": code,
            "eventDate": spelled(twin.now()),
            "merchantAccountCode": twin.settings.merchant_account,
            "merchantReference": f"testMerchantRef{number}",
            "paymentMethod": "mc",
            "pspReference": f"test_{code}_{number}",
            "reason": "" if outcome == "true" else "Refused",
            "success": outcome,
        }
        yield payment_notifications.letter(item, {}, key)

"""What tests say and stand in with: requests, notifications, a clock, and fakes of our ports.

A fake is trusted because it passes the same suite as the real thing: tests/contract.
"""

from __future__ import annotations

import json
from typing import Any

from adyen_twin import seals
from twin_fixtures import BROWSER, KEY, OTHER_KEY, payment_body

__all__ = ["BROWSER", "KEY", "OTHER_KEY", "payment_body"]


def notification_item(*, key: str = KEY, **changes: Any) -> dict[str, Any]:
    """One item of a notification, sealed by the other house; a change of None leaves it out."""
    fields = {
        "pspReference": "QFQTPCQ8HXSKGK82",
        "merchantAccountCode": "TwinMerchant",
        "merchantReference": "ORDER-1001",
        "amount": {"currency": "IDR", "value": 25000},
        "eventCode": "AUTHORISATION",
        "eventDate": "2026-05-05T05:05:05+02:00",
        "paymentMethod": "gopay_wallet",
        "reason": "",
        "success": "true",
        "additionalData": {},
    } | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    amount, extra = fields.get("amount"), fields.get("additionalData")
    if isinstance(extra, dict) and isinstance(amount, dict) and "hmacSignature" not in extra:
        extra = {**extra, "hmacSignature": seals.seal_of_item(fields, key)}
        fields["additionalData"] = extra
    return fields


def envelope(*items: dict[str, Any]) -> bytes:
    """The envelope around items, as Adyen posts it."""
    boxes = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": "false", "notificationItems": boxes}).encode()

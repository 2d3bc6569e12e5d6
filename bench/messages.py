"""The messages of the benchmarks: a shop's payments, and notifications with Adyen's signature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from Adyen.util import generate_notification_sig
from bench.site import HMAC_KEY, MERCHANT

from kasir.adyen.calls import METADATA_PAYMENT_ID

AMOUNT: Final = {"currency": "IDR", "value": 75_000}
_DATE: Final = "2026-11-23T10:00:00+07:00"
_USER_AGENT: Final = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36"
)


def payment(reference: str) -> dict[str, Any]:
    """A `/payments` request of ordinary size, with two line items."""
    return {
        "merchantAccount": MERCHANT,
        "amount": AMOUNT,
        "reference": reference,
        "paymentMethod": {"type": "gopay_wallet"},
        "returnUrl": f"https://shop.example/orders/{reference}",
        "channel": "Web",
        "countryCode": "ID",
        "shopperEmail": "siti@shop.example",
        "shopperReference": f"shopper-{reference}",
        "shopperLocale": "id-ID",
        "browserInfo": {
            "acceptHeader": "text/html,application/xhtml+xml",
            "colorDepth": 24,
            "javaEnabled": False,
            "language": "id-ID",
            "screenHeight": 915,
            "screenWidth": 412,
            "timeZoneOffset": -420,
            "userAgent": _USER_AGENT,
        },
        "lineItems": [
            {
                "id": sku,
                "description": name,
                "quantity": 1,
                "amountIncludingTax": price,
                "productUrl": f"https://shop.example/{sku}",
            }
            for sku, name, price in (("gayo", "Kopi Gayo", 50_000), ("teh", "Teh melati", 25_000))
        ],
    }


def notifications(tag: str, count: int) -> Iterator[bytes]:
    """Yield authentic notifications of one item each, for payments that are not Kasir's.

    The tag and a number make each notification different.
    """
    for number in range(count):
        yield notification(f"{tag}-{number}", psp_reference(tag, number))


def notification(reference: str, psp: str, payment_id: str = "") -> bytes:
    """The authorisation of one payment, signed with Adyen's own library."""
    extra = {"GoPay.gopayAccountId": "GoPay-62812"}
    if payment_id:
        extra[f"metadata.{METADATA_PAYMENT_ID}"] = payment_id
    item: dict[str, Any] = {
        "amount": AMOUNT,
        "eventCode": "AUTHORISATION",
        "eventDate": _DATE,
        "merchantAccountCode": MERCHANT,
        "merchantReference": reference,
        "operations": ["CANCEL", "CAPTURE", "REFUND"],
        "paymentMethod": "gopay_wallet",
        "pspReference": psp,
        "reason": "",
        "success": "true",
    }
    extra["hmacSignature"] = generate_notification_sig(item, HMAC_KEY).decode()
    item["additionalData"] = extra
    envelope = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    return msgspec.json.encode(envelope)


def psp_reference(tag: str, number: int) -> str:
    """Sixteen letters and digits, different for every tag and number."""
    return f"{tag[:6]}{number:010d}".upper()

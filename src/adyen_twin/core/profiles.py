"""Profiles: what other providers document about GoPay, as values of knobs.

Adyen documents none of these figures. A profile changes only the knobs about which its provider
says something; the others keep their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

MINUTE_S: Final = 60

ProfileName = Literal["ppro", "ppro-unverified", "midtrans", "xendit"]

#: The name of a profile -> the JSON values of its knobs.
PROFILES: Final[Mapping[ProfileName, Mapping[str, Any]]] = MappingProxyType(
    {
        # PPRO: 14 minutes to pay, refunds for 30 days; a verified account pays up to 20,000,000.
        "ppro": {
            "amountMin": 1,
            "amountMax": 20_000_000,
            "paymentExpiryS": 14 * MINUTE_S,
            "refundDays": 30,
        },
        # PPRO: an account that is not verified pays up to 2,000,000.
        "ppro-unverified": {
            "amountMin": 1,
            "amountMax": 2_000_000,
            "paymentExpiryS": 14 * MINUTE_S,
            "refundDays": 30,
        },
        # Midtrans: 15 minutes to pay; refunds for 45 days, of a linked account for 90 (or 180).
        "midtrans": {
            "paymentExpiryS": 15 * MINUTE_S,
            "refundDays": 45,
            "tokenRefundDays": 90,
        },
        # Xendit: 30 minutes to pay, up to 50,000,000, refunds for 45 days.
        "xendit": {
            "amountMin": 1,
            "amountMax": 50_000_000,
            "paymentExpiryS": 30 * MINUTE_S,
            "refundDays": 45,
        },
    }
)

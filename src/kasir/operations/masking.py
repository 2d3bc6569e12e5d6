"""Hides secrets and personal data in Adyen's messages, so that people can read them.

Only fields that are known to be harmless are shown. Every other value is masked, because with a
token the wallet can be charged, and `additionalData` may name the shopper. Pure.
"""

from __future__ import annotations

import json
from typing import Any, Final

from kasir.adyen.notifications import EventCode
from kasir.adyen.texts import read_json
from kasir.errors import Unreadable

_MASK: Final = "•••"
#: Fields whose values are shown: of notifications, of token notifications, of `additionalData`.
_SHOWN: Final = frozenset(
    {
        *("live", "notificationItems", "NotificationRequestItem", "additionalData", "amount"),
        *("currency", "value", "eventCode", "eventDate", "merchantAccountCode", "reason"),
        *("merchantReference", "operations", "originalReference", "paymentMethod", "success"),
        *("pspReference", "createdAt", "environment", "eventId", "version", "type", "data"),
        *("merchantAccount", "shopperReference", "operation", "recurringProcessingModel"),
        *("recurring.shopperReference", "recurring.firstPspReference", "metadata.kasirPaymentId"),
        *("chargebackReasonCode", "defendable", "defensePeriodEndsAt", "disputeStatus"),
        *("rfiReasonCode", "modificationMergeReferences", "refusalReasonRaw", "expiryDate"),
    }
)


def masked(body: bytes) -> str:
    """A message as indented JSON, in which values of other fields than known ones are masked.

    A body that is no JSON is not shown at all: only its length is.
    """
    try:
        value = read_json(body)
    except (Unreadable, ValueError, RecursionError):
        return f"{_MASK} ({len(body)} bytes, no JSON)"
    return json.dumps(_masked(value, is_token=False), indent=2, ensure_ascii=False)


def _masked(value: Any, *, is_token: bool) -> Any:
    """A value with masked fields; `is_token`: its `pspReference` is a token."""
    if isinstance(value, list):
        return [_masked(one, is_token=is_token) for one in value]
    if not isinstance(value, dict):
        return value
    is_token = is_token or value.get("eventCode") == EventCode.RECURRING_CONTRACT
    return {
        name: _MASK
        if name not in _SHOWN or (is_token and name == "pspReference")
        else _masked(one, is_token=is_token)
        for name, one in value.items()
    }

"""The signatures of Adyen's webhooks.

A standard notification: eight fields of the item joined by colons, nothing escaped,
a missing field counts as empty; in additionalData.hmacSignature. Any other webhook:
the raw body; in the header HmacSignature. HMAC-SHA256 with the hex-decoded key, Base64.
Source: Adyen's libraries; pinned by tests/oracle/test_twin_vs_adyen_client.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any


def sign_item(item: Mapping[str, Any], hex_key: str) -> str:
    """Return the hmacSignature of a NotificationRequestItem; `hex_key` is the key as hex digits."""
    amount = item["amount"]
    fields = (
        item["pspReference"],
        item.get("originalReference", ""),
        item["merchantAccountCode"],
        item["merchantReference"],
        amount["value"],
        amount["currency"],
        item["eventCode"],
        item["success"],
    )
    return sign_bytes(":".join(map(str, fields)).encode(), hex_key)


def sign_bytes(message: bytes, hex_key: str) -> str:
    """Return the HmacSignature of raw bytes; `hex_key` is the key as hex digits."""
    digest = hmac.digest(bytes.fromhex(hex_key), message, hashlib.sha256)
    return base64.b64encode(digest).decode()

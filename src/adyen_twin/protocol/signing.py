"""The signatures of Adyen's webhooks.

The signature of a standard notification covers eight fields of its item, joined by colons
without escaping; a missing field is empty. It is sent in additionalData.hmacSignature. The
signature of any other webhook covers the raw body, and is sent in the header HmacSignature.
Both signatures are an HMAC-SHA256 with the hex-decoded HMAC key, in Base64. Source: Adyen's
libraries;
tests/oracle/test_twin_vs_adyen_client.py checks the signatures with Adyen's Python library.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any


def sign_item(item: Mapping[str, Any], hex_key: str) -> str:
    """Return the hmacSignature of an item; `hex_key` is the HMAC key as hex digits."""
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
    """Return the HmacSignature of raw bytes; `hex_key` is the HMAC key as hex digits."""
    digest = hmac.digest(bytes.fromhex(hex_key), message, hashlib.sha256)
    return base64.b64encode(digest).decode()

"""What a webhook endpoint must be, whoever sets it: a control, a seed or the Management API."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from adyen_twin.core.state import EndpointSettings

HEX_KEY_DIGITS: Final = 64


def fault_of(endpoint: EndpointSettings) -> tuple[str, str] | None:
    """Return the first invalid field of an endpoint and what is wrong; None: it is valid."""
    if not is_web_address(endpoint.url):
        return "url", "a webhook goes to an http or https address"
    for name, key in (
        ("hmacKey", endpoint.hmac_key),
        ("previousHmacKey", endpoint.previous_hmac_key),
    ):
        if key is not None and not _is_hex_key(key):
            return name, f"a key is {HEX_KEY_DIGITS} hexadecimal digits"
    if (endpoint.username is None) != (endpoint.password is None):
        return "password", "username and password go together"
    return None


def is_web_address(url: str) -> bool:
    """Return whether this is an http or https address with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_hex_key(text: str) -> bool:
    digits = "0123456789abcdefABCDEF"
    return len(text) == HEX_KEY_DIGITS and all(letter in digits for letter in text)

"""The HMAC signatures of Adyen's notifications.

Each item of a standard notification is signed separately. The signed text is eight fields joined by
colons; a missing field is empty, and nothing is escaped. The signature is the Base64 text of an
HMAC-SHA256; the HMAC key is given in hexadecimal. Only these eight fields are signed: the reason,
the date and the additional data are not. If a field contains a colon, the signed text could be
split into other fields; see `is_signed`. This module never logs an HMAC key.

Source: `generate_notification_sig` of Adyen's Python library, and the fixtures of Adyen's Python
and Java tests; tests/oracle/test_signing_vs_adyen_library.py compares with them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kasir.adyen.notifications import Item

_KEY_BYTES: Final = 32
#: Half a surrogate pair.
_HALVES: Final = re.compile("[\ud800-\udfff]")


def key_from_hex(text: str) -> bytes:
    """The bytes of an HMAC key, from the 64 hexadecimal digits that Customer Area shows.

    Raises:
        ValueError: The text is not 64 hexadecimal digits.
    """
    try:
        key = binascii.unhexlify(text.strip())
    except (binascii.Error, ValueError) as error:
        raise ValueError("an HMAC key is 64 hexadecimal digits") from error
    if len(key) != _KEY_BYTES:
        raise ValueError("an HMAC key is 64 hexadecimal digits")
    return key


def signed_text(item: Item) -> str:
    """The text of an item that Adyen signs."""
    return ":".join(
        (
            item.psp_reference,
            item.original_reference,
            item.merchant_account_code,
            item.merchant_reference,
            item.amount_value,
            item.amount_currency,
            item.event_code,
            item.success_text,
        )
    )


def _never_with_colons(item: Item) -> tuple[str, ...]:
    """The signed fields that never contain a colon: names, codes, numbers."""
    return (
        item.psp_reference,
        item.original_reference,
        item.merchant_account_code,
        item.amount_value,
        item.amount_currency,
        item.event_code,
        item.success_text,
    )


def sign(text: bytes, key: bytes) -> str:
    """The signature of `text` with the HMAC key `key`."""
    return base64.b64encode(hmac.digest(key, text, sha256)).decode("ascii")


def is_signed(item: Item, keys: Iterable[bytes]) -> bool:
    """Whether an item has a valid signature with any of these HMAC keys (current and previous).

    An item with a colon in a field other than the merchant reference is refused. So a signed text
    can be split into its fields in one way only. Otherwise an attacker could split a signed text
    into other fields, with the same signature.
    """
    if any(":" in text for text in _never_with_colons(item)):
        return False
    signature = item.hmac_signature.encode(errors="replace")
    texts = _bytes_of(signed_text(item))
    # All HMAC keys are tried, each in constant time, so that the time reveals nothing about a key.
    valid = [
        hmac.compare_digest(sign(text, key).encode(), signature) for key in keys for text in texts
    ]
    return bool(signature) and any(valid)


def _bytes_of(text: str) -> set[bytes]:
    """The bytes that Adyen may have signed for a text; several if it has half a surrogate pair.

    UTF-8 cannot encode half a surrogate pair, and how Adyen encodes it is a guess. Four encodings
    are accepted: `?`, as in Java; U+FFFD, as in JavaScript; three bytes, by the general rule of
    UTF-8; and the original byte, if half a pair stands for a byte that was not UTF-8.
    """
    try:
        return {text.encode()}
    except UnicodeEncodeError:
        encodings = {text.encode(errors="replace"), text.encode(errors="surrogatepass")}
        encodings.add(_HALVES.sub("\ufffd", text).encode())
        with suppress(UnicodeEncodeError):
            encodings.add(text.encode(errors="surrogateescape"))
        return encodings

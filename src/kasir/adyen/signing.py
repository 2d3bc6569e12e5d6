"""The HMAC signatures of Adyen's notifications.

A standard notification is signed item by item: eight fields joined by colons, a missing field
counting as empty, nothing escaped. The signature is Base64 of HMAC-SHA256 under a key given as hex.
Only those eight fields are signed: the reason, the date and the rest of the additional data are
not. A text with colons in it can be split into other fields; the check below accepts Adyen's split
only. Source: `generate_notification_sig` of Adyen's Python library and the fixtures of its
Python and Java tests; pinned by tests/oracle/test_signing_vs_adyen_library.py. Never logs a key.
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
_HALVES: Final = re.compile("[\ud800-\udfff]")


def key_from_hex(text: str) -> bytes:
    """A key from its text in Customer Area: 64 hexadecimal digits.

    Raises:
        ValueError: It is not 64 hexadecimal digits.
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
    """The signed fields whose values are Adyen's: names, codes, numbers."""
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
    """The signature of `text` under `key`."""
    return base64.b64encode(hmac.digest(key, text, sha256)).decode("ascii")


def is_signed(item: Item, keys: Iterable[bytes]) -> bool:
    """Whether an item has a valid signature under any of `keys` (current and previous).

    Only the merchant's own reference may contain colons: then the first three and the last four
    fields of a signed text are known, and it splits in one way. If others could contain them,
    anybody with one signed text could make other fields of it by moving the colons of a reference.
    """
    if any(":" in text for text in _never_with_colons(item)):
        return False
    found = item.hmac_signature.encode(errors="replace")
    texts = _bytes_of(signed_text(item))
    # All keys are tried, and each in constant time: the time reveals nothing about the key.
    valid = [hmac.compare_digest(sign(text, key).encode(), found) for key in keys for text in texts]
    return bool(found) and any(valid)


def _bytes_of(text: str) -> set[bytes]:
    """The bytes that Adyen may have signed for a text: one way, except for half a surrogate pair.

    UTF-8 cannot encode that, and how Adyen does is a guess: as Java does (`?`), as JavaScript does
    (U+FFFD), as if UTF-8 could, or as it came, where it came as a byte that is not UTF-8.
    """
    try:
        return {text.encode()}
    except UnicodeEncodeError:
        ways = {text.encode(errors="replace"), text.encode(errors="surrogatepass")}
        ways.add(_HALVES.sub("\ufffd", text).encode())
        with suppress(UnicodeEncodeError):
            ways.add(text.encode(errors="surrogateescape"))
        return ways

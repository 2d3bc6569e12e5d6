"""Random values in Adyen's formats: references, tokens, secrets of the redirects."""

from __future__ import annotations

import secrets
import string

_CAPITALS_AND_DIGITS = string.ascii_uppercase + string.digits


def psp_reference() -> str:
    """Return a pspReference: sixteen upper-case letters and digits, as Adyen's are today."""
    return _random(_CAPITALS_AND_DIGITS, 16)


def token() -> str:
    """Return a storedPaymentMethodId; it looks like a pspReference."""
    return psp_reference()


def redirect_data() -> str:
    """Return the redirectData of an action.url.

    GUESS: its prefix is the one that tests of Adyen's libraries show for other payment methods.

    The `!` must be percent-encoded in a URL, so a client that encodes twice or not at all
    fails a test.
    """
    return f"X3XtfGC9!H4s{secrets.token_urlsafe(30)}"


def redirect_result() -> str:
    """Return the redirectResult of a return address, with a `!` as in `redirect_data`."""
    return f"X6XtfGC3!Y{secrets.token_urlsafe(45)}"


def page_key() -> str:
    """Return the secret part of the address of one payment's GoPay page."""
    return secrets.token_urlsafe(16)


def webhook_id() -> str:
    """Return the id of a webhook in the Management API, like those in its examples."""
    return f"S2-{secrets.token_hex(6).upper()}"


def wallet_account() -> str:
    """Return the account number of a GoPay wallet. GUESS: its format."""
    return _random(string.digits, 12)


def _random(letters: str, count: int) -> str:
    # One call for all bytes is faster than one call per letter.
    return "".join(letters[byte % len(letters)] for byte in secrets.token_bytes(count))

"""The names that Adyen gives to things: references, tokens, opaque blobs."""

import secrets
import string

_CAPITALS = string.ascii_uppercase + string.digits


def psp_reference() -> str:
    """Return a pspReference: sixteen upper-case letters and digits, as Adyen's are today."""
    return _drawn(_CAPITALS, 16)


def token() -> str:
    """Return a storedPaymentMethodId; it looks like a pspReference."""
    return psp_reference()


def redirect_data() -> str:
    """Return the blob that rides in action.url; the prefix was seen in Adyen's own tests.

    Its `!` does not survive a URL unless it is percent-encoded, which is the point:
    a client that encodes twice, or not at all, is caught.
    """
    return f"X3XtfGC9!H4s{secrets.token_urlsafe(30)}"


def redirect_result() -> str:
    """Return the blob that the shopper brings back. See redirect_data for its `!`."""
    return f"X6XtfGC3!Y{secrets.token_urlsafe(45)}"


def page_key() -> str:
    """Return the secret part of the address of one payment's GoPay page."""
    return secrets.token_urlsafe(16)


def wallet_account() -> str:
    """Return the number by which GoPay knows a wallet. GUESS: its form."""
    return _drawn(string.digits, 12)


def _drawn(letters: str, count: int) -> str:
    # One draw of many bytes; the system is not asked for every letter.
    return "".join(letters[byte % len(letters)] for byte in secrets.token_bytes(count))

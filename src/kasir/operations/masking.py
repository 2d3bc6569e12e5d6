"""Hides secrets and personal data in the messages behind a payment, before a person reads them.

Only the values of the fields in `SHOWN` are shown. A field that nobody has thought of is hidden, so
a new field of Adyen's discloses nothing. Even a shown text loses what looks like an e-mail address,
a telephone number, an IP address or a key.
"""

from __future__ import annotations

import re
from typing import Any, Final

from kasir.adyen.notifications import EventCode
from kasir.adyen.texts import read_json
from kasir.errors import Unreadable

HIDDEN: Final = "(hidden)"

#: The fields whose values are shown; in `additionalData` their names have a prefix.
SHOWN: Final = frozenset(
    {
        # Adyen's requests and answers.
        *("amount", "amountIncludingTax", "captureDelayHours", "channel", "countryCode"),
        *("currency", "errorCode", "errorType", "merchantAccount", "merchantReference", "message"),
        *("method", "paymentMethodType", "paymentPspReference", "paymentReference", "pspReference"),
        *("quantity", "recurringProcessingModel", "reference", "refusalReason"),
        *("refusalReasonCode", "resultCode", "shopperInteraction", "shopperLocale"),
        *("shopperReference", "status", "storePaymentMethod", "taxPercentage", "type", "value"),
        # Notifications.
        *("chargebackReasonCode", "defensePeriodEndsAt", "disputeStatus", "eventCode"),
        *("eventDate", "live", "merchantAccountCode", "modification.action", "operations"),
        *("originalReference", "paymentMethod", "paymentMethodVariant", "reason"),
        *("recurring.shopperReference", "rfiReasonCode", "success"),
        # Kasir's own.
        *("at", "captured", "chargedBack", "createdAt", "deadline", "kasirPaymentId"),
        *("linkId", "metadata.kasirPaymentId", "modification", "openedAt", "reasonCode"),
        *("refunded", "says", "source", "timestamp", "words"),
    }
)
#: Parts of a shown text that are hidden all the same.
_SENSITIVE: Final = re.compile(
    r"""
      [^\s@"'<>,;:]+ @ [^\s@"'<>,;:]+         # An e-mail address.
    | \b \d{1,3} (?: \. \d{1,3} ){3} \b       # An IPv4 address.
    | \b (?: [0-9A-Fa-f]{1,4} : ){3,} [0-9A-Fa-f:]+   # An IPv6 address.
    | (?<! \w ) (?: \+ | 0 | 62 ) \d [\d\ -]{7,14} \d (?! \w )   # A telephone number.
    | \b AQ[A-Za-z0-9+/=_-]{20,}              # An API key of Adyen's.
    | [0-9A-Fa-f]{40,}                        # An HMAC key or a hash.
    """,
    re.VERBOSE,
)
#: Deeper values are hidden.
_DEPTH_MAX: Final = 20


def masked(raw: bytes) -> Any:
    """Return a message's JSON with what is secret or personal hidden; without JSON, `HIDDEN`."""
    try:
        return _masked(read_json(raw), is_shown=False, depth=0)
    except (Unreadable, RecursionError):
        return HIDDEN


def without_sensitive(text: str) -> str:
    """A text without what looks like an address, a telephone number or a key."""
    return _SENSITIVE.sub(HIDDEN, text)


def _masked(value: Any, *, is_shown: bool, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        return HIDDEN
    match value:
        case dict():
            shown = SHOWN
            if value.get("eventCode") == EventCode.RECURRING_CONTRACT:
                shown = SHOWN - {"pspReference"}  # It is a token there.
            return {
                without_sensitive(name): _masked(inner, is_shown=name in shown, depth=depth + 1)
                for name, inner in value.items()
            }
        case list():
            return [_masked(inner, is_shown=is_shown, depth=depth + 1) for inner in value]
        case None:
            return None
        case str() if is_shown:
            return without_sensitive(value)
    return value if is_shown else HIDDEN

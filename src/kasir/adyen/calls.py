"""A call to Adyen as a value: its path, its body, its idempotency key. Nothing is sent here.

Paths are relative to the address of their API and its version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

#: The versions of Adyen's Checkout API in which shops may call Kasir. Adyen's older pages about
#: GoPay call v68 to v70.
VERSIONS: Final = (68, 69, 70, 71, 72)
#: The version of Adyen's Checkout API that Kasir itself calls.
OWN_VERSION: Final = 72
#: The version of the classic Recurring API, for calls of shops and of Kasir itself.
RECURRING_VERSION: Final = 68
#: The version of the Management API that Kasir calls.
MANAGEMENT_VERSION: Final = 3

#: The longest idempotency key that Adyen accepts (API idempotency page).
IDEMPOTENCY_KEY_MAX: Final = 64

#: The name in `metadata` under which Kasir sends its id of the payment. Adyen repeats the metadata
#: in notifications.
METADATA_PAYMENT_ID: Final = "kasirPaymentId"

#: A percent-encoded byte.
_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")


#: The parts of paths that are the same in every call; other parts are ids.
_PATH_WORDS: Final = frozenset(
    {
        *("cancels", "captures", "details", "disable", "listRecurringDetails", "paymentMethods"),
        *("payments", "refunds", "reversals", "storedPaymentMethods"),
    }
)
#: The POST calls that change nothing.
_READ_ONLY: Final = frozenset({"/paymentMethods", "/listRecurringDetails"})


class Api(StrEnum):
    """Which of Adyen's APIs is called."""

    CHECKOUT = "checkout"
    RECURRING = "recurring"
    MANAGEMENT = "management"


@dataclass(frozen=True, slots=True)
class Call:
    """One call to Adyen, complete before it is sent. `key` is the idempotency key."""

    path: str
    body: bytes = b""
    version: int = OWN_VERSION
    key: str | None = None
    method: str = "POST"
    api: Api = Api.CHECKOUT

    @property
    def is_repeatable(self) -> bool:
        """Whether the call may be sent twice: it has an idempotency key, or it only reads."""
        return self.key is not None or self.path in _READ_ONLY


def route_of(call: Call) -> str:
    """The path of a call without its ids and parameters, such as `/payments/{id}/refunds`."""
    parts = call.path.partition("?")[0].strip("/").split("/")
    return "/" + "/".join(part if part in _PATH_WORDS else "{id}" for part in parts)


def redirect_result(text: str) -> str:
    """A redirectResult as Adyen made it, from a text that may be URL-encoded.

    Adyen's documentation requires shops to decode the redirectResult, but some shops forget. A
    decoded redirectResult never contains a percent sign, so this function does not change it.
    """
    return unquote(text) if _ESCAPED.search(text) else text


def payment_key(payment_id: str) -> str:
    """The idempotency key of a payment; the same for every try."""
    return f"kasir-{payment_id}"


def change_key(change_id: str) -> str:
    """The idempotency key of a refund, capture or cancel; the same for every try."""
    return f"kasir-{change_id}"


def details_key(result: str) -> str:
    """The idempotency key of a `/payments/details` call with this redirectResult."""
    return f"kasir-det-{sha256(result.encode()).hexdigest()[:40]}"

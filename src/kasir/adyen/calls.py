"""A call to Adyen as a value: its path, its body, its idempotency key.

Nothing here sends anything. Paths are relative to `{checkout}/v{version}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

#: Versions of Checkout that Kasir answers, and the one it uses for its own calls. Adyen's older
#: pages about GoPay call v68 to v70.
VERSIONS: Final = (68, 69, 70, 71, 72)
OWN_VERSION: Final = 72
#: The one version of the classic Recurring API that Kasir answers and uses.
RECURRING_VERSION: Final = 68

#: The longest idempotency key that Adyen accepts (API idempotency page).
IDEMPOTENCY_KEY_MAX: Final = 64

#: The metadata pair with Kasir's own id; Adyen repeats metadata in notifications.
METADATA_PAYMENT_ID: Final = "kasirPaymentId"

_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")


#: Calls by POST that change nothing.
_READ_ONLY: Final = frozenset({"/paymentMethods", "/listRecurringDetails"})


class Api(StrEnum):
    """Which of Adyen's APIs is called."""

    CHECKOUT = "checkout"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True)
class Call:
    """One call to Adyen, complete before it is sent and never changed."""

    path: str
    body: bytes = b""
    version: int = OWN_VERSION
    key: str | None = None
    method: str = "POST"
    api: Api = Api.CHECKOUT

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent twice: it has an idempotency key, or it only reads."""
        return self.key is not None or self.path in _READ_ONLY


def redirect_result(text: str) -> str:
    """A redirectResult as Adyen made it, whether it came URL-encoded or decoded.

    Adyen says to decode it once, and shops forget. Decoding a decoded one changes nothing: it
    never contains a percent sign.
    """
    return unquote(text) if _ESCAPED.search(text) else text


def payment_key(payment_id: str) -> str:
    """The one idempotency key of a payment, forever."""
    return f"kasir-{payment_id}"


def change_key(change_id: str) -> str:
    """The one idempotency key of a refund, capture or cancel, forever."""
    return f"kasir-{change_id}"


def details_key(result: str) -> str:
    """The one idempotency key of a redirectResult, forever."""
    return f"kasir-det-{sha256(result.encode()).hexdigest()[:40]}"

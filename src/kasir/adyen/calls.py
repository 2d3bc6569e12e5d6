"""A call to Adyen as a value: where, with what words, under which idempotency key.

Nothing here sends anything. Paths stand under `{checkout}/v{version}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import unquote

#: Versions of Checkout that Kasir answers, and which it speaks by itself.
VERSIONS: Final = (71, 72)
OWN_VERSION: Final = 72
#: The one version of the classic Recurring API that Kasir answers and speaks.
RECURRING_VERSION: Final = 68

#: Adyen takes idempotency keys up to this length (API idempotency page).
IDEMPOTENCY_KEY_MAX: Final = 64

#: The metadata pair under which Kasir's own id travels; Adyen echoes metadata in notifications.
METADATA_PAYMENT_ID: Final = "kasirPaymentId"

_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")


#: Calls by POST that change nothing.
_ONLY_LOOK: Final = frozenset({"/paymentMethods", "/listRecurringDetails"})


class Api(StrEnum):
    """Which of Adyen's APIs is called."""

    CHECKOUT = "checkout"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True)
class Call:
    """One call to Adyen, settled before it is sent: its words never change afterwards."""

    path: str
    body: bytes = b""
    version: int = OWN_VERSION
    key: str | None = None
    method: str = "POST"
    api: Api = Api.CHECKOUT

    @property
    def bears_repeating(self) -> bool:
        """Whether asking twice is asking once: under a key, or where it only looks."""
        return self.key is not None or self.path in _ONLY_LOOK


def redirect_result(text: str) -> str:
    """A redirectResult as Adyen made it, whether it came URL-encoded or decoded.

    Adyen says to decode it once, and shops forget. Decoding a decoded one does no harm: its
    letters never include a percent sign.
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

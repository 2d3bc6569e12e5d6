"""Questions to the provider, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from kasir.ids import PaymentId
from kasir.payments.facts import Fact
from kasir.payments.matching import Clues
from kasir.payments.payment import Payment


class Kind(StrEnum):
    """What a question asks of the provider."""

    #: A payment.
    PAYMENTS = "payments"
    #: The status of a payment, after the shopper came back.
    DETAILS = "details"
    #: To capture an authorised payment.
    CAPTURES = "captures"
    #: To refund money.
    REFUNDS = "refunds"
    #: To cancel an authorised payment that was not captured.
    CANCELS = "cancels"
    #: To cancel or refund a payment, whichever applies.
    REVERSALS = "reversals"
    #: To cancel a payment by the shop's reference, where its pspReference is not known.
    CANCELS_BY_REFERENCE = "cancels_by_reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call to the provider, written down before it is sent; its body never changes.

    Attributes:
        key: Its idempotency key at the provider, one per intent, forever.
        kind: What it asks.
        payment_id: Which payment it is about; None where only the answer can tell.
        version: The version of the provider's API.
        path: Where it is sent.
        body: The exact bytes.
        opened_at: When it was written down.
        asked_at: When it was last sent.
        tries: How often it was sent, or may have been, without an answer.
        fields: The body, decoded, where it was just encoded; None where it comes from the database.
    """

    key: str
    kind: Kind
    payment_id: PaymentId | None
    version: int
    path: str
    body: bytes
    opened_at: datetime
    asked_at: datetime
    tries: int = 0
    fields: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def was_sent_before(self) -> bool:
        """Whether it may have reached the provider before, and had its effect."""
        return self.tries > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """A final answer, as it is kept: whoever asks the same again gets these bytes.

    `fields` is the body, decoded, where it has just come; None where it comes from the database.
    """

    status: int
    body: bytes
    psp_reference: str = ""
    fields: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No final answer came: the outcome is unknown.

    `error` describes the provider's error, for people; empty where it did not answer.
    """

    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The result of sending a question.

    Attributes:
        answer: The answer to keep; None while the outcome is unknown.
        facts: What it says of the payment it is about.
        clues: Which payment that is; None where there is no answer.
        error: The error that came instead of a final answer, for people; empty where none came.
    """

    answer: KeptAnswer | None
    facts: tuple[Fact, ...]
    clues: Clues | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopKey:
    """The shop's own idempotency key and a fingerprint of the body it came with."""

    key: str
    fingerprint: bytes


#: Decides on a change under the payment's lock: returns the facts that record it, or raises.
Decide = Callable[[Payment], Sequence[Fact]]

"""Questions: calls to the provider that are stored before they are sent, and their results."""

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
    """What a call requests from the provider."""

    #: A payment.
    PAYMENTS = "payments"
    #: The status of a payment, after the shopper returned.
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
    """A call to the provider, stored before it is sent. Its body never changes.

    Attributes:
        key: The idempotency key of the call at the provider, which never changes.
        kind: What the call requests.
        payment_id: The payment that the call belongs to; None if only the answer shows the payment.
        version: The version of the provider's API.
        path: The path that is called.
        body: The exact bytes of the body.
        opened_at: When the call was stored.
        asked_at: When the call was last sent.
        tries: How many times the call was sent, or may have been sent, without an answer.
        fields: The decoded body of a new call; None if the call was read from the database.
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
        """Whether an earlier try may have reached the provider and been executed."""
        return self.tries > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """A final answer, as it is stored. Every later caller with the same key gets the same bytes.

    `fields` is the decoded body of a new answer; None if the answer was read from the database.
    """

    status: int
    body: bytes
    psp_reference: str = ""
    fields: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No final answer came: the outcome is unknown.

    `error` describes the provider's error, for people; empty if the provider did not answer.
    """

    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The result of one call to the provider.

    Attributes:
        answer: The final answer, to be stored; None if the outcome is unknown.
        facts: The facts of a payment that follow from the result.
        clues: The parts of the answer that show which payment it belongs to; None without an
            answer.
        error: The error that came instead of a final answer, as a sentence; may be empty.
    """

    answer: KeptAnswer | None
    facts: tuple[Fact, ...]
    clues: Clues | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopKey:
    """The idempotency key of a shop's request, and a fingerprint of that request."""

    key: str
    fingerprint: bytes


#: Decides on a change while the payment's row is locked. Returns the facts to record, or raises an
#: error if the change is not allowed.
Decide = Callable[[Payment], Sequence[Fact]]

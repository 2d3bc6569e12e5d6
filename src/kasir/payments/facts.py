"""A fact: one thing known about a payment, and its source. Appended, never overwritten.

A fact that is recorded twice counts once: two facts with the same key say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from kasir.money import Money


class Source(StrEnum):
    """Where a fact comes from."""

    #: The provider's answer to our call for the payment or a change of it.
    REPLY = "reply"
    #: The provider's answer after the shopper came back.
    DETAILS = "details"
    #: A notification of the provider.
    NOTIFICATION = "notification"
    #: A request of the shop.
    SHOP = "shop"
    #: Kasir itself: an expiry, or a call without an answer.
    KASIR = "kasir"


class Says(StrEnum):
    """What a fact says."""

    #: A call had no answer. Any answer to the same call replaces it.
    UNKNOWN = "unknown"
    #: The provider rejected the request: there is no payment.
    FAILED = "failed"
    #: The shopper was sent to the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: The provider has it, without a result yet.
    PENDING = "pending"
    #: The money is authorised.
    AUTHORISED = "authorised"
    #: The wallet refused.
    REFUSED = "refused"
    #: The attempt was cancelled before money moved.
    CANCELLED = "cancelled"
    #: The attempt ran out of time.
    EXPIRED = "expired"
    #: An authorised payment was cancelled before it was captured.
    VOIDED = "voided"
    #: The shop asked for a capture.
    CAPTURE_ASKED = "capture_asked"
    #: The capture was not possible: the money stays authorised.
    CAPTURE_REJECTED = "capture_rejected"
    #: The money was captured, where capture is a separate step.
    CAPTURED = "captured"
    #: The capture failed afterwards.
    CAPTURE_FAILED = "capture_failed"
    #: The shop asked for a cancel.
    CANCEL_ASKED = "cancel_asked"
    #: The cancel was not possible: the payment remains as it is.
    CANCEL_REJECTED = "cancel_rejected"
    #: The provider accepted the request for a capture or a cancel, and gave it a pspReference.
    CHANGE_RECEIVED = "change_received"
    #: The provider rejected the request for a capture or a cancel: nothing changes.
    CHANGE_DECLINED = "change_declined"
    #: The shop asked for a reversal: a cancel or a refund of the whole.
    REVERSAL_ASKED = "reversal_asked"
    #: The shop asked for a refund.
    REFUND_ASKED = "refund_asked"
    #: The provider accepted the request for a refund, and gave it a pspReference.
    REFUND_RECEIVED = "refund_received"
    #: The provider rejected the request for a refund: nothing is refunded.
    REFUND_DECLINED = "refund_declined"
    #: The refund succeeded.
    REFUND_CONFIRMED = "refund_confirmed"
    #: The refund was not possible.
    REFUND_REJECTED = "refund_rejected"
    #: The refund failed afterwards.
    REFUND_FAILED = "refund_failed"
    #: The refunded money returned to the shop.
    REFUND_REVERSED = "refund_reversed"
    #: A dispute was announced; no money has moved.
    DISPUTE_ANNOUNCED = "dispute_announced"
    #: A dispute took the money from the shop.
    CHARGED_BACK = "charged_back"
    #: The shop won the dispute and has the money again.
    CHARGEBACK_REVERSED = "chargeback_reversed"
    #: The dispute took the money again, finally.
    SECOND_CHARGEBACK = "second_chargeback"
    #: Another amount was paid than was asked for. It does not count as paid.
    AMOUNT_MISMATCH = "amount_mismatch"
    #: A message may be about this payment, and nothing proves it: a person must look.
    NEEDS_ATTENTION = "needs_attention"
    #: Shown on the payment's timeline; changes nothing.
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class DisputeDetails:
    """What the provider says of a dispute beside its amount; empty where it says nothing.

    Attributes:
        reason: Why the payment is disputed.
        reason_code: The same as a code of the payment method.
        deadline: Until when the dispute can be answered.
        status: Its status, in the provider's word.
    """

    reason: str = ""
    reason_code: str = ""
    deadline: datetime | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a payment.

    Attributes:
        key: Names this fact within its payment; the same key is the same fact.
        says: What it means.
        source: Where it comes from.
        at: When it happened (the provider's own time where it gives one).
        about: The idempotency key of the call that it belongs to; may be empty.
        psp_reference: The pspReference of the attempt; empty where it is not known.
        modification: The pspReference of the refund, capture, dispute or offer; may be empty.
        amount: The money, if any.
        words: The provider's own words, shown to operators.
        dispute: The details of a dispute, if it is about one.
    """

    key: str
    says: Says
    source: Source
    at: datetime
    about: str = ""
    psp_reference: str = ""
    modification: str = ""
    amount: Money | None = None
    words: str = ""
    dispute: DisputeDetails | None = None


_RETURNED: Final = "returned"


def returned(at: datetime) -> Fact:
    """The fact that somebody came to this payment's return URL; recorded once."""
    words = "the shopper came back from the wallet"
    return Fact(key=_RETURNED, says=Says.NOTED, source=Source.KASIR, at=at, words=words)


def unanswered_key(question_key: str) -> str:
    """The key of the fact that a call, known by its idempotency key, had no answer."""
    return f"unknown:{question_key}"


def has_returned(facts: Iterable[Fact]) -> bool:
    """Whether somebody came to this payment's return URL."""
    return any(fact.key == _RETURNED for fact in facts)

"""A fact: one thing known about a payment, and its source. Facts are never changed or deleted.

A fact that is recorded twice counts once, because two facts of a payment with the same `key` are
the same fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from kasir.money import Money


class Source(StrEnum):
    """The source of a fact."""

    #: The provider's answer to Kasir's call for the payment or for a change of it.
    REPLY = "reply"
    #: The provider's answer after the shopper returned.
    DETAILS = "details"
    #: A notification of the provider.
    NOTIFICATION = "notification"
    #: A request of the shop.
    SHOP = "shop"
    #: Kasir itself: an expiry, or a call without an answer.
    KASIR = "kasir"


class Says(StrEnum):
    """The meaning of a fact."""

    #: A call had no answer. Any answer to the same call replaces this fact.
    UNKNOWN = "unknown"
    #: The provider rejected the request, so there is no payment.
    FAILED = "failed"
    #: The shopper was sent to the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: The provider has the payment, without a result yet.
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
    #: The shop requested a capture.
    CAPTURE_ASKED = "capture_asked"
    #: The provider reported that the capture is not possible, so the money stays authorised.
    CAPTURE_REJECTED = "capture_rejected"
    #: The money was captured, where capture is a separate step.
    CAPTURED = "captured"
    #: The capture failed afterwards.
    CAPTURE_FAILED = "capture_failed"
    #: The shop requested a cancel.
    CANCEL_ASKED = "cancel_asked"
    #: The provider reported that the cancel is not possible, so the payment does not change.
    CANCEL_REJECTED = "cancel_rejected"
    #: The provider accepted the request for a capture or a cancel, and gave it a pspReference.
    CHANGE_RECEIVED = "change_received"
    #: The provider rejected the request for a capture or a cancel, so nothing changes.
    CHANGE_DECLINED = "change_declined"
    #: The shop requested a reversal: a cancel or a refund of the whole payment.
    REVERSAL_ASKED = "reversal_asked"
    #: The shop requested a refund.
    REFUND_ASKED = "refund_asked"
    #: The provider accepted the request for a refund, and gave it a pspReference.
    REFUND_RECEIVED = "refund_received"
    #: The provider rejected the request for a refund, so nothing is refunded.
    REFUND_DECLINED = "refund_declined"
    #: The refund succeeded.
    REFUND_CONFIRMED = "refund_confirmed"
    #: The provider reported that the refund is not possible.
    REFUND_REJECTED = "refund_rejected"
    #: The refund failed afterwards.
    REFUND_FAILED = "refund_failed"
    #: The refunded money returned to the shop.
    REFUND_REVERSED = "refund_reversed"
    #: A dispute was announced; no money has moved.
    DISPUTE_ANNOUNCED = "dispute_announced"
    #: A dispute took the money from the shop.
    CHARGED_BACK = "charged_back"
    #: The shop won the dispute and got the money back.
    CHARGEBACK_REVERSED = "chargeback_reversed"
    #: The dispute took the money again, finally.
    SECOND_CHARGEBACK = "second_chargeback"
    #: The paid amount is not the requested amount. The payment does not count as paid.
    AMOUNT_MISMATCH = "amount_mismatch"
    #: A message may be about this payment, but nothing proves it. A person must decide.
    NEEDS_ATTENTION = "needs_attention"
    #: The fact is shown on the payment's timeline, and changes nothing.
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class DisputeDetails:
    """The provider's details of a dispute, without the amount; empty where not given.

    Attributes:
        reason: The provider's text of the reason.
        reason_code: The payment method's code of the reason.
        deadline: Until when the shop can defend the dispute.
        status: The provider's name of the status.
    """

    reason: str = ""
    reason_code: str = ""
    deadline: datetime | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a payment.

    Attributes:
        key: The fact's id within its payment. Two facts with the same `key` are the same fact.
        says: The fact's meaning.
        source: The fact's source.
        at: The time of the reported event, by the provider's clock if the provider gives a time.
        about: The idempotency key of the call that the fact belongs to; may be empty.
        psp_reference: The pspReference of the attempt; empty if not known.
        modification: The pspReference of the capture, refund, cancel, dispute or offer; may be
            empty.
        amount: The money, if any.
        words: The provider's or Kasir's text, shown to operators.
        dispute: The details of a dispute; None if the fact has none.
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


#: The `Fact.key` of the fact that the return URL was visited.
_RETURNED: Final = "returned"


def returned(at: datetime) -> Fact:
    """The fact that the return URL of this payment was visited; recorded once."""
    words = "the shopper came back from the wallet"
    return Fact(key=_RETURNED, says=Says.NOTED, source=Source.KASIR, at=at, words=words)


def unanswered_key(question_key: str) -> str:
    """The `Fact.key` of the fact that the call with this idempotency key had no answer."""
    return f"unknown:{question_key}"


def has_returned(facts: Iterable[Fact]) -> bool:
    """Whether the return URL of this payment was visited."""
    return any(fact.key == _RETURNED for fact in facts)

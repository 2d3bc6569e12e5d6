"""A fact: one thing learnt about a payment, and where from. Appended, never overwritten.

Hearing a fact twice is hearing it once: the key sees to it. Two facts with one key say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from kasir.money import Money


class Source(StrEnum):
    """Where a fact was learnt."""

    #: The provider's answer when the payment was asked for.
    REPLY = "reply"
    #: The provider's answer after the shopper came back.
    DETAILS = "details"
    #: The provider told us by itself.
    NOTIFICATION = "notification"
    #: The shop asked for something.
    SHOP = "shop"
    #: Kasir itself: an expiry, a call without an answer.
    KASIR = "kasir"


class Says(StrEnum):
    """What a fact says."""

    #: We asked and did not hear. Lifted by any answer to the same call.
    UNKNOWN = "unknown"
    #: The request was wrong: no payment came of it.
    FAILED = "failed"
    #: The shopper was sent to the wallet.
    AWAITING_SHOPPER = "awaiting_shopper"
    #: The provider has it and does not know the end yet.
    PENDING = "pending"
    #: The money is the shop's.
    AUTHORISED = "authorised"
    #: The wallet said no.
    REFUSED = "refused"
    #: The attempt was cancelled before money moved.
    CANCELLED = "cancelled"
    #: The attempt ran out of time.
    EXPIRED = "expired"
    #: An authorised payment was undone before its money was taken.
    VOIDED = "voided"
    #: The shop asked for the money to be taken.
    CAPTURE_ASKED = "capture_asked"
    #: That was not possible: the money stays authorised.
    CAPTURE_REJECTED = "capture_rejected"
    #: The money was taken, where that is a step of its own.
    CAPTURED = "captured"
    #: The money could not be taken after all.
    CAPTURE_FAILED = "capture_failed"
    #: The shop asked for the payment to be cancelled.
    CANCEL_ASKED = "cancel_asked"
    #: That was not possible: the payment stands.
    CANCEL_REJECTED = "cancel_rejected"
    #: The provider took the request for a capture or a cancel, and gave it a name.
    CHANGE_RECEIVED = "change_received"
    #: The provider would not even take that request: nothing comes of it.
    CHANGE_DECLINED = "change_declined"
    #: The shop asked for the whole to be undone, by a cancel or by a refund.
    REVERSAL_ASKED = "reversal_asked"
    #: The shop asked for money to go back.
    REFUND_ASKED = "refund_asked"
    #: The provider took the request, and gave it a name.
    REFUND_RECEIVED = "refund_received"
    #: The provider would not even take the request: nothing goes back.
    REFUND_DECLINED = "refund_declined"
    #: The money goes back.
    REFUND_CONFIRMED = "refund_confirmed"
    #: The refund was not possible.
    REFUND_REJECTED = "refund_rejected"
    #: The refund bounced afterwards.
    REFUND_FAILED = "refund_failed"
    #: The refunded money came back to the shop.
    REFUND_REVERSED = "refund_reversed"
    #: The shopper's side means to take the money back; it has not moved.
    DISPUTE_ANNOUNCED = "dispute_announced"
    #: The shopper's side took the money back.
    CHARGED_BACK = "charged_back"
    #: That was undone.
    CHARGEBACK_REVERSED = "chargeback_reversed"
    #: The shopper's side took it back again, and for good.
    SECOND_CHARGEBACK = "second_chargeback"
    #: Money came for another amount than was asked. It is not the payment that was agreed on.
    AMOUNT_MISMATCH = "amount_mismatch"
    #: Something came that may be this payment's, and nothing proves it: a person must look.
    NEEDS_ATTENTION = "needs_attention"
    #: Worth keeping on the timeline; changes nothing.
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class DisputeDetails:
    """What the provider says of a dispute beside its money; empty where it said nothing.

    Attributes:
        reason: Why the shopper's side wants the money back.
        reason_code: The same as a code of the payment method's.
        deadline: Until when the dispute can be answered.
        status: Where it stands, in the provider's word.
    """

    reason: str = ""
    reason_code: str = ""
    deadline: datetime | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing learnt.

    Attributes:
        key: Names this fact within its payment; the same key is the same fact.
        says: What it means.
        source: Where it was learnt.
        at: When it happened (the provider's own time where it gives one).
        about: The call it answers or leaves open, by its idempotency key; may be empty.
        psp_reference: The attempt it speaks of, at the provider; empty where none is known.
        modification: The refund, capture, dispute or offer it speaks of, at the provider; may be
            empty.
        amount: The money it speaks of, if any.
        words: The provider's own words, for the operator's eyes.
        dispute: What it says of a dispute, where it speaks of one.
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
    """Somebody came back from the wallet to this payment's return address: noted once."""
    words = "the shopper came back from the wallet"
    return Fact(key=_RETURNED, says=Says.NOTED, source=Source.KASIR, at=at, words=words)


def unanswered_key(question_key: str) -> str:
    """The key of the fact that a call, known by its idempotency key, had no answer."""
    return f"unknown:{question_key}"


def has_returned(facts: Iterable[Fact]) -> bool:
    """Whether somebody came back from the wallet to this payment's return address."""
    return any(fact.key == _RETURNED for fact in facts)

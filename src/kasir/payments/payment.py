"""A payment: one intent to be paid, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kasir.ids import LinkId, PaymentId
from kasir.money import Money
from kasir.payments.disputes import Dispute
from kasir.payments.endings import Ended
from kasir.payments.facts import Fact
from kasir.payments.refunds import Refund
from kasir.payments.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is written down before anybody is asked for money. It never changes.

    Attributes:
        id: Kasir's own name for it.
        reference: The shop's.
        amount: What is to be paid.
        method: The wallet, in the provider's word.
        return_url: Where the shopper comes back to.
        created_at: When it was written down.
        close_at: When an attempt that nobody finished is closed.
        captures_itself: Whether the money is taken as soon as it is authorised.
        model: What for, where it makes a token or charges one: the provider's word; else empty.
        consent: What the shopper agreed to, in the words that were shown; empty where not asked.
        shopper_reference: The shop's name for the shopper, if it gave one.
        link_id: The payment link it was made through, if any.
    """

    id: PaymentId
    reference: str
    amount: Money
    method: str
    return_url: str
    created_at: datetime
    close_at: datetime
    captures_itself: bool = True
    model: str = ""
    consent: str = ""
    shopper_reference: str = ""
    link_id: LinkId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a payment's facts come to: the part of it that is computed.

    Attributes:
        status: Where it stands.
        psp_reference: The provider's name for the attempt that counts.
        captured: Money taken.
        refunded: Money that went back and stayed there.
        charged_back: Money the shopper's side took back.
        refunds: Every refund, by name.
        endings: How captures and cancels ended, by name.
        disputes: Every dispute, oldest first.
        is_given_back: Whether it was paid, and all that was taken went back or was let go.
    """

    status: Status
    psp_reference: str
    captured: Money
    refunded: Money
    charged_back: Money
    refunds: tuple[Refund, ...] = ()
    endings: tuple[Ended, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    is_given_back: bool = False

    @property
    def is_disputed(self) -> bool:
        """Whether the shopper's side asked for its money back, whatever became of that."""
        return bool(self.disputes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """An intent, the facts known of it, and what they come to."""

    intent: Intent
    standing: Standing
    facts: tuple[Fact, ...]

    @property
    def status(self) -> Status:
        """Where it stands."""
        return self.standing.status

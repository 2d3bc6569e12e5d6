"""A payment: the stored intent, its facts, and their summary."""

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
    """The payment to make, stored before the provider is called. An intent never changes.

    Attributes:
        id: Kasir's id of the payment.
        reference: The merchant reference.
        amount: The requested amount.
        method: The provider's name of the wallet.
        return_url: The address to which the shopper returns.
        created_at: When the intent was stored.
        close_at: When an attempt that the shopper did not finish is closed.
        captures_itself: Whether the money is captured as soon as it is authorised.
        model: The recurring processing model, if the payment makes or charges a token; else empty.
        consent: The consent text that was shown to the shopper; empty if none was shown.
        shopper_reference: The shop's id of the shopper; empty if the shop gave none.
        link_id: The payment link through which the payment was made, if any.
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
class Summary:
    """The part of a payment that is computed from its facts.

    Attributes:
        status: The status.
        psp_reference: The pspReference of the paid attempt, else of any attempt; may be empty.
        captured: Money captured.
        refunded: Money refunded, without refunds that returned to the shop.
        charged_back: Money lost in disputes.
        refunds: Every refund, by name.
        endings: How captures and cancels ended, by name.
        disputes: Every dispute, oldest first.
        is_given_back: Whether the payment was paid, and then cancelled or fully refunded.
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
        """Whether there is or was a dispute, with any result."""
        return bool(self.disputes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """An intent, its facts, and their summary."""

    intent: Intent
    summary: Summary
    facts: tuple[Fact, ...]

    @property
    def status(self) -> Status:
        """The status."""
        return self.summary.status

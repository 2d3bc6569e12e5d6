"""A renewal: one period of one subscription, to be paid once, in as many attempts as it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from kasir.ids import PaymentId
from kasir.money import Money
from kasir.payments.status import FINAL, Status
from kasir.subscriptions.dunning import Reason

#: The longest reference that the provider takes.
REFERENCE_MAX: Final = 80
#: What the longest period adds to a subscription's own reference.
_SUFFIX_MAX: Final = len("-p99999")
OWN_REFERENCE_MAX: Final = REFERENCE_MAX - _SUFFIX_MAX


class Outcome(StrEnum):
    """What became of a renewal."""

    #: It is being asked for.
    OPEN = "open"
    #: Paid.
    PAID = "paid"
    #: Refused to the end, or another period began meanwhile.
    UNPAID = "unpaid"
    #: Its whole period went by while nobody was there to charge it. Never charged afterwards.
    MISSED = "missed"


class TakenBack(StrEnum):
    """Why money that was paid for a period did not stay with the shop."""

    #: The shopper's side asked for it back, whatever became of that.
    DISPUTED = "disputed"
    #: All of it was refunded, or the payment was cancelled after it was made.
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A payment of a subscription that was taken back, and what that leads to is not done yet.

    Attributes:
        why: How it was taken back.
        period: The period that it was for.
        number: Which attempt it was.
        payment_id: The payment.
        psp_reference: The provider's name for it.
    """

    why: TakenBack
    period: int
    number: int
    payment_id: PaymentId
    psp_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One payment for a renewal.

    Attributes:
        number: 1 for the first.
        at: When it counts as asked for.
        asked_at: When it was asked for; another moment only by a test clock that leapt.
        status: Where its payment stands.
        reason: Why it was refused; None while it was not.
        refusal_handled: Whether what follows from its refusal was done.
        paid_at: When it was first heard to be authorised; None while it is not.
        payment_id: Its payment; None while the shopper has not come to pay.
        psp_reference: The provider's name for it; empty while there is none.
        is_sent: Whether the provider may have heard of it. Until then it can be withdrawn.
        is_surplus: Whether its money came for a period that needed none any more.
    """

    number: int
    at: datetime
    asked_at: datetime
    status: Status
    reason: Reason | None = None
    refusal_handled: bool = False
    paid_at: datetime | None = None
    payment_id: PaymentId | None = None
    psp_reference: str = ""
    is_sent: bool = True
    is_overpaid: bool = False

    @property
    def is_paid(self) -> bool:
        """Whether its money pays the period."""
        return self.status is Status.AUTHORISED and not self.is_overpaid

    @property
    def is_final(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.status in FINAL

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was decided on, never sent, and is not to be any more."""
        return self.status is Status.CANCELLED and not self.is_sent

    @property
    def is_dropped(self) -> bool:
        """Whether no payment was ever opened for it, nor can be: nobody asked, nobody refused."""
        return self.status is Status.EXPIRED and self.payment_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One period's payment.

    Attributes:
        period: Which period; 1 begins at the anchor, 0 is the sign-up for a trial.
        due_at: When the period begins.
        amount: What it costs.
        reference: What its payments are called at the provider.
        outcome: What became of it.
        attempts: Its payments, first one first.
        next_try: When it is asked for again; None where nothing is planned.
        link_id: The payment link that the shopper was asked to pay it by; empty for none.
    """

    period: int
    due_at: datetime
    amount: Money
    reference: str
    outcome: Outcome = Outcome.OPEN
    attempts: tuple[Attempt, ...] = ()
    next_try: datetime | None = None
    link_id: str = ""

    @property
    def paid(self) -> Attempt | None:
        """The attempt that paid it, if one did."""
        return next((attempt for attempt in self.attempts if attempt.is_paid), None)

    @property
    def last(self) -> Attempt | None:
        """The last attempt that came to anything."""
        return next((one for one in reversed(self.attempts) if not one.is_dropped), None)

    @property
    def counts(self) -> Attempt | None:
        """The attempt that says where it stands: the one that paid, else the last."""
        return self.paid or self.last

    @property
    def unsent(self) -> Attempt | None:
        """An attempt that was decided on and never sent, if there is one."""
        return next((one for one in self.attempts if not (one.is_sent or one.is_final)), None)

    @property
    def unresolved(self) -> Attempt | None:
        """An attempt whose outcome is not known yet, if there is one."""
        return next((attempt for attempt in self.attempts if not attempt.is_final), None)

    @property
    def may_be_paid(self) -> bool:
        """Whether it is paid, or a charge of it may have been sent and has no outcome yet."""
        return self.paid is not None or (self.unresolved is not None and self.unsent is None)

    @property
    def technical_failures(self) -> int:
        """How often it was refused for technical reasons."""
        return sum(attempt.reason is Reason.TECHNICAL for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What is done about time that went by unseen.

    After downtime the current period is charged once, and periods that went by entirely are
    reported as missed and never charged. Only while a test clock was watched as it leapt is what
    fell due taken to happen when it fell due, one after another: a leap is not downtime.

    Attributes:
        watched_since: Since when a test clock was watched; None by a real one.
    """

    watched_since: datetime | None = None

    def moment(self, due_at: datetime, now: datetime) -> datetime:
        """When something that was due counts as happening."""
        if self.watched_since is not None and self.watched_since <= due_at <= now:
            return due_at
        return now


def closed(renewal: Renewal, outcome: Outcome) -> Renewal:
    """A renewal that is not asked for any more; what was never sent of it is withdrawn."""
    attempts = tuple(
        replace(one, status=Status.CANCELLED, refusal_handled=True)
        if one is renewal.unsent
        else one
        for one in renewal.attempts
    )
    return replace(renewal, outcome=outcome, attempts=attempts, next_try=None)


def reference_of(own: str, period: int, *, signs_up: bool) -> str:
    """What a renewal's payments are called: the subscription's reference, then which period.

    The payment that signs up bears the subscription's own reference, as any order does.
    """
    return own if signs_up else f"{own}-p{period}"

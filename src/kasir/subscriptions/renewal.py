"""A renewal: the payment of one period of one subscription, in one or more attempts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from kasir.ids import PaymentId
from kasir.money import Money
from kasir.payments.status import FINAL, Status
from kasir.subscriptions.dunning import Reason

#: The longest reference that the provider accepts, in characters.
REFERENCE_MAX: Final = 80
#: How many characters the longest period number adds to a subscription's reference.
_SUFFIX_MAX: Final = len("-p99999")
#: The longest reference that a subscription may have, in characters.
OWN_REFERENCE_MAX: Final = REFERENCE_MAX - _SUFFIX_MAX


class Outcome(StrEnum):
    """The outcome of a renewal."""

    #: It is not paid yet; it is charged or retried.
    OPEN = "open"
    #: It was paid.
    PAID = "paid"
    #: It was given up, because every try was refused or the next period began.
    UNPAID = "unpaid"
    #: Its whole period passed while Kasir was down. It is never charged.
    MISSED = "missed"


class TakenBack(StrEnum):
    """Why the shop lost money that was paid for a period."""

    #: The payment was disputed, whatever the outcome of the dispute.
    DISPUTED = "disputed"
    #: The payment was refunded in full, or cancelled after it was paid.
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A payment of a subscription that was taken back and is not handled yet.

    Attributes:
        why: Why the money is lost.
        period: The period of the payment.
        number: The attempt's number.
        payment_id: The payment.
        psp_reference: The provider's id of the payment.
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
        at: When the attempt was due, if a test clock leapt over that time; else as `asked_at`.
        asked_at: When the attempt was made.
        status: The status of its payment.
        reason: Why it was refused; None if it was not refused.
        refusal_handled: Whether its refusal was handled.
        paid_at: When its payment was first authorised; None if it was not.
        payment_id: Its payment; None while the shopper has not opened one.
        psp_reference: The provider's id of its payment; empty while there is none.
        is_sent: Whether it may have reached the provider. Until then it can be withdrawn.
        is_overpaid: Whether its period did not need this payment: see `overpaying`.
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
        """Whether it pays the period."""
        return self.status is Status.AUTHORISED and not self.is_overpaid

    @property
    def is_final(self) -> bool:
        """Whether its status is final."""
        return self.status in FINAL

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was withdrawn before it was sent."""
        return self.status is Status.CANCELLED and not self.is_sent

    @property
    def is_dropped(self) -> bool:
        """Whether the shopper never opened a payment for it, so that it expired."""
        return self.status is Status.EXPIRED and self.payment_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One period's payment.

    Attributes:
        period: The number of the period: 0 for a trial, then 1 and so on.
        due_at: When the period begins.
        amount: The price of the period.
        reference: The reference of its payments at the provider.
        outcome: Its outcome, so far.
        attempts: Its attempts, the first one first.
        next_try: When it is retried; None if no retry is planned.
        link_id: The id of the payment link for the shopper; empty for none.
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
        """The attempt that paid the period, if there is one."""
        return next((attempt for attempt in self.attempts if attempt.is_paid), None)

    @property
    def last(self) -> Attempt | None:
        """The last attempt that was not dropped."""
        return next((one for one in reversed(self.attempts) if not one.is_dropped), None)

    @property
    def counts(self) -> Attempt | None:
        """The attempt whose status is the renewal's: the one that paid, else the last."""
        return self.paid or self.last

    @property
    def unsent(self) -> Attempt | None:
        """An attempt that was not sent and is not final, if there is one."""
        return next((one for one in self.attempts if not (one.is_sent or one.is_final)), None)

    @property
    def unresolved(self) -> Attempt | None:
        """An attempt whose status is not final, if there is one."""
        return next((attempt for attempt in self.attempts if not attempt.is_final), None)

    @property
    def may_be_paid(self) -> bool:
        """Whether it is paid, or has a charge that may have been sent and is not final."""
        return self.paid is not None or (self.unresolved is not None and self.unsent is None)

    @property
    def technical_failures(self) -> int:
        """How often it was refused for technical reasons."""
        return sum(attempt.reason is Reason.TECHNICAL for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """What is done about due times that passed before a worker noticed them.

    After downtime the current period is charged once. Periods that passed entirely are reported as
    missed and never charged. A leap of a test clock is no downtime: while Kasir follows a test
    clock, everything counts as happening when it was due.

    Attributes:
        test_clock_since: When Kasir began to follow a test clock; None with a real clock.
    """

    test_clock_since: datetime | None = None

    def effective_time(self, due_at: datetime, now: datetime) -> datetime:
        """The time at which something that was due at `due_at` counts as happening."""
        if self.test_clock_since is not None and self.test_clock_since <= due_at <= now:
            return due_at
        return now


def closed(renewal: Renewal, outcome: Outcome) -> Renewal:
    """A renewal that is not charged any more; an attempt that was never sent is withdrawn."""
    attempts = tuple(
        replace(one, status=Status.CANCELLED, refusal_handled=True)
        if one is renewal.unsent
        else one
        for one in renewal.attempts
    )
    return replace(renewal, outcome=outcome, attempts=attempts, next_try=None)


def reference_of(own: str, period: int, *, signs_up: bool) -> str:
    """The reference of a renewal's payments at the provider.

    It is the subscription's `own` reference, and for a renewal that is not the sign-up also the
    period, as in `SUB-1-p2`.
    """
    return own if signs_up else f"{own}-p{period}"

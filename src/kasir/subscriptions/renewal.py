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
#: How many characters the number of the period adds at most to the subscription's reference.
_SUFFIX_MAX: Final = len("-p99999")
#: The longest reference that a subscription may have, in characters.
OWN_REFERENCE_MAX: Final = REFERENCE_MAX - _SUFFIX_MAX


class Outcome(StrEnum):
    """The outcome of a renewal."""

    #: The renewal is not paid yet; it is charged or retried.
    OPEN = "open"
    #: The renewal was paid.
    PAID = "paid"
    #: The renewal was given up: every attempt was refused, the next period began, or the
    #: subscription was paused or ended.
    UNPAID = "unpaid"
    #: The whole period passed while Kasir was down. The renewal is never charged.
    MISSED = "missed"


class TakenBack(StrEnum):
    """Why the shop lost money that was paid for a period."""

    #: The payment was disputed, whatever the outcome of the dispute is.
    DISPUTED = "disputed"
    #: The payment was refunded in full, or cancelled after it was paid.
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A dispute or a full refund of a subscription's payment that is not handled yet.

    Attributes:
        why: Why the money is lost.
        period: The number of the period of the payment.
        number: The attempt's number within the period.
        payment_id: Kasir's id of the payment.
        psp_reference: The provider's id of the payment.
    """

    why: TakenBack
    period: int
    number: int
    payment_id: PaymentId
    psp_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to pay a renewal.

    Attributes:
        number: The number of the attempt; 1 for the first attempt.
        at: When the attempt was due, if a test clock leapt over that time; else as `asked_at`.
        asked_at: When the attempt was made.
        status: The status of the payment.
        reason: Why the attempt was refused; None if it was not refused.
        refusal_handled: Whether the refusal was handled.
        paid_at: When the payment was first authorised; None if it was not.
        payment_id: Kasir's id of the payment; None while the shopper has not opened one.
        psp_reference: The provider's id of the payment; empty while there is none.
        is_sent: Whether the call may have reached the provider. Otherwise it can be withdrawn.
        is_overpaid: Whether the period did not need this payment: see `overpaying`.
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
        """Whether the attempt pays the period."""
        return self.status is Status.AUTHORISED and not self.is_overpaid

    @property
    def is_final(self) -> bool:
        """Whether the status of the attempt is final."""
        return self.status in FINAL

    @property
    def is_withdrawn(self) -> bool:
        """Whether the attempt was withdrawn before it was sent."""
        return self.status is Status.CANCELLED and not self.is_sent

    @property
    def is_dropped(self) -> bool:
        """Whether the attempt expired because the shopper opened no payment for it."""
        return self.status is Status.EXPIRED and self.payment_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The payment of one period.

    Attributes:
        period: The number of the period: 0 for a trial, then 1 and so on.
        due_at: When the period begins.
        amount: The price of the period.
        reference: The merchant reference of the renewal's payments.
        outcome: The outcome so far.
        attempts: All attempts, the first one first.
        next_try: When the renewal is retried; None if no retry is planned.
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
        """The attempt whose status is the renewal's status: the paid attempt, else the last."""
        return self.paid or self.last

    @property
    def unsent(self) -> Attempt | None:
        """The attempt that was not sent and is not final, if there is one."""
        return next((one for one in self.attempts if not (one.is_sent or one.is_final)), None)

    @property
    def unresolved(self) -> Attempt | None:
        """The attempt whose status is not final, if there is one."""
        return next((attempt for attempt in self.attempts if not attempt.is_final), None)

    @property
    def may_be_paid(self) -> bool:
        """Whether the renewal is paid, or has a charge that may have been sent and is not final."""
        return self.paid is not None or (self.unresolved is not None and self.unsent is None)

    @property
    def technical_failures(self) -> int:
        """How often the renewal was refused for technical reasons."""
        return sum(attempt.reason is Reason.TECHNICAL for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Decides at what time a step happens that was due earlier.

    After downtime, a step happens now: the current period is charged once, and periods that passed
    entirely are reported as missed and never charged. A leap of a test clock is no downtime: while
    Kasir follows a test clock, each step happens when it was due.

    Attributes:
        test_clock_since: When Kasir began to follow a test clock; None with a real clock.
    """

    test_clock_since: datetime | None = None

    def effective_time(self, due_at: datetime, now: datetime) -> datetime:
        """The time at which a step happens that was due at `due_at`."""
        if self.test_clock_since is not None and self.test_clock_since <= due_at <= now:
            return due_at
        return now


def closed(renewal: Renewal, outcome: Outcome) -> Renewal:
    """The renewal with this outcome, no planned retry, and its unsent attempt withdrawn."""
    attempts = tuple(
        replace(one, status=Status.CANCELLED, refusal_handled=True)
        if one is renewal.unsent
        else one
        for one in renewal.attempts
    )
    return replace(renewal, outcome=outcome, attempts=attempts, next_try=None)


def reference_of(own: str, period: int, *, signs_up: bool) -> str:
    """The merchant reference of a renewal's payments.

    Args:
        own: The reference of the subscription, such as `SUB-1`.
        period: The number of the period.
        signs_up: Whether the renewal is the sign-up, whose payments have the reference `own`. The
            other renewals add the period, as in `SUB-1-p2`.
    """
    return own if signs_up else f"{own}-p{period}"

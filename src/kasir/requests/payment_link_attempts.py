"""How long an attempt to pay a link lasts, and when another attempt may be opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from kasir.gateway.close_calls import is_close_answered
from kasir.limits import Limits
from kasir.payments.payment import Payment
from kasir.payments.status import Status

#: The statuses of a payment that the shopper has not finished.
_UNFINISHED: Final = frozenset({Status.CREATED, Status.UNKNOWN, Status.AWAITING_SHOPPER})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTimes:
    """How long an attempt to pay a link lasts, and when the next attempt may be opened.

    Attributes:
        lifetime: How long the shopper may take to pay at the wallet.
        clock_margin: The most that Kasir's clock and Adyen's may differ.
        behind_max: The most that Adyen's notifications may be late.
    """

    lifetime: timedelta
    clock_margin: timedelta
    behind_max: timedelta

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """The times from the limits."""
        return cls(
            lifetime=timedelta(seconds=limits.attempt_lifetime_s),
            clock_margin=timedelta(seconds=limits.clock_margin_s),
            behind_max=timedelta(seconds=limits.behind_max_s),
        )

    def is_stale(self, payment: Payment, now: datetime) -> bool:
        """Whether the payment was not finished in time. A pending payment has no time limit."""
        return payment.status in _UNFINISHED and now >= payment.intent.close_at

    def is_left(self, payment: Payment, now: datetime) -> bool:
        """Whether another payment may be opened, because this one cannot be paid any more.

        Two conditions must hold. The time at the wallet is over, even if Kasir's clock and Adyen's
        differ. And the shopper did not pay, because either Adyen notified the result of the closing
        cancel, or so much time has passed that no notification is left in Adyen's queue.
        """
        overdue = now - payment.intent.close_at
        is_unpaid = is_close_answered(payment) or overdue >= self.behind_max
        return self.is_stale(payment, now) and overdue >= self.clock_margin and is_unpaid

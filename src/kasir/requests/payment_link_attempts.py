"""How long an attempt to pay a link lasts, and when another attempt may be opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from kasir.gateway.close_calls import is_close_answered
from kasir.limits import Limits
from kasir.payments.payment import Payment
from kasir.payments.status import Status

_STALE: Final = frozenset({Status.CREATED, Status.UNKNOWN, Status.AWAITING_SHOPPER})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTimes:
    """How long an attempt to pay a link lasts, and when the next one may be opened.

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
        """The times that the limits give."""
        return cls(
            lifetime=timedelta(seconds=limits.attempt_lifetime_s),
            clock_margin=timedelta(seconds=limits.clock_margin_s),
            behind_max=timedelta(seconds=limits.behind_max_s),
        )

    def is_stale(self, payment: Payment, now: datetime) -> bool:
        """Whether the payment was not finished in time. A pending payment has no time limit."""
        return payment.status in _STALE and now >= payment.intent.close_at

    def is_left(self, payment: Payment, now: datetime) -> bool:
        """Whether another payment may be opened, because this one cannot be paid any more.

        Its time at the wallet is over by any clock. In addition, either a notification had the
        result of the closing cancel, before which Adyen would have notified a payment; or no
        notification came for so long that Adyen's queue is empty again.
        """
        since = now - payment.intent.close_at
        is_confirmed = is_close_answered(payment) or since >= self.behind_max
        return self.is_stale(payment, now) and since >= self.clock_margin and is_confirmed

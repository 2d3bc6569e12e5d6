"""How long an attempt at a link lasts, and when another may be opened beside it."""

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
    """How long an attempt at a link lasts, and when the next one may be opened.

    Attributes:
        lifetime: How long the wallet has to be paid.
        clock_margin: How far Kasir's clock and Adyen's may differ.
        behind_max: How far Adyen's notifications may be behind.
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
        """Whether nobody finished it in its time. A pending payment has no such time."""
        return payment.status in _STALE and now >= payment.intent.close_at

    def is_left(self, payment: Payment, now: datetime) -> bool:
        """Whether another may be opened beside it: it was not paid and cannot be any more.

        Its time at the wallet is over by any clock, and a notification gave the result of the
        cancel that followed; a payment would have been notified before that. Where no notification
        comes, Adyen's queue has had the time to empty.
        """
        since = now - payment.intent.close_at
        is_confirmed = is_close_answered(payment) or since >= self.behind_max
        return self.is_stale(payment, now) and since >= self.clock_margin and is_confirmed

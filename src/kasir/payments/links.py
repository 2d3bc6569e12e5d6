"""A payment link: the shopper pays through it until it is paid, expired or withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kasir.ids import LinkId
from kasir.payments.payment import Payment
from kasir.payments.status import FINAL, Status


class LinkStatus(StrEnum):
    """The status of a link, with the names of Adyen's `paymentLinks`."""

    #: The link can be paid.
    ACTIVE = "active"
    #: A payment that was made through the link has no final status yet.
    PAYMENT_PENDING = "paymentPending"
    #: The link was paid.
    COMPLETED = "completed"
    #: The link can no longer be paid.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A payment link; `request` is the shop's request for it, decoded."""

    id: LinkId
    request: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    expired_by_shop_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether the link has expired, or the shop withdrew it."""
        return self.expired_by_shop_at is not None or now >= self.expires_at


def link_status(link: Link, payments: Sequence[Payment], now: datetime) -> LinkStatus:
    """The status of a link at the time `now`. A paid link that is not reusable stays completed."""
    return status_of({payment.status for payment in payments}, link, now)


def status_of(statuses: Collection[Status], link: Link, now: datetime) -> LinkStatus:
    """The status of a link at the time `now`, from the statuses of its payments."""
    statuses = frozenset(statuses)
    if Status.AUTHORISED in statuses and not link.request.get("reusable"):
        return LinkStatus.COMPLETED
    if link.expired_by_shop_at is not None:
        return LinkStatus.EXPIRED
    if link.is_over(now):  # A payment that began before the expiry may still become paid.
        return LinkStatus.EXPIRED if statuses <= FINAL else LinkStatus.PAYMENT_PENDING
    if statuses & {Status.PENDING, Status.UNKNOWN}:
        return LinkStatus.PAYMENT_PENDING
    return LinkStatus.ACTIVE

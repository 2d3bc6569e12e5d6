"""A payment: one intent to be paid, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kasir.ids import LinkId, PaymentId
from kasir.money import Money
from kasir.payments.facts import Fact
from kasir.payments.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is written down before anybody is asked for money. It never changes."""

    id: PaymentId
    reference: str
    amount: Money
    method: str
    return_url: str
    created_at: datetime
    shopper_reference: str = ""
    link_id: LinkId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """An intent with what became of it; `status` and the sums are folds over its facts."""

    intent: Intent
    status: Status
    psp_reference: str
    captured: Money
    refunded: Money
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a payment's facts come to: the part of its row that is computed."""

    status: Status
    psp_reference: str
    captured: Money
    refunded: Money

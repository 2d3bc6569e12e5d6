"""Disputed payments, and what a person must do about each, in Adyen's Customer Area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest
from kasir.ids import PaymentId
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.payments import fold
from kasir.payments.disputes import Dispute, DisputeStatus
from kasir.payments.payment import Payment
from kasir.store import payments as store
from kasir.store.database import Pool

#: A dispute that must be answered within this time is due soon.
_DUE_SOON: Final = timedelta(days=7)
#: A dispute without a deadline waits for a person for this long. Card schemes give 45 days at most.
_LOOKED_UP_WITHIN: Final = timedelta(days=45)


class Todo(StrEnum):
    """What a person must do about a dispute, in the Customer Area."""

    #: Accept or defend it before its deadline.
    DEFEND = "defend"
    #: Adyen's messages name no deadline: look whether it can be defended, and until when.
    LOOK_UP = "look_up"
    #: The deadline has passed: wait for the decision.
    WAIT = "wait"
    #: It is decided.
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class PaymentDispute:
    """A dispute, its payment, and what a person must do."""

    dispute: Dispute
    payment: Payment
    todo: Todo


@dataclass(frozen=True, slots=True)
class DisputePage:
    """The disputes of a page of payments; `after` is the next page's place, None at the end."""

    disputes: list[PaymentDispute]
    after: str | None


@dataclass(frozen=True, slots=True)
class OpenDisputes:
    """How many disputes wait for a person.

    Attributes:
        due_soon: Those that must be answered within seven days.
        others: Those that must be answered later, or for which Adyen has not said until when.
    """

    due_soon: int
    others: int


@dataclass(frozen=True, slots=True)
class Disputes:
    """The disputes of one account."""

    book: PostgresPaymentBook
    clock: Clock

    async def listed(self, limit: int, after: str = "") -> DisputePage:
        """List the disputes of up to `limit` payments, the newest payment first.

        Raises:
            InvalidRequest: `after` is not the place of a page.
        """
        if after and await self.book.payment(PaymentId(after)) is None:
            raise InvalidRequest([Fault("after", "must be `next` of an earlier page.")])
        payments = await self.book.disputed(after, limit + 1)
        page, now = payments[:limit], self.clock.now()
        return DisputePage(
            [
                PaymentDispute(dispute, payment, todo(dispute, now))
                for payment in page
                for dispute in reversed(payment.summary.disputes)
            ],
            _last_id(page) if len(payments) > limit else None,
        )


async def open_disputes(pool: Pool, now: datetime, most: int) -> OpenDisputes:
    """Count the disputes that wait for a person, of up to `most` payments, the newest."""
    intents = await store.disputed_intents(pool, "", most)
    facts = await store.facts_of(pool, [intent.id for intent in intents])
    due_soon = others = 0
    for intent in intents:
        for dispute in fold.payment(intent, facts[intent.id]).summary.disputes:
            due = todo(dispute, now)
            if due is Todo.DEFEND and dispute.deadline and dispute.deadline - now <= _DUE_SOON:
                due_soon += 1
            elif due is Todo.DEFEND or _is_to_look_up(dispute, due, now):
                others += 1
    return OpenDisputes(due_soon, others)


def _is_to_look_up(dispute: Dispute, due: Todo, now: datetime) -> bool:
    return due is Todo.LOOK_UP and now - dispute.opened_at <= _LOOKED_UP_WITHIN


def todo(dispute: Dispute, now: datetime) -> Todo:
    """What a person must do about a dispute. The deadline is Adyen's, and never inferred."""
    if dispute.status in {DisputeStatus.REVERSED, DisputeStatus.LOST}:
        return Todo.NOTHING
    if dispute.deadline is None:
        return Todo.LOOK_UP
    return Todo.DEFEND if now <= dispute.deadline else Todo.WAIT


def _last_id(page: Sequence[Payment]) -> str:
    return page[-1].intent.id

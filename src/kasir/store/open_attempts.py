"""Queries about unfinished attempts, and about how late notifications are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kasir.ids import PaymentId
from kasir.payments.deliveries import Deliveries
from kasir.payments.payment import Payment
from kasir.payments.status import FINAL, Status
from kasir.store.database import Connection, Pool, queries

SQL: Final = queries("due")

#: How many of the newest notices are read to find out how late notifications are.
_NEWEST: Final = 1000


async def deliveries(connection: Connection | Pool, late_after: timedelta) -> Deliveries:
    """Return how late the provider's notifications are, computed from the newest notices.

    Args:
        connection: The database.
        late_after: A notification that comes longer than this after its event is late.
    """
    row = await SQL.deliveries(connection, wait=late_after, most=_NEWEST)
    return Deliveries(
        notified_until=row["notified_until"],
        late_at=row["late_at"],
        unread_since=row["unread_since"],
    )


@dataclass(frozen=True, slots=True)
class PostgresOpenAttempts:
    """Queries about unfinished attempts; see `jobs.closing.OpenAttempts`.

    Attributes:
        pool: The database.
        late_after: A notification that comes longer than this after its event is late.
    """

    pool: Pool
    late_after: timedelta

    async def deliveries(self) -> Deliveries:
        """Return how late the provider's notifications are."""
        return await deliveries(self.pool, self.late_after)

    async def answered_at(self, changes: Sequence[str]) -> datetime | None:
        """When the provider first reported that one of these changes failed; None if never.

        `changes` are the pspReferences of the changes.
        """
        answered_at: datetime | None = await SQL.answered_at(self.pool, changes=changes)
        return answered_at

    async def has_others(self, payment: Payment, since: datetime) -> bool:
        """Whether a cancel by reference might cancel another payment than this one."""
        intent, unpaid = payment.intent, sorted(FINAL - {Status.AUTHORISED})
        has_others = await SQL.has_others(
            self.pool, id=intent.id, reference=intent.reference, since=since, ended=unpaid
        )
        return bool(has_others)

    async def is_held(self, reference: str) -> bool:
        """Whether a notice in the state HELD reports that this merchant reference was paid."""
        return bool(await SQL.is_held(self.pool, reference=reference))

    async def give_up(self, key: str) -> None:
        """Stop sending the unanswered question with this idempotency key."""
        await SQL.give_up_asking(self.pool, key=key)

    async def last_return(self, since: datetime) -> datetime | None:
        """When a shopper last returned with an answer of Adyen's that no payment owns.

        Only returns at `since` or later count. None if there is no such return.
        """
        returned_at: datetime | None = await SQL.last_return(self.pool, since=since)
        return returned_at

    async def postpone(self, payment_id: PaymentId, later: datetime) -> None:
        """Postpone the closing of an attempt to `later`; does nothing if it has ended."""
        await SQL.put_off_closing(self.pool, id=payment_id, later=later)

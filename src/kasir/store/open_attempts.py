"""What is known of attempts that nobody finished, and of how far notifications have come."""

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

#: How many of the newest notices are read to tell how far the provider has come.
_NEWEST: Final = 1000


async def deliveries(connection: Connection | Pool, late_after: timedelta) -> Deliveries:
    """How far the provider's notifications have come.

    Args:
        connection: The database.
        late_after: What is delivered longer than this after it happened is late.
    """
    row = await SQL.deliveries(connection, wait=late_after, most=_NEWEST)
    return Deliveries(
        notified_until=row["notified_until"],
        late_at=row["late_at"],
        unread_since=row["unread_since"],
    )


@dataclass(frozen=True, slots=True)
class PostgresOpenAttempts:
    """Attempts that nobody finished; see `jobs.closing.OpenAttempts`.

    Attributes:
        pool: The database.
        late_after: What is delivered longer than this after it happened is late.
    """

    pool: Pool
    late_after: timedelta

    async def deliveries(self) -> Deliveries:
        """How far the provider's notifications have come."""
        return await deliveries(self.pool, self.late_after)

    async def answered_at(self, changes: Sequence[str]) -> datetime | None:
        """When the provider said that one of these changes failed; None where it did not."""
        found: datetime | None = await SQL.answered_at(self.pool, changes=changes)
        return found

    async def has_others(self, payment: Payment, since: datetime) -> bool:
        """Whether a cancel by reference might hit another payment than this one."""
        intent, finals = payment.intent, sorted(FINAL - {Status.AUTHORISED})
        found = await SQL.has_others(
            self.pool, id=intent.id, reference=intent.reference, since=since, ended=finals
        )
        return bool(found)

    async def is_held(self, reference: str) -> bool:
        """Whether money came under a reference that may be ours, and nothing says whose it is."""
        return bool(await SQL.is_held(self.pool, reference=reference))

    async def give_up(self, key: str) -> None:
        """Stop asking a question that has no answer."""
        await SQL.give_up_asking(self.pool, key=key)

    async def last_return(self, since: datetime) -> datetime | None:
        """When a shopper last came back since then with a result that no payment owns yet."""
        found: datetime | None = await SQL.last_return(self.pool, since=since)
        return found

    async def put_off(self, payment_id: PaymentId, later: datetime) -> None:
        """Look again later at an attempt that could not be closed; nothing where it has ended."""
        await SQL.put_off_closing(self.pool, id=payment_id, later=later)

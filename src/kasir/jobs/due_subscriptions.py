"""The use case of due subscriptions: finds them by an index, no faster than Adyen may be called.

A search reads the index of due times from its beginning, so its cost grows with what is due, not
with what exists. The pace of a merchant account limits its renewals, however many workers search.
The pace is a row, and a worker that takes from it holds its lock until the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kasir.clock import Clock
from kasir.jobs.due import Enqueue
from kasir.jobs.kinds import JobKind
from kasir.store.database import Pool, queries, retried

SQL: Final = queries("subscriptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSubscriptions:
    """Finds subscriptions that are due by Kasir's clock, and queues a job for each.

    Attributes:
        pool: The database.
        clock: Kasir's clock.
        enqueue: Queues jobs, in the caller's transaction.
        merchant_account: The account whose pace limits the renewals.
        again_after: After how long a subscription is due again if its turn was not taken.
        batch_max: The most subscriptions that one search returns.
        per_s_max: How many turns may be taken in a second, over all workers.
    """

    pool: Pool
    clock: Clock
    enqueue: Enqueue
    merchant_account: str
    again_after: timedelta
    batch_max: int
    per_s_max: float

    @retried
    async def look(self) -> int:
        """Queue jobs for due subscriptions, as many as the pace allows; return how many."""
        now = self.clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            due = SQL.due(connection, now=now, most=self.batch_max)
            found = [(row["id"], row["ctid"]) async for row in due]
            if not found:
                return 0
            account = self.merchant_account
            allowed = await SQL.pace(connection, merchant_account=account, per_s=self.per_s_max)
            taken = found[: max(0, allowed)]
            if not taken:
                return 0
            seconds = len(taken) / self.per_s_max
            await SQL.give_out(connection, merchant_account=account, seconds=seconds)
            row_addresses = [ctid for _, ctid in taken]
            until = now + self.again_after
            await SQL.take(connection, row_addresses=row_addresses, until=until)
            await self.enqueue(connection, JobKind.RENEW, [name.encode() for name, _ in taken])
        return len(taken)

"""The use case of due subscriptions: queues their turns, at a limited rate per merchant account.

A search reads the index of due times from its beginning, so the cost depends on how many
subscriptions are due, not on how many exist. The rate of a merchant account limits its renewals per
second over all workers. The used part of the rate is stored in a row of the table `pace`, which a
worker locks until the commit.
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
        merchant_account: The merchant account whose rate limits the renewals.
        again_after: After how long a subscription is due again if its turn did not run.
        batch_max: The most subscriptions that one search returns.
        per_s_max: How many turns may run in a second, over all workers.
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
        """Queue jobs for due subscriptions, as many as the rate allows; return how many."""
        now = self.clock.now()
        async with self.pool.acquire() as connection, connection.transaction():
            due = SQL.due(connection, now=now, most=self.batch_max)
            found = [(row["id"], row["ctid"]) async for row in due]  # `ctid`: the row's address.
            if not found:
                return 0
            account = self.merchant_account
            allowed = await SQL.pace(connection, merchant_account=account, per_s=self.per_s_max)
            chosen = found[: max(0, allowed)]
            if not chosen:
                return 0
            seconds = len(chosen) / self.per_s_max
            await SQL.give_out(connection, merchant_account=account, seconds=seconds)
            row_addresses = [ctid for _, ctid in chosen]
            until = now + self.again_after
            await SQL.take(connection, row_addresses=row_addresses, until=until)
            payloads = [subscription_id.encode() for subscription_id, _ in chosen]
            await self.enqueue(connection, JobKind.RENEW, payloads)
        return len(chosen)

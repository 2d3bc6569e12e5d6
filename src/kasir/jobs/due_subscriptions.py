"""The use case of due subscriptions: finds them by index, no faster than Adyen may be called.

A look reads the index of due moments from its beginning, so it costs what is due and not what
exists. However many workers look, one merchant account is called for renewals no more often than
its pace allows: the pace is a row, and whoever takes from it holds it until the commit.
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
        clock: What time it is.
        enqueue: Queues jobs, in the transaction at hand.
        merchant_account: Whose pace it is.
        again_after: When a subscription is due again if nobody took its turn.
        batch_max: How many one look takes.
        per_s_max: How many may take their turns in a second, over all workers.
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
        """Take what is due, as far as the pace allows, and return how many that were."""
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
            places = [place for _, place in taken]
            await SQL.take(connection, places=places, until=now + self.again_after)
            await self.enqueue(connection, JobKind.RENEW, [name.encode() for name, _ in taken])
        return len(taken)

"""Which subscriptions have something to do: found by index, and no faster than Adyen is called.

A look reads the index of due moments from its beginning, so it costs what is due and not what
exists. However many workers look, one merchant account is called for renewals no more often than
its pace allows: the pace is a row, and whoever takes from it holds it until the commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kasir.clock import Clock
from kasir.store.database import Connection, Pool, once_more, queries

SQL: Final = queries("subscriptions")

GO_ON: Final = "subscription"

Enqueue = Callable[[Connection, str, Sequence[bytes]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionsDue:
    """Looks for subscriptions that are due by Kasir's clock, and has workers let them go on.

    Attributes:
        pool: The database.
        clock: What time it is.
        enqueue: Puts jobs in, in the transaction at hand.
        merchant_account: Whose pace it is.
        again_after: When something comes up again if nobody finished it.
        batch_max: How much one look takes.
        per_s_max: How many may go on in a second, over all workers.
    """

    pool: Pool
    clock: Clock
    enqueue: Enqueue
    merchant_account: str
    again_after: timedelta
    batch_max: int
    per_s_max: float

    @once_more
    async def look(self) -> int:
        """Take what is due, as far as the pace allows; returns how much that was."""
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
            await self.enqueue(connection, GO_ON, [name.encode() for name, _ in taken])
        return len(taken)

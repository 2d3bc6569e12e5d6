"""What is due: found by index, a batch at a time, so that a look costs what is due and no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kasir.clock import Clock
from kasir.ids import PaymentId
from kasir.store.database import Connection, Pool, queries
from kasir.store.ledger import Ledger

SQL: Final = queries("due")
TOKENS: Final = queries("tokens")

ASK_AGAIN: Final = "ask_again"
CLOSE: Final = "close"
DELIVER: Final = "deliver"
RECONCILE: Final = "reconcile"

Enqueue = Callable[[Connection, str, Sequence[bytes]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Due:
    """Looks for what is due by Kasir's clock, and has the workers do it.

    Attributes:
        pool: The database.
        ledger: Tells held news.
        clock: What time it is.
        enqueue: Puts jobs in, in the transaction at hand.
        again_after: When something comes up again if nobody finished it.
        batch_max: How much one look takes.
    """

    pool: Pool
    ledger: Ledger
    clock: Clock
    enqueue: Enqueue
    again_after: timedelta
    batch_max: int

    async def look(self) -> int:
        """Take what is due; returns how much there was."""
        now = self.clock.now()
        later, most = now + self.again_after, self.batch_max
        async with self.pool.acquire() as connection, connection.transaction():
            questions = SQL.due_questions(connection, now=now, later=later, most=most)
            keys = [row["key"].encode() async for row in questions]
            closings = SQL.due_closings(connection, now=now, later=later, most=most)
            payment_ids = [row["id"].encode() async for row in closings]
            due_events = SQL.due_events(connection, now=now, later=later, most=most)
            event_ids = [str(row["id"]).encode() async for row in due_events]
            due_shoppers = TOKENS.due_shoppers(connection, now=now, later=later, most=most)
            shoppers = [row["shopper_reference"].encode() async for row in due_shoppers]
            found = (
                (ASK_AGAIN, keys),
                (CLOSE, payment_ids),
                (DELIVER, event_ids),
                (RECONCILE, shoppers),
            )
            for name, payloads in found:
                if payloads:
                    await self.enqueue(connection, name, payloads)
            tellings = SQL.due_tellings(connection, now=now, most=most)
            held = [PaymentId(row["id"]) async for row in tellings]
            if held:
                await self.ledger.tell(connection, held)
        return len(keys) + len(payment_ids) + len(event_ids) + len(shoppers) + len(held)

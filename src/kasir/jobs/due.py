"""What is due: found by index, a batch at a time, so that a look costs what is due and no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kasir.clock import Clock
from kasir.ids import PaymentId
from kasir.ledger.payments import Ledger
from kasir.payments.deliveries import Deliveries
from kasir.payments.payment import Payment
from kasir.payments.status import FINAL, Status
from kasir.store.database import Connection, Pool, once_more, queries

SQL: Final = queries("due")
TOKENS: Final = queries("tokens")

ASK_AGAIN: Final = "ask_again"
CLOSE: Final = "close"
DELIVER: Final = "deliver"
RECONCILE: Final = "reconcile"

#: What may be due, and by what a job is told of it.
_TIMELESS: Final = ((DELIVER, SQL.due_events, "id"),)
_EVERY: Final = (
    (ASK_AGAIN, SQL.due_questions, "key"),
    (CLOSE, SQL.due_closings, "id"),
    *_TIMELESS,
    (RECONCILE, TOKENS.due_shoppers, "shopper_reference"),
)

#: How many of the newest notices are looked at to tell how far Adyen has come.
_NEWEST: Final = 1000

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
        late_after: What is delivered longer than this after it happened is late.
        behind_max: How far Adyen's queue may be behind: held news waits no longer for it.
        watched_since: Since when a test clock was watched, whose leaps are no absence of ours.
    """

    pool: Pool
    ledger: Ledger
    clock: Clock
    enqueue: Enqueue
    again_after: timedelta
    batch_max: int
    late_after: timedelta
    behind_max: timedelta
    watched_since: datetime | None = None

    @once_more
    async def look(self, *, clocks_agree: bool = True) -> int:
        """Take what is due; returns how much there was. Only events, where the clocks disagree."""
        now = self.clock.now()
        later, most, total = now + self.again_after, self.batch_max, 0
        async with self.pool.acquire() as connection, connection.transaction():
            for name, due, column in _EVERY if clocks_agree else _TIMELESS:
                rows = due(connection, now=now, later=later, most=most)
                if payloads := [str(row[column]).encode() async for row in rows]:
                    await self.enqueue(connection, name, payloads)
                total += len(payloads)
            held = await self._due_tellings(connection, now) if clocks_agree else []
            if held:
                await self.ledger.tell(connection, held)
        return total + len(held)

    async def _due_tellings(self, connection: Connection, now: datetime) -> list[PaymentId]:
        if await SQL.any_telling(connection, now=now) is None:
            return []
        known = await _deliveries(connection, self.late_after)
        in_time = now - self.late_after
        tellings = SQL.due_tellings(
            connection,
            now=now,
            by_all_means=now - self.behind_max,
            in_time=min(in_time, self.watched_since) if self.watched_since else in_time,
            told_until=known.told_until,
            is_late=known.are_late(now, self.late_after),
            most=self.batch_max,
        )
        return [PaymentId(row["id"]) async for row in tellings]

    async def deliveries(self) -> Deliveries:
        """How far Adyen's notifications have come."""
        return await _deliveries(self.pool, self.late_after)

    async def answered_at(self, changes: Sequence[str]) -> datetime | None:
        """When Adyen said that one of these changes could not be done; None where it did not."""
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
        """Ask a question no more that has no answer."""
        await SQL.give_up_asking(self.pool, key=key)

    async def last_return(self, since: datetime) -> datetime | None:
        """When a shopper last came back since then with a result that is no payment's yet."""
        found: datetime | None = await SQL.last_return(self.pool, since=since)
        return found

    async def put_off(self, payment_id: PaymentId, later: datetime) -> None:
        """Look at an attempt that could not be closed again then; nothing where it has ended."""
        await SQL.put_off_closing(self.pool, id=payment_id, later=later)


async def _deliveries(connection: Connection | Pool, wait: timedelta) -> Deliveries:
    row = await SQL.deliveries(connection, wait=wait, most=_NEWEST)
    return Deliveries(
        told_until=row["told_until"], late_at=row["late_at"], unread_since=row["unread_since"]
    )

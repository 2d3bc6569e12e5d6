"""The use case of due work: finds what is due by index, a batch at a time, and queues jobs for it.

A look costs what is due and not what exists. What it finds is put off in the same transaction that
queues the job: another worker does not find it again, and a job that is lost is due again later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from kasir.clock import Clock
from kasir.ids import PaymentId
from kasir.jobs.kinds import JobKind
from kasir.ledger.payments import Ledger
from kasir.store.database import Connection, Pool, queries, retried
from kasir.store.open_attempts import deliveries

SQL: Final = queries("due")
TOKENS: Final = queries("tokens")

#: Queues a job for each payload, in the transaction at hand.
Enqueue = Callable[[Connection, JobKind, Sequence[bytes]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Found:
    """A statement that takes what is due, and the column that becomes a job's payload."""

    kind: JobKind
    statement: Any
    column: str
    parameters: Mapping[str, str] = field(default_factory=dict)


#: The only ones that are taken while the clocks disagree.
_EVENTS: Final = _Found(JobKind.DELIVER, SQL.due_events, "id", {"job": JobKind.DELIVER})
_EVERY: Final = (
    _Found(JobKind.ASK_AGAIN, SQL.due_questions, "key"),
    _Found(JobKind.CLOSE, SQL.due_closings, "id"),
    _EVENTS,
    _Found(JobKind.RECONCILE, TOKENS.due_shoppers, "shopper_reference"),
)


@dataclass(frozen=True, slots=True)
class Due:
    """Finds what is due by Kasir's clock, and queues jobs for it.

    Attributes:
        pool: The database.
        ledger: Writes events that were held back.
        clock: What time it is.
        enqueue: Queues jobs, in the transaction at hand.
        again_after: When something is due again if nobody finished it.
        batch_max: How much one look takes of each kind.
        late_after: What is delivered longer than this after it happened is late.
        behind_max: How far Adyen's queue may be behind: held events wait no longer for it.
        watched_since: Since when a test clock was watched, whose leaps are no absence of Kasir's.
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

    @retried
    async def look(self, *, clocks_agree: bool = True) -> int:
        """Take what is due, and return how much there was. Only events if the clocks disagree."""
        now, total = self.clock.now(), 0
        async with self.pool.acquire() as connection, connection.transaction():
            for found in _EVERY if clocks_agree else (_EVENTS,):
                total += await self._take(connection, found, now)
            if clocks_agree:
                total += await self._write_held_events(connection, now)
        return total

    async def _take(self, connection: Connection, found: _Found, now: datetime) -> int:
        later, most = now + self.again_after, self.batch_max
        rows = found.statement(connection, now=now, later=later, most=most, **found.parameters)
        payloads = [str(row[found.column]).encode() async for row in rows]
        if payloads:
            await self.enqueue(connection, found.kind, payloads)
        return len(payloads)

    async def _write_held_events(self, connection: Connection, now: datetime) -> int:
        """Write the events that were held back and are due now, where they are still true."""
        if await SQL.any_telling(connection, now=now) is None:
            return 0
        known = await deliveries(connection, self.late_after)
        in_time = now - self.late_after
        rows = SQL.due_tellings(
            connection,
            now=now,
            by_all_means=now - self.behind_max,
            in_time=min(in_time, self.watched_since) if self.watched_since else in_time,
            notified_until=known.notified_until,
            is_late=known.are_late(now, self.late_after),
            most=self.batch_max,
        )
        held = [PaymentId(row["id"]) async for row in rows]
        if held:
            await self.ledger.write_held_back(connection, held)
        return len(held)

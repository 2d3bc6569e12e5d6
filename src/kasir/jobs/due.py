"""The use case of due work: finds due rows by an index, in batches, and queues jobs for them.

The cost of a search depends on how many rows are due, not on how many exist. A row that is found
gets a later due time in the transaction that queues its job. So no other worker finds the row, and
if the job is lost, the row becomes due again.
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
from kasir.store import relay, reports
from kasir.store.database import Connection, Pool, queries, retried
from kasir.store.open_attempts import deliveries

SQL: Final = queries("due")
TOKENS: Final = queries("tokens")

#: Queues a job for each payload, in the caller's transaction.
Enqueue = Callable[[Connection, JobKind, Sequence[bytes]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Search:
    """A statement that finds due rows, and the column that becomes a job's payload."""

    kind: JobKind
    statement: Any
    column: str
    parameters: Mapping[str, str] = field(default_factory=dict)


#: The only one of these searches that is run while the clocks disagree.
_EVENT_SEARCH: Final = _Search(JobKind.DELIVER, SQL.due_events, "id", {"job": JobKind.DELIVER})
_ALL_SEARCHES: Final = (
    _Search(JobKind.ASK_AGAIN, SQL.due_questions, "key"),
    _Search(JobKind.CLOSE, SQL.due_closings, "id"),
    _EVENT_SEARCH,
    _Search(JobKind.RECONCILE, TOKENS.due_shoppers, "shopper_reference"),
)


@dataclass(frozen=True, slots=True)
class Due:
    """Finds due rows by Kasir's clock, and queues jobs for them.

    Attributes:
        pool: The database.
        ledger: Writes events that were held back.
        clock: Kasir's clock.
        enqueue: Queues jobs, in the caller's transaction.
        again_after: If a job does not finish, its row is due again after this time.
        batch_max: The most rows of each kind that one search returns.
        late_after: A notification that comes longer than this after its event is late.
        behind_max: The longest that a held-back event waits for Adyen's late notifications.
        relays: Whether notifications are relayed.
        fetches_reports: Whether reports are fetched.
        test_clock_since: When Kasir began to follow a test clock; None with a real clock. If a
            held-back event became overdue after this time, the test clock may have leapt: Kasir
            was not down.
    """

    pool: Pool
    ledger: Ledger
    clock: Clock
    enqueue: Enqueue
    again_after: timedelta
    batch_max: int
    late_after: timedelta
    behind_max: timedelta
    relays: bool = False
    fetches_reports: bool = False
    test_clock_since: datetime | None = None

    @retried
    async def look(self, *, clocks_agree: bool = True) -> int:
        """Queue jobs for due rows; if the clocks disagree, only for events, relay and reports.

        Returns:
            How many jobs were queued and how many held-back events were written, together.
        """
        now, total = self.clock.now(), 0
        async with self.pool.acquire() as connection, connection.transaction():
            for search in _ALL_SEARCHES if clocks_agree else (_EVENT_SEARCH,):
                total += await self._take(connection, search, now)
            total += await self._take_relay(connection, now)
            total += await self._take_reports(connection, now)
            if clocks_agree:
                total += await self._write_held_events(connection, now)
        return total

    async def _take(self, connection: Connection, search: _Search, now: datetime) -> int:
        later, most = now + self.again_after, self.batch_max
        rows = search.statement(connection, now=now, later=later, most=most, **search.parameters)
        payloads = [str(row[search.column]).encode() async for row in rows]
        if payloads:
            await self.enqueue(connection, search.kind, payloads)
        return len(payloads)

    async def _take_relay(self, connection: Connection, now: datetime) -> int:
        """Queue a job for the relay, if a notification waits and no other job holds the lease.

        The job gets a lease on the relay's queue. The first lease lasts `again_after`, because the
        job may wait long for a worker.

        Returns:
            How many jobs were queued: 0 or 1.
        """
        if not self.relays:
            return 0
        holder = await relay.take(connection, now, self.again_after)
        if holder is None:
            return 0
        await self.enqueue(connection, JobKind.RELAY, [holder.encode()])
        return 1

    async def _take_reports(self, connection: Connection, now: datetime) -> int:
        """Queue a job for each report that is to be fetched or reconciled."""
        later, most = now + self.again_after, self.batch_max
        fetches = self.fetches_reports
        ids = await reports.take_due(connection, now, later, most, fetches=fetches)
        if ids:
            payloads = [str(each).encode() for each in ids]
            await self.enqueue(connection, JobKind.REPORT, payloads)
        return len(ids)

    async def _write_held_events(self, connection: Connection, now: datetime) -> int:
        """Write the held-back events that are due; return how many payments they are about."""
        if await SQL.any_held_back(connection, now=now) is None:
            return 0
        lateness = await deliveries(connection, self.late_after)
        timely_since = now - self.late_after
        if self.test_clock_since:
            timely_since = min(timely_since, self.test_clock_since)
        rows = SQL.due_held_back(
            connection,
            now=now,
            overdue_at=now - self.behind_max,
            timely_since=timely_since,
            notified_until=lateness.notified_until,
            is_late=lateness.are_late(now, self.late_after),
            most=self.batch_max,
        )
        payment_ids = [PaymentId(row["id"]) async for row in rows]
        if payment_ids:
            await self.ledger.write_held_back(connection, payment_ids)
        return len(payment_ids)

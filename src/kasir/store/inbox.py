"""The inbox in PostgreSQL: many requests share one commit, and readers take turns by row locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import DatabaseUnavailable
from kasir.gateway import meanings
from kasir.ids import PaymentId
from kasir.payments.facts import Fact
from kasir.payments.matching import match
from kasir.store import payments
from kasir.store.database import Connection, Pool, queries
from kasir.store.ledger import Ledger, candidates
from kasir.webhooks.reading import NoticeState, Reading, read
from kasir.webhooks.receive import Notice

SQL: Final = queries("inbox")

Enqueue = Callable[["Connection"], Awaitable[None]]


class GroupInbox:
    """Keeps notices: whatever waits is written in one transaction, with the job that reads it."""

    def __init__(self, pool: Pool, enqueue: Enqueue, batch_max: int) -> None:
        self._pool = pool
        self._enqueue = enqueue
        self._batch_max = batch_max
        self._waiting: asyncio.Queue[tuple[Sequence[Notice], asyncio.Future[None]]] = (
            asyncio.Queue()
        )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write for as long as this context lasts; what waits at its end is written first."""
        writer = asyncio.create_task(self._write_forever())
        try:
            yield
        finally:
            await self._waiting.join()
            writer.cancel()

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Keep notices; returns only when they are committed.

        Raises:
            DatabaseUnavailable: They are not kept; the sender must send again.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((notices, done))
        await done

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < self._batch_max and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._write_and_tell(batch)
            for _ in batch:
                self._waiting.task_done()

    async def _write_and_tell(
        self, batch: Sequence[tuple[Sequence[Notice], asyncio.Future[None]]]
    ) -> None:
        error: Exception | None = None
        try:
            await self._write([notice for notices, _ in batch for notice in notices])
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as trouble:
            error = DatabaseUnavailable(f"notices could not be kept: {trouble}")
        for _, done in batch:
            if done.done():
                continue  # Its request was given up meanwhile.
            if error:
                done.set_exception(error)
            else:
                done.set_result(None)

    async def _write(self, notices: Sequence[Notice]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await SQL.keep_notices(
                connection,
                keys=[notice.key for notice in notices],
                items=[notice.item for notice in notices],
                received_ats=[notice.received_at for notice in notices],
                event_codes=[notice.event_code for notice in notices],
                names=[" ".join(notice.names) for notice in notices],
            )
            await self._enqueue(connection)


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice as the operator sees it."""

    id: int
    state: str
    event_code: str
    names: tuple[str, ...]
    error: str
    received_at: datetime


async def notices(pool: Pool, state: NoticeState, most: int) -> list[KeptNotice]:
    """Give the notices of a state, oldest first."""
    return [
        KeptNotice(
            id=row["id"],
            state=row["state"],
            event_code=row["event_code"],
            names=tuple(row["names"]),
            error=row["error"],
            received_at=row["received_at"],
        )
        async for row in SQL.notices(pool, state=state, most=most)
    ]


async def replay(pool: Pool, ids: Sequence[int], enqueue: Enqueue) -> list[int]:
    """Have notices read anew; gives the ids of those that will be. Read ones stay as they are."""
    async with pool.acquire() as connection, connection.transaction():
        woken = [row["id"] async for row in SQL.replay(connection, ids=list(ids))]
        await enqueue(connection)
    return woken


class Reader:
    """Reads the inbox into the book: a batch in one transaction."""

    def __init__(
        self, pool: Pool, ledger: Ledger, clock: Clock, merchant_account: str, batch_max: int
    ) -> None:
        self._pool = pool
        self._ledger = ledger
        self._clock = clock
        self._merchant_account = merchant_account
        self._batch_max = batch_max

    async def read_all(self) -> int:
        """Read until nothing unread is left; returns how many were read."""
        total = 0
        while count := await self._read_batch():
            total += count
        return total

    async def _read_batch(self) -> int:
        ids: list[int] = []
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                rows = [row async for row in SQL.take_unread(connection, most=self._batch_max)]
                ids = [row["id"] for row in rows]
                await self._place(connection, rows)
        except asyncpg.DataError:
            # One of them is poison to the database: read each alone, and hold that one.
            for notice_id in ids:
                await self._read_one(notice_id)
        return len(ids)

    async def _read_one(self, notice_id: int) -> None:
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                row = await SQL.take_one(connection, id=notice_id)
                await self._place(connection, [row] if row else [])
        except asyncpg.DataError as error:
            await self._settle(
                self._pool, [(notice_id, Reading(NoticeState.HELD, error=str(error)), None)]
            )

    async def _place(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Find whose each notice is, let the payments hear, and settle the notices."""
        readings = [(row["id"], read(row["item"], self._merchant_account)) for row in rows]
        references = sorted({reading.reference for _, reading in readings if reading.fact})
        found = await candidates(connection, references) if references else {}
        settled: list[tuple[int, Reading, PaymentId | None]] = []
        news: dict[PaymentId, list[Fact]] = {}
        attempts: dict[str, PaymentId] = {}
        for notice_id, reading in readings:
            payment_id = None
            if reading.fact and reading.news:
                ours = found.get(reading.reference, [])
                payment_id = match(reading.news, ours)
                if payment_id:
                    news.setdefault(payment_id, []).append(reading.fact)
                    attempts |= dict.fromkeys(reading.news.names, payment_id)
                else:
                    unplaced = NoticeState.WAITING if ours else NoticeState.FOREIGN
                    settled.append((notice_id, Reading(unplaced), None))
                    continue
            settled.append((notice_id, reading, payment_id))
        await self._adopt(connection, attempts, news)
        if news:
            await self._ledger.hear(connection, news)
        await self._settle(connection, settled)

    async def _adopt(
        self,
        connection: Connection,
        attempts: dict[str, PaymentId],
        news: dict[PaymentId, list[Fact]],
    ) -> None:
        """Give the payments what was heard of their attempts before these were known as theirs."""
        known = list(attempts)
        if not known:
            return
        await payments.SQL.wake_waiting(connection, names=known)
        orphans = payments.SQL.orphan_questions(connection, psp_references=known)
        for row in [row async for row in orphans]:
            payment_id = attempts[row["psp_reference"]]
            answer = Answer(row["status"], row["answer"], row["answer_psp"])
            heard = meanings.of_reply(payments.question_of(row), answer, self._clock.now())
            news[payment_id].extend(heard.facts)
            await payments.SQL.adopt_question(connection, key=row["key"], payment_id=payment_id)

    async def _settle(
        self,
        connection: Connection | Pool,
        settled: Sequence[tuple[int, Reading, PaymentId | None]],
    ) -> None:
        await SQL.settle(
            connection,
            ids=[notice_id for notice_id, _, _ in settled],
            states=[reading.state for _, reading, _ in settled],
            payment_ids=[payment_id for _, _, payment_id in settled],
            errors=[reading.error for _, reading, _ in settled],
            now=self._clock.now(),
        )

"""The inbox in PostgreSQL: many requests share one commit, and readers take turns by row locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import msgspec
from asyncpg import Record

from kasir.adyen.checks import INT64_MAX
from kasir.errors import DatabaseUnavailable, SettingError
from kasir.store.database import Connection, Pool, once_more, queries
from kasir.store.vault import Vault
from kasir.webhooks.interpreting import NoticeState, Told, own_name, told
from kasir.webhooks.receiving import Notice, NoticeKind

SQL: Final = queries("inbox")

_BATCH: Final = 1000

Enqueue = Callable[["Connection"], Awaitable[None]]


class GroupInbox:
    """Keeps notices: whatever waits is written in one transaction, with the job that reads it."""

    def __init__(self, pool: Pool, vault: Vault, enqueue: Enqueue, batch_max: int) -> None:
        self._pool = pool
        self._vault = vault
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

    async def notices(
        self, state: NoticeState | None, most: int, before: int | None = None
    ) -> list[KeptNotice]:
        """Give notices as the operator sees them, newest first; see `notices` below."""
        return await notices(self._pool, self._vault, state, most, before)

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
        except Exception as trouble:  # noqa: BLE001  # Whatever it was, the next batch is tried.
            error = DatabaseUnavailable(f"notices could not be kept: {trouble}")
        for _, done in batch:
            if done.done():
                continue  # Its request was given up meanwhile.
            if error:
                done.set_exception(error)
            else:
                done.set_result(None)

    @once_more
    async def _write(self, notices: Sequence[Notice]) -> None:
        # In the order of their keys: of two who keep the same ones, one waits for the other.
        notices = sorted(notices, key=lambda notice: notice.key)
        async with self._pool.acquire() as connection, connection.transaction():
            await SQL.keep_notices(
                connection,
                keys=[notice.key for notice in notices],
                kinds=[notice.kind for notice in notices],
                items=[self._vault.seal(notice.item) for notice in notices],
                received_ats=[notice.received_at for notice in notices],
                event_dates=[notice.event_date for notice in notices],
                event_codes=[notice.event_code for notice in notices],
                names=[" ".join(notice.names) for notice in notices],
                are_live=[notice.is_live for notice in notices],
            )
            await self._enqueue(connection)


class KeptNotice(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A notice as the operator sees it; `success` and the references where it tells them."""

    id: int
    state: str
    event_code: str
    received_at: datetime
    success: bool | None = None
    psp_reference: str = ""
    merchant_reference: str = ""
    payment_id: str | None = None
    #: Why it is in this state, where that was written down.
    why: str = ""
    #: Whether its own words were removed, some time after it was read; what it told is not lost.
    body_deleted: bool = False


async def notices(
    pool: Pool, vault: Vault, state: NoticeState | None, most: int, before: int | None = None
) -> list[KeptNotice]:
    """Give notices, newest first.

    Args:
        pool: Where they are.
        vault: What opens them; one that it does not open is given without what is in it.
        state: Only those in this state; None gives all.
        most: How many.
        before: Only those with an id below this one.
    """
    below = INT64_MAX if before is None else before
    if state is None:
        rows = SQL.notices(pool, before=below, most=most)
    else:
        rows = SQL.notices_in_state(pool, state=state, before=below, most=most)
    return [_kept(row, _told(row, vault)) async for row in rows]


def _told(row: Record, vault: Vault) -> Told:
    if _is_deleted(row):
        return Told(psp_reference=own_name(row["event_code"], row["names"]))
    try:
        return told(NoticeKind(row["kind"]), vault.open(row["item"]))
    except SettingError:
        return Told()


def _is_deleted(row: Record) -> bool:
    return row["state"] == NoticeState.READ and not row["item"]


def _kept(row: Record, said: Told) -> KeptNotice:
    return KeptNotice(
        id=row["id"],
        state=row["state"],
        event_code=row["event_code"],
        received_at=row["received_at"],
        success=said.success,
        psp_reference=said.psp_reference,
        merchant_reference=said.merchant_reference,
        payment_id=row["payment_id"],
        why=row["error"],
        body_deleted=_is_deleted(row),
    )


async def held(pool: Pool) -> list[int]:
    """Give the ids of what could not be read."""
    return [row["id"] async for row in SQL.held(pool)]


async def states(pool: Pool, ids: Sequence[int]) -> dict[int, NoticeState]:
    """Give the state of each of these notices that is there, by its id."""
    found: dict[int, NoticeState] = {}
    for part in _parts(ids):
        rows = SQL.states(pool, ids=part)
        found |= {row["id"]: NoticeState(row["state"]) async for row in rows}
    return found


async def replay(pool: Pool, ids: Sequence[int], enqueue: Enqueue) -> list[int]:
    """Have notices read anew; gives the ids of those that will be. Read ones stay as they are."""
    woken: list[int] = []
    for part in _parts(ids):
        woken += await _replay(pool, part, enqueue)
    return woken


def _parts(ids: Sequence[int]) -> list[list[int]]:
    """As many at a time as one statement deals with in a moment, lowest first."""
    every = sorted(ids)
    return [every[start : start + _BATCH] for start in range(0, len(every), _BATCH)]


@once_more
async def _replay(pool: Pool, ids: Sequence[int], enqueue: Enqueue) -> list[int]:
    async with pool.acquire() as connection, connection.transaction():
        woken = [row["id"] async for row in SQL.replay(connection, ids=list(ids))]
        await enqueue(connection)
    return woken

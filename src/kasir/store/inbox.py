"""Notices: the notifications that Adyen sent, as rows.

Many requests share one commit (`GroupInbox`). Readers lock the notices that they read, so
concurrent readers read different notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from kasir.adyen.checks import INT64_MAX
from kasir.errors import DatabaseUnavailable
from kasir.ids import PaymentId
from kasir.store.database import Connection, Pool, queries, retried, transaction
from kasir.store.vault import Vault
from kasir.telemetry.origin import Origin, continuing, origin

SQL: Final = queries("inbox")

Enqueue = Callable[["Connection"], Awaitable[None]]


class NoticeKind(StrEnum):
    """The webhook by which a notice came, and whether it could be parsed."""

    #: An item of a standard notification.
    STANDARD = "standard"
    #: A token life cycle notification.
    TOKENS = "tokens"
    #: The whole body of a standard webhook that came from Adyen and could not be parsed.
    RAW = "raw"


class NoticeState(StrEnum):
    """The state of a notice. The row of a notice is never deleted."""

    #: The notice is not read yet.
    UNREAD = "unread"
    #: The notice was recorded as a fact of a payment or a token.
    READ = "read"
    #: Kasir knows the event code, and the event has no effect.
    IGNORED = "ignored"
    #: The event code is not in the version of Adyen's schema that Kasir knows.
    UNHEARD_OF = "unheard_of"
    #: The notice belongs to no known payment of Kasir's, or to another merchant account.
    FOREIGN = "foreign"
    #: The notice is about a change of an attempt that no payment has claimed yet.
    WAITING = "waiting"
    #: The notice could not be read, or may belong to a payment without proof; the reason is stored.
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification item to store.

    Attributes:
        key: A hash of the item, so that an item that came twice is stored once.
        kind: The webhook that received the item.
        item: The unchanged bytes.
        event_code: The event code in the item.
        names: The pspReferences in the item.
        received_at: When the item was received.
        event_date: The time of the event, by Adyen's clock; None if the item has no date.
        is_live: Whether the envelope is from Adyen's live platform; None if that is not known.
        signature: The header with the signature of a token notification; else empty.
    """

    key: bytes
    kind: NoticeKind
    item: bytes
    event_code: str
    names: tuple[str, ...]
    received_at: datetime
    event_date: datetime | None = None
    is_live: bool | None = None
    signature: str = ""


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A notice to read, locked until the transaction ends. `sealed_item` is the encrypted item."""

    id: int
    kind: NoticeKind
    sealed_item: bytes
    is_live: bool | None


@dataclass(frozen=True, slots=True)
class SettledRow:
    """The result of reading a notice.

    Attributes:
        id: The notice's id.
        state: The notice's new state.
        payment_id: The payment that the notice belongs to, if that is known.
        error: Why the notice is held; empty if it is not held.
        is_unclaimed: Whether no payment owns any of the notice's pspReferences. If a payment claims
            one of them later, the notice is read again.
        paid_reference: The merchant reference that the notice reports as paid, if the notice
            belongs to no payment of Kasir's; else None.
    """

    id: int
    state: NoticeState
    payment_id: PaymentId | None = None
    error: str = ""
    is_unclaimed: bool = False
    paid_reference: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A stored notice. `sealed_item` is empty after the body was deleted."""

    id: int
    kind: NoticeKind
    sealed_item: bytes
    names: Sequence[str]
    state: NoticeState
    event_code: str
    payment_id: str | None
    error: str
    received_at: datetime


#: Notices that wait to be written, what is done when they are, and the request that brought them.
_Waiting = tuple[Sequence[Notice], asyncio.Future[None], Origin]


class GroupInbox:
    """Stores notices. One transaction writes all waiting notices and queues a job to read them.

    Args:
        pool: The database.
        vault: Encrypts the items.
        enqueue: Queues the job, in the transaction.
        batch_max: The most calls of `keep` that one transaction serves.
        relayed: The kinds of notices that are queued for the relay, in the same transaction.
    """

    def __init__(
        self,
        pool: Pool,
        vault: Vault,
        enqueue: Enqueue,
        batch_max: int,
        relayed: frozenset[NoticeKind] = frozenset(),
    ) -> None:
        self._pool = pool
        self._relayed = relayed
        self._vault = vault
        self._enqueue = enqueue
        self._batch_max = batch_max
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """A context in which notices are written. At its end, all waiting notices are written."""
        writer = asyncio.create_task(self._write_forever())
        try:
            yield
        finally:
            await self._waiting.join()
            writer.cancel()

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Store notices; returns only when the notices are committed.

        Raises:
            DatabaseUnavailable: The notices are not stored; the sender must send them again.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((notices, done, origin()))
        await done

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < self._batch_max and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._write_and_answer(batch)
            for _ in batch:
                self._waiting.task_done()

    async def _write_and_answer(self, batch: Sequence[_Waiting]) -> None:
        error: Exception | None = None
        try:
            # One job reads the notices of all requests; it belongs to the first of them.
            with continuing(batch[0][2]):
                await self._write([notice for notices, _, _ in batch for notice in notices])
        except Exception as failure:  # noqa: BLE001  # The next batch is tried after any error.
            error = DatabaseUnavailable(f"notices could not be kept: {failure}")
        for _, done, _ in batch:
            if done.done():
                continue  # The request of these notices was cancelled meanwhile.
            if error:
                done.set_exception(error)
            else:
                done.set_result(None)

    @retried
    async def _write(self, notices: Sequence[Notice]) -> None:
        async with transaction(self._pool) as connection:
            ids = await keep(connection, self._vault, notices)
            await self._queue_for_relay(connection, notices, ids)
            await self._enqueue(connection)

    async def _queue_for_relay(
        self, connection: Connection, notices: Sequence[Notice], ids: Mapping[bytes, int]
    ) -> None:
        """Queue the new notices for the relay, in the order in which they came."""
        queued: dict[int, str] = {}
        for notice in notices:
            if notice.kind in self._relayed and notice.key in ids:
                queued.setdefault(ids[notice.key], notice.signature)
        if queued:
            await SQL.queue_for_relay(
                connection, notice_ids=[*queued], signatures=[*queued.values()]
            )


async def keep(connection: Connection, vault: Vault, notices: Sequence[Notice]) -> dict[bytes, int]:
    """Store notices; notices that are stored already are skipped.

    Returns:
        The id of each notice that was not stored before, by its key.
    """
    # Sorted by `key`, so that two transactions with the same notices cannot deadlock.
    ordered = sorted(notices, key=lambda notice: notice.key)
    kept = SQL.keep_notices(
        connection,
        keys=[notice.key for notice in ordered],
        kinds=[notice.kind for notice in ordered],
        items=[vault.seal(notice.item) for notice in ordered],
        received_ats=[notice.received_at for notice in ordered],
        event_dates=[notice.event_date for notice in ordered],
        event_codes=[notice.event_code for notice in ordered],
        names=[" ".join(notice.names) for notice in ordered],
        are_live=[notice.is_live for notice in ordered],
    )
    return {row["key"]: row["id"] async for row in kept}


async def take_unread(connection: Connection, *, most: int, most_bytes: int) -> list[UnreadRow]:
    """Lock and return the oldest unread notices that no other reader has locked.

    At most `most` notices are returned. Their items have at most `most_bytes` bytes together, but
    the first notice is returned whatever its size.
    """
    rows = SQL.take_unread(connection, most=most, most_bytes=most_bytes)
    return [_unread_of(row) async for row in rows]


async def take_some(connection: Connection, ids: Sequence[int]) -> list[UnreadRow]:
    """Lock and return the notices with these ids that are unread and not locked by a reader."""
    return [_unread_of(row) async for row in SQL.take_some(connection, ids=ids)]


async def settle(
    connection: Connection | Pool, settled: Sequence[SettledRow], now: datetime
) -> None:
    """Write the results of reading notices."""
    await SQL.settle(
        connection,
        ids=[row.id for row in settled],
        states=[row.state for row in settled],
        payment_ids=[row.payment_id for row in settled],
        errors=[row.error for row in settled],
        are_unclaimed=[row.is_unclaimed for row in settled],
        paid_references=[row.paid_reference for row in settled],
        now=now,
    )


async def recheck_unclaimed(pool: Pool, most: int) -> None:
    """Mark notices unread if a payment claimed one of their pspReferences at the same time."""
    await SQL.recheck_unclaimed(pool, most=most)


async def mark_unread(connection: Connection, names: Sequence[str]) -> None:
    """Mark the notices with one of these pspReferences unread, if they have no payment yet."""
    await SQL.mark_unread(connection, names=names)


async def rows(
    pool: Pool, state: NoticeState | None, most: int, before: int | None
) -> list[NoticeRow]:
    """Return at most `most` notices, newest first.

    Only notices in `state` and with ids below `before` are returned; None means no restriction.
    """
    below = INT64_MAX if before is None else before
    if state is None:
        selected = SQL.notices(pool, before=below, most=most)
    else:
        selected = SQL.notices_in_state(pool, state=state, before=below, most=most)
    return [_notice_row(row) async for row in selected]


async def row_of(pool: Pool, notice_id: int) -> NoticeRow | None:
    """Return a notice by its id."""
    row = await SQL.notice(pool, id=notice_id)
    return _notice_row(row) if row else None


async def held(pool: Pool) -> list[int]:
    """Return the ids of the notices that are held."""
    return [row["id"] async for row in SQL.held(pool)]


async def states(pool: Pool, ids: Sequence[int]) -> dict[int, NoticeState]:
    """Return the states of these notices by id. An id without a notice is left out."""
    return {row["id"]: NoticeState(row["state"]) async for row in SQL.states(pool, ids=ids)}


async def replay(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Mark notices unread, except notices in the state READ; return the ids of those marked."""
    return [row["id"] async for row in SQL.replay(connection, ids=list(ids))]


def _unread_of(row: Mapping[str, Any]) -> UnreadRow:
    return UnreadRow(row["id"], NoticeKind(row["kind"]), row["item"], row["is_live"])


def _notice_row(row: Mapping[str, Any]) -> NoticeRow:
    return NoticeRow(
        id=row["id"],
        kind=NoticeKind(row["kind"]),
        sealed_item=row["item"],
        names=row["names"],
        state=NoticeState(row["state"]),
        event_code=row["event_code"],
        payment_id=row["payment_id"],
        error=row["error"],
        received_at=row["received_at"],
    )

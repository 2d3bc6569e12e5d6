"""The queue of notices that are relayed to the shop's Adyen handler.

A job that takes the queue gets a random id, `holder`. Every statement that changes the queue
requires the current `holder`. So if two jobs have taken the queue, only the later job has an
effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kasir.store.database import Connection, Pool, queries
from kasir.store.inbox import NoticeKind, NoticeState

SQL: Final = queries("relay")


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """The oldest notice that waits to be relayed.

    Attributes:
        id: The id of the row in `relay`.
        notice_id: The id of the notice.
        kind: The webhook that received the notice.
        sealed_item: The encrypted item.
        signature: The header `HmacSignature` of a token notification; else empty.
        is_live: Whether the envelope is from Adyen's live platform; None if that is not known.
        state: The state of the notice.
        event_code: The event code, or the type of a token notification; empty if unknown.
        failures: How many tries failed since the last notice was accepted.
    """

    id: int
    notice_id: int
    kind: NoticeKind
    sealed_item: bytes
    signature: str
    is_live: bool | None
    state: NoticeState
    event_code: str
    failures: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """The notices that wait to be relayed, for operators.

    Attributes:
        waiting: How many notices wait.
        first: The id of the oldest waiting notice; None if no notice waits.
        since: When the oldest waiting notice came; None if no notice waits.
        failures: How many tries failed since the last notice was accepted.
        tried_at: When the last try was made; None if there was none.
        status: The HTTP status of the last try; None if no response came, or if there was no try.
        error: The error of the last try; empty if there was none.
    """

    waiting: int
    first: int | None
    since: datetime | None
    failures: int
    tried_at: datetime | None
    status: int | None
    error: str

    @property
    def answer(self) -> str:
        """The HTTP status or the error of the last try; empty without a try."""
        return str(self.status or self.error)


async def take(connection: Connection, now: datetime, lease: timedelta) -> str | None:
    """Take the queue if a try is due, and return `holder`; None if the queue was not taken."""
    holder: str | None = await SQL.take(connection, now=now, lease=lease)
    return holder


async def first(pool: Pool, holder: str, lease: timedelta) -> WaitingNotice | None:
    """Return the oldest waiting notice; None if none waits, or if another job took the queue."""
    row = await SQL.first(pool, holder=holder, lease=lease)
    if row is None:
        return None
    return WaitingNotice(
        id=row["id"],
        notice_id=row["notice_id"],
        kind=NoticeKind(row["kind"]),
        sealed_item=row["item"],
        signature=row["signature"],
        is_live=row["is_live"],
        state=NoticeState(row["state"]),
        event_code=row["event_code"],
        failures=row["failures"],
    )


async def accept(pool: Pool, relay_id: int, holder: str, at: datetime, status: int) -> None:
    """Record that the handler accepted a notice."""
    await SQL.accept(pool, id=relay_id, holder=holder, at=at, status=status)


async def skip(pool: Pool, notice: WaitingNotice, at: datetime) -> None:
    """Record that a notice is not relayed, because the settings exclude it.

    Does nothing if a reader has changed the notice's state meanwhile. Then the caller must decide
    again.
    """
    await SQL.skip(pool, id=notice.id, notice_id=notice.notice_id, notice_state=notice.state, at=at)


async def fail(
    pool: Pool,
    relay_id: int,
    holder: str,
    *,
    at: datetime,
    due_at: datetime,
    status: int | None,
    error: str,
) -> None:
    """Record a failed try, with the time of the next try, and release the queue."""
    await SQL.fail(
        pool, id=relay_id, holder=holder, at=at, due_at=due_at, status=status, error=error
    )


async def release(pool: Pool, holder: str) -> None:
    """Release the queue, so that another job can take it."""
    await SQL.release(pool, holder=holder)


async def backlog(pool: Pool, most: int) -> Backlog:
    """Return the backlog of the relay; at most `most` notices are counted."""
    row = await SQL.backlog(pool, most=most)
    return Backlog(
        waiting=row["waiting"],
        first=row["notice_id"],
        since=row["since"],
        failures=row["failures"],
        tried_at=row["tried_at"],
        status=row["status"],
        error=row["error"],
    )


async def drop(pool: Pool, notice_ids: Sequence[int], now: datetime, *, batch_max: int) -> int:
    """Remove waiting notices from the queue; all of them if `notice_ids` is empty.

    One statement removes at most `batch_max` notices, so that a long queue causes no timeout.

    Returns:
        How many notices were removed.
    """
    ids, total = list(notice_ids), 0
    while count := await SQL.drop_waiting(pool, notice_ids=ids, now=now, most=batch_max):
        total += count
    return total

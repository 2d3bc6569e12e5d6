"""The queue of notices that are relayed to the shop's own Adyen handler.

A job that has taken the queue holds a token (`holder`). Every statement that changes the queue
demands it, so of two jobs only the later one has an effect.
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
        id: The id of its row in `relay`.
        notice_id: The id of the notice.
        kind: The webhook it came by.
        sealed_item: Its bytes, encrypted.
        signature: The header `HmacSignature` of a token notification; else empty.
        is_live: The platform that its envelope named; None if it named none.
        state: What the reader made of it.
        event_code: Its event code, or the type of a token notification; empty if unknown.
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
    """What waits to be relayed, for operators.

    Attributes:
        waiting: How many notices wait.
        first: The id of the oldest of them.
        since: When it came.
        failures: How many tries failed since the last notice was accepted.
        tried_at: When the last try was made.
        status: The HTTP status of the last try; None if no response came, or without a try.
        error: The error of the last try; empty without one.
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
    """Take the queue if something is due; returns the holder's token, or None."""
    holder: str | None = await SQL.take(connection, now=now, lease=lease)
    return holder


async def first(pool: Pool, holder: str, lease: timedelta) -> WaitingNotice | None:
    """The oldest waiting notice; None if none waits, or if the queue was taken by another job."""
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
    """Record that a notice is not relayed, because the settings leave it out.

    Does nothing if the reader has changed the notice's state since: then it must be chosen again.
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
    """Record a failed try, with the time of the next one, and give the queue back."""
    await SQL.fail(
        pool, id=relay_id, holder=holder, at=at, due_at=due_at, status=status, error=error
    )


async def release(pool: Pool, holder: str) -> None:
    """Give the queue back."""
    await SQL.release(pool, holder=holder)


async def backlog(pool: Pool, most: int) -> Backlog:
    """What waits, counted up to `most`."""
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
    """Remove waiting notices from the queue, all if `notice_ids` is empty; returns how many.

    One statement removes at most `batch_max`, so that a long queue does not exceed its timeout.
    """
    ids, total = list(notice_ids), 0
    while count := await SQL.drop_waiting(pool, notice_ids=ids, now=now, most=batch_max):
        total += count
    return total

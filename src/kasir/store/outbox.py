"""The table of events: writes them, reads pages of them, and records the tries to deliver them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from kasir.clock import Clock
from kasir.errors import NotFound
from kasir.ids import Ids
from kasir.store.database import Connection, Pool, queries
from kasir.store.vault import Vault
from kasir.telemetry.origin import Origin, origin

SQL: Final = queries("events")


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event to write.

    Attributes:
        subject: The id of the payment, token or subscription that changed. The events of one
            subject are delivered in order.
        type: The type of the event, such as `payment.authorised`.
        data: The subject after the change, in the format for shops.
    """

    subject: str
    type: str
    data: msgspec.Struct


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as shops receive it: the event's id (`evt_...`) as `name`, and the body."""

    name: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that waits for delivery, with the encrypted body and the number of tries.

    If `is_paused`, nothing is sent to the shop's address for now.
    """

    name: str
    type: str
    subject: str
    sealed_payload: bytes
    tries: int
    is_paused: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Outbox:
    """Writes events. If `is_pushed` is false, events are not delivered; the shop fetches them."""

    ids: Ids
    clock: Clock
    vault: Vault
    is_pushed: bool

    async def write(self, connection: Connection, events: Sequence[OutgoingEvent]) -> None:
        """Write events, in order, in the caller's transaction, in the Standard Webhooks format."""
        if not events:
            return
        now, cause = self.clock.now(), origin()
        bodies = [
            msgspec.json.encode({"type": event.type, "timestamp": now, "data": event.data})
            for event in events
        ]
        await SQL.add_events(
            connection,
            names=[self.ids.new("evt") for _ in events],
            subjects=[event.subject for event in events],
            types=[event.type for event in events],
            payloads=[self.vault.seal(body) for body in bodies],
            now=now,
            due_at=now if self.is_pushed else None,
            request_id=cause.request_id or None,
            traceparent=cause.traceparent or None,
        )


@dataclass(frozen=True, slots=True)
class EventFeed:
    """Reads events page by page, for shops that fetch them."""

    pool: Pool
    vault: Vault

    async def after(
        self, name: str | None, limit: int, *, of_type: str = "", subject: str = ""
    ) -> list[StoredEvent]:
        """Return at most `limit` events after the event `name`, in order; None begins at the first.

        With `of_type` or `subject`, only events of that type, or about that payment, token or
        subscription, are returned.

        An event that is committed later comes after the returned events, because this method waits
        for the transactions that are writing events. If the wait takes longer than half a second,
        the result is empty.

        Raises:
            NotFound: There is no event with this name.
        """
        if name is not None and not await SQL.is_event(self.pool, name=name):
            raise NotFound("event", name)
        async with self.pool.acquire() as connection:
            last = await SQL.last_event(connection)
            try:
                await SQL.wait_for_event_writers(connection)
            except asyncpg.LockNotAvailableError:
                return []
            rows = SQL.events_after(
                connection,
                after_name=name,
                last=last,
                type=of_type,
                subject=subject,
                most=limit,
            )
            return [StoredEvent(row["name"], self.vault.open(row["payload"])) async for row in rows]


async def waiting_event(pool: Pool, event_id: int) -> WaitingEvent | None:
    """Return the event in the row with this id; None if it does not wait for delivery."""
    row = await SQL.event(pool, id=event_id)
    if row is None:
        return None
    return WaitingEvent(
        name=row["name"],
        type=row["type"],
        subject=row["subject"],
        sealed_payload=row["payload"],
        tries=row["tries"],
        is_paused=row["is_paused"],
        origin=Origin(row["request_id"] or "", row["traceparent"] or ""),
    )


async def put_back(pool: Pool, event_id: int, now: datetime) -> None:
    """Make an event due again that was taken for a try and not sent."""
    await SQL.put_back(pool, id=event_id, now=now)


async def add_try(
    pool: Pool,
    event_id: int,
    *,
    at: datetime,
    status: int | None,
    error: str,
    is_taken: bool,
    due_at: datetime | None,
) -> None:
    """Write one try to deliver an event, and update the event's row with the result.

    Args:
        pool: The database.
        event_id: The id of the event's row.
        at: The time of the try.
        status: The shop's HTTP status; None if no response came.
        error: A short error if no response came; else empty.
        is_taken: Whether the shop accepted the event.
        due_at: When the event is next sent; None if it is accepted or given up.
    """
    await SQL.tried(
        pool, id=event_id, at=at, status=status, error=error, is_taken=is_taken, due_at=due_at
    )

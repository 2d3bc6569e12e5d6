"""Events in PostgreSQL: given to whoever fetches them, and to the deliverer in turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from kasir.errors import NotFound
from kasir.shop_events.delivery import Deliverer, Event
from kasir.store.database import Pool, queries
from kasir.store.vault import Vault

SQL: Final = queries("events")


class Events:
    """What the shop is told."""

    def __init__(self, pool: Pool, vault: Vault, gaps: Sequence[timedelta]) -> None:
        self._pool = pool
        self._vault = vault
        self._gaps = gaps

    async def after(self, name: str | None, limit: int) -> list[Event]:
        """Give the events after one, in order; from the first, where none is named.

        None that is committed later ever stands before one that was given: up to the last id that
        was given out, everybody is waited for. If that takes too long there are none yet.

        Raises:
            NotFound: There is no event of that name.
        """
        if name is not None and ("\0" in name or not await SQL.is_event(self._pool, name=name)):
            raise NotFound("event", name)
        async with self._pool.acquire() as connection:
            last = await SQL.last_event(connection)
            try:
                await SQL.let_tellers_end(connection)
            except asyncpg.LockNotAvailableError:
                return []
            rows = SQL.events_after(connection, after_name=name, last=last, most=limit)
            return [Event(row["name"], self._vault.open(row["payload"])) async for row in rows]

    async def deliver(self, event_id: int, deliverer: Deliverer, now: datetime) -> None:
        """Try once to deliver an event; what failed is tried again later, less and less often."""
        row = await SQL.event(self._pool, id=event_id)
        if row is None:
            return  # Delivered meanwhile.
        if await deliverer.deliver(Event(row["name"], self._vault.open(row["payload"])), now):
            await SQL.delivered(self._pool, id=event_id, now=now)
            return
        tried = row["tries"] + 1
        due_at = now + self._gaps[tried] if tried < len(self._gaps) else None
        await SQL.not_delivered(self._pool, id=event_id, due_at=due_at)

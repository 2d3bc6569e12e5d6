"""Events in PostgreSQL: given to whoever fetches them, and to the deliverer in turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg
import structlog
from asyncpg import Record

from kasir.clock import Clock
from kasir.errors import NotFound, SettingError
from kasir.shop_events.delivery import Answered, Deliverer, Event
from kasir.store.database import Pool, queries
from kasir.store.vault import Vault

SQL: Final = queries("events")

#: What is written down of a try that came to nothing because no key of ours opens the event.
_SEALED: Final = "no KASIR_SECRET_KEY opens it"

_log = structlog.get_logger("kasir.events")


class Events:
    """What the shop is told. `gaps` are the waits before each try; after the last it is over."""

    def __init__(self, pool: Pool, vault: Vault, gaps: Sequence[timedelta], clock: Clock) -> None:
        self._pool = pool
        self._vault = vault
        self._gaps = gaps
        self._clock = clock

    async def after(self, name: str | None, limit: int) -> list[Event]:
        """Give the events after one, in order; from the first, where none is named.

        None that is committed later ever stands before one that was given: up to the last id that
        was given out, everybody is waited for. If that takes too long there are none yet.

        Raises:
            NotFound: There is no event of that name.
        """
        if name is not None and not await SQL.is_event(self._pool, name=name):
            raise NotFound("event", name)
        async with self._pool.acquire() as connection:
            last = await SQL.last_event(connection)
            try:
                await SQL.let_tellers_end(connection)
            except asyncpg.LockNotAvailableError:
                return []
            rows = SQL.events_after(connection, after_name=name, last=last, most=limit)
            return [Event(row["name"], self._vault.open(row["payload"])) async for row in rows]

    async def deliver(self, event_id: int, deliverer: Deliverer) -> None:
        """Try once to deliver an event; what failed is tried again later, less and less often."""
        row = await SQL.event(self._pool, id=event_id)
        if row is None:
            return  # Delivered meanwhile.
        answered = await self._try(row, deliverer)
        now, tries = self._clock.now(), row["tries"] + 1
        is_over = not answered.is_taken and tries >= len(self._gaps)
        due_at = None if answered.is_taken or is_over else now + self._gaps[tries]
        await SQL.tried(
            self._pool,
            id=event_id,
            at=now,
            status=answered.status,
            error=answered.error,
            is_taken=answered.is_taken,
            due_at=due_at,
        )
        if is_over:
            _log.error("an event was given up", name=row["name"], type=row["type"], tries=tries)

    async def _try(self, row: Record, deliverer: Deliverer) -> Answered:
        try:
            payload = self._vault.open(row["payload"])
        except SettingError as error:
            _log.error("an event cannot be opened", name=row["name"], error=str(error))
            return Answered(error=_SEALED)
        return await deliverer.deliver(Event(row["name"], payload))

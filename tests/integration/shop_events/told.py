"""A shop's address, a worker that delivers to it, and events to be delivered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from fakes import KEY
from kasir.cli.worker import work
from kasir.clock import Clock
from kasir.config import settings_from
from kasir.ids import SortableIds
from kasir.limits import Limits
from kasir.shop_events.shapes import AmountOut
from kasir.shop_events.telling import EventType
from kasir.store.outbox import Outbox, Telling
from kasir.store.vault import Vault
from kasir.wiring import Kasir
from opened import NOWHERE

SECRET: Final = "whsec_" + "c2VjcmV0" * 4
#: How long a condition is waited for, before a test gives up.
PATIENCE_S: Final = 200


async def tell(kasir: Kasir, *subjects: str) -> list[str]:
    """Write an event of each of these, in order, as a change of a payment does; their names."""
    ids = SortableIds(lambda: 0)
    outbox = Outbox(ids, kasir.clock, Vault(kasir.settings.secrets), is_pushed=True)
    data = AmountOut("IDR", 25_000)
    before = await kasir.pool.fetchval("SELECT coalesce(max(id), 0) FROM event")
    async with kasir.pool.acquire() as connection, connection.transaction():
        await outbox.write(
            connection, [Telling(one, EventType.PAYMENT_AUTHORISED, data) for one in subjects]
        )
    rows = await kasir.pool.fetch("SELECT name FROM event WHERE id > $1 ORDER BY id", before)
    return [row["name"] for row in rows]


@asynccontextmanager
async def working(kasir: Kasir) -> AsyncIterator[None]:
    """A worker at work, as `kasir worker` has it."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(kasir, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for a condition, which may be asked for in the database."""

    async def look() -> None:
        while True:
            found = is_so()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), PATIENCE_S)


@asynccontextmanager
async def telling(
    database: str, url: str, clock: Clock | None = None, **limits: Any
) -> AsyncIterator[Kasir]:
    """Kasir on a database, with the shop's address; `limits` are other than they are."""
    settings = settings_from(
        {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": NOWHERE,
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": database,
            "KASIR_EVENTS_URL": url,
            "KASIR_EVENTS_SECRET": SECRET,
        }
    )
    changed = replace(settings, limits=Limits(**limits))
    async with Kasir.open(changed, clock=clock) as kasir:
        yield kasir

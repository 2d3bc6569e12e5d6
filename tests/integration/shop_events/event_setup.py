"""A Kasir that delivers events to a shop's address, its worker, and events to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from fakes import KEY
from kasir.clock import Clock
from kasir.config import settings_from
from kasir.ids import SortableIds
from kasir.jobs.worker import work
from kasir.limits import Limits
from kasir.shop_events.event_policy import EventType
from kasir.shop_events.shapes import AmountOut
from kasir.store.outbox import Outbox, OutgoingEvent
from kasir.store.vault import Vault
from kasir.wiring import Parts, open_parts
from opened_kasir import NOWHERE

SECRET: Final = "whsec_" + "c2VjcmV0" * 4
#: A test fails after it has waited this many seconds for a condition.
PATIENCE_S: Final = 200


async def write_events(kasir: Parts, *subjects: str) -> list[str]:
    """Write one event per subject, in order, as a change of a payment does; return the ids."""
    ids = SortableIds(lambda: 0)
    outbox = Outbox(ids, kasir.clock, Vault(kasir.settings.secrets), is_pushed=True)
    data = AmountOut("IDR", 25_000)
    before = await kasir.pool.fetchval("SELECT coalesce(max(id), 0) FROM event")
    async with kasir.pool.acquire() as connection, connection.transaction():
        await outbox.write(
            connection, [OutgoingEvent(one, EventType.PAYMENT_AUTHORISED, data) for one in subjects]
        )
    rows = await kasir.pool.fetch("SELECT name FROM event WHERE id > $1 ORDER BY id", before)
    return [row["name"] for row in rows]


@asynccontextmanager
async def working(kasir: Parts) -> AsyncIterator[None]:
    """Run a worker, as `kasir worker` does."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(kasir, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition is true; `condition` may return a coroutine."""

    async def poll() -> None:
        while True:
            result = condition()
            if await result if asyncio.iscoroutine(result) else result:
                return
            await asyncio.sleep(0.01)

    await asyncio.wait_for(poll(), PATIENCE_S)


@asynccontextmanager
async def kasir_with_shop(
    database: str, url: str, clock: Clock | None = None, **limits: Any
) -> AsyncIterator[Parts]:
    """Kasir on a database, with the shop's address and with changed limits."""
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
    with_limits = replace(settings, limits=Limits(**limits))
    async with open_parts(with_limits, clock=clock) as kasir:
        yield kasir

"""A shop that fetches events page by page gets every event, in any order of their commits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import pytest

from kasir.clock import SystemClock
from kasir.ids import SortableIds
from kasir.shop_events.event_policy import EventType
from kasir.shop_events.shapes import AmountOut
from kasir.store.database import Connection
from kasir.store.outbox import EventFeed, Outbox, OutgoingEvent
from kasir.store.vault import Vault
from opened_kasir import kasir_on

VAULT: Final = Vault(["chaos"])
#: Its ids do not depend on the time, because `now_ms` is always 0.
OUTBOX: Final = Outbox(SortableIds(lambda: 0), SystemClock(), VAULT, is_pushed=False)
#: The number of events in a page.
PAGE: Final = 3
WRITERS: Final = 6
EVENTS_OF_WRITER: Final = 25


async def write_event(connection: Connection, subject: str) -> None:
    """Write one event of a subject, in the connection's current transaction."""
    event = OutgoingEvent(subject, EventType.PAYMENT_AUTHORISED, AmountOut("IDR", 1))
    await OUTBOX.write(connection, [event])


async def fetched(events: EventFeed, after: str | None) -> list[str]:
    """The names of all events after the event `after`, fetched page by page."""
    names: list[str] = []
    while page := await events.after(after, PAGE):
        names += [event.name for event in page]
        after = names[-1]
    return names


async def test_an_event_that_is_committed_late_is_still_fetched(fresh_database: str) -> None:
    async with kasir_on(fresh_database) as kasir, AsyncExitStack() as stack:
        events = EventFeed(kasir.pool, VAULT)
        early, late = [await stack.enter_async_context(kasir.pool.acquire()) for _ in range(2)]
        # The transaction that began first writes second and commits first.
        first, second = early.transaction(), late.transaction()
        for connection, transaction in ((early, first), (late, second)):
            await transaction.start()
            # The transaction gets its id now, although it writes later.
            await connection.fetchval("SELECT pg_current_xact_id()")
        await write_event(late, "late")
        await write_event(early, "early")
        await first.commit()
        fetching = asyncio.create_task(fetched(events, None))
        # The query may wait for the open transaction.
        await asyncio.wait([fetching], timeout=0.2)
        await second.commit()

        fetched_first = await fetching
        fetched_later = await fetched(events, fetched_first[-1] if fetched_first else None)

        assert len(fetched_first) + len(fetched_later) == 2


@pytest.mark.parametrize("seed", range(5))
async def test_a_shop_that_polls_gets_every_event_that_is_written_meanwhile(
    fresh_database: str, seed: int
) -> None:
    chance = random.Random(seed)

    async def write(subjects: Sequence[str]) -> None:
        async with kasir.pool.acquire() as connection:
            for subject in subjects:
                async with connection.transaction():
                    await connection.fetchval("SELECT pg_current_xact_id()")
                    await connection.fetchval("SELECT pg_sleep($1)", chance.random() / 500)
                    await write_event(connection, subject)
                    await connection.fetchval("SELECT pg_sleep($1)", chance.random() / 500)

    async with kasir_on(fresh_database) as kasir:
        events = EventFeed(kasir.pool, VAULT)
        writing = asyncio.gather(
            *(write([f"{number}"] * EVENTS_OF_WRITER) for number in range(WRITERS))
        )
        polled: list[str] = []
        while not writing.done():
            polled += await fetched(events, polled[-1] if polled else None)
            await asyncio.sleep(0)
        await writing
        polled += await fetched(events, polled[-1] if polled else None)

        assert len(polled) == WRITERS * EVENTS_OF_WRITER, f"seed {seed}"
        assert await fetched(events, None) == polled, f"seed {seed}"

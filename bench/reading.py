"""Measures how fast one worker reads the inbox.

Notifications of Kasir's own payments are stored while no worker runs. Then the benchmark locks the
table of notices and starts a worker. When the worker waits for the lock, the benchmark releases it
and starts the clock, so that the start of Python is not measured.
"""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import Any, Final

import asyncpg
from bench import intake, machine, messages, seeds
from bench.figures import Result, Target, medians
from bench.site import Server, Site, SiteError

_WITHIN_S: Final = 120
_POLL_S: Final = 0.02
#: Whether the worker waits for the lock on the table.
_IS_WAITING: Final = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'notice'::regclass AND NOT granted)
"""
#: Whether no notification is left to read.
_NONE_UNREAD: Final = "SELECT NOT EXISTS (SELECT FROM notice WHERE state = 'unread')"
#: Numbers that make the PSP references of each round different.
_tags = count(1)


def reading(site: Site) -> list[Result]:
    """Divide the rate at which one worker reads notifications by the rate at which they arrived."""
    rounds, size = site.size(5, 1), site.size(4000, 800)
    with site.database() as dsn, site.twin() as twin, site.kasir(dsn, twin.url) as kasir:
        seeds.grow(site, dsn, kasir, twin, seeds.Outcome.AWAITING, rounds * size)
        results = [
            asyncio.run(_round(site, dsn, kasir, seeds.some(dsn, size, skip=number * size)))
            for number in range(rounds)
        ]
    ratios = [each["reading, per s"] / each["intake, per s"] for each in results]
    return [Result(row="reading", ratios=ratios, target=Target(0.5), parts=medians(results))]


async def _round(
    site: Site, dsn: str, kasir: Server, payments: list[seeds.Seeded]
) -> dict[str, float]:
    """Store a notification of each payment, and measure how fast a worker reads them."""
    tag = f"R{next(_tags):05d}"
    bodies = [
        messages.notification(each.reference, messages.psp_reference(tag, number), each.id)
        for number, each in enumerate(payments)
    ]
    intake_load = await asyncio.to_thread(intake.intake, kasir, bodies)
    locker, observer = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        with site.program("worker", site.kasir_command("worker"), site.settings(dsn)) as worker:
            async with locker.transaction():
                await locker.execute("LOCK TABLE notice IN ACCESS EXCLUSIVE MODE")
                await _wait_until_true(observer, _IS_WAITING, "the worker does not read")
                cpu, began = machine.cpu_s(worker.pid), time.perf_counter()
            await _wait_until_true(observer, _NONE_UNREAD, "the worker has not read everything")
            seconds = time.perf_counter() - began
            cpu = machine.cpu_s(worker.pid) - cpu
        not_read = await observer.fetchval("SELECT count(*) FROM notice WHERE state <> 'read'")
        if not_read:
            raise SiteError(f"{not_read} notices could not be read")
    finally:
        await locker.close()
        await observer.close()
    return {
        "reading, per s": len(bodies) / seconds,
        "worker's own cpu, ms each": cpu / len(bodies) * 1000,
        "intake, per s": intake_load.rate,
    }


async def _wait_until_true(connection: Any, query: str, otherwise: str) -> None:
    """Wait until a query returns true.

    Raises:
        SiteError: The query does not return true in time.
    """
    deadline = time.monotonic() + _WITHIN_S
    while not await connection.fetchval(query):
        if time.monotonic() > deadline:
            raise SiteError(f"after {_WITHIN_S} s {otherwise}")
        await asyncio.sleep(_POLL_S)

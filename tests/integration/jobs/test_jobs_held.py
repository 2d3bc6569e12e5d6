"""Many jobs: a worker holds no more of them than its limit, and runs them all."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from kasir.jobs import engine
from kasir.wiring import Parts
from opened_kasir import until

HELD = 20
FLOOD = 300


class Work:
    """Jobs that wait until a test releases them; counts the held jobs."""

    def __init__(self) -> None:
        self.running = self.most = self.done = 0
        self.may_end = asyncio.Event()

    async def run(self, _: bytes) -> None:
        """Run a job."""
        self.running += 1
        self.most = max(self.most, self.running)
        await self.may_end.wait()
        self.running -= 1
        self.done += 1


async def test_a_worker_holds_no_more_jobs_than_its_limit_and_runs_them_all(
    fresh_database: str, kasir_of_jobs: Parts
) -> None:
    async with kasir_of_jobs.pool.acquire() as connection:
        await engine.enqueue(connection, "work", [b"x"] * FLOOD)
    work, stop, looks = Work(), asyncio.Event(), 0

    def seen(query: Any) -> None:
        nonlocal looks
        looks += "log_pick" in query.query

    async def watched(connection: Any) -> None:
        connection.add_query_logger(seen)

    async def has_looked_in_vain() -> bool:
        """Whether it took its limit, and has looked for more jobs several times since."""
        nonlocal looks
        if work.running < HELD:
            looks = 0
        return looks > 3

    async def is_done() -> bool:
        return work.done == FLOOD

    async with asyncpg.create_pool(fresh_database, setup=watched) as pool:
        working = asyncio.create_task(
            engine.work(pool, {"work": work.run}, stop, HELD, asyncio.Event())
        )
        await until(has_looked_in_vain)
        held = work.running
        work.may_end.set()
        await until(is_done)
        stop.set()
        await working

    assert (held, work.most, work.done) == (HELD, HELD, FLOOD)

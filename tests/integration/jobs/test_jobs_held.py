"""A worker holds at most its limit of jobs at a time, and runs them all."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from kasir.jobs import engine
from kasir.wiring import Parts
from opened_kasir import until

LIMIT = 20
JOBS = 300


class Work:
    """The handler of jobs, which wait until a test releases them; counts the jobs."""

    def __init__(self) -> None:
        self.running = self.most_running = self.done = 0
        self.may_end = asyncio.Event()

    async def run(self, _: bytes) -> None:
        """Run a job."""
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.may_end.wait()
        self.running -= 1
        self.done += 1


async def test_a_worker_holds_at_most_its_limit_of_jobs_and_runs_all(
    fresh_database: str, kasir_of_jobs: Parts
) -> None:
    async with kasir_of_jobs.pool.acquire() as connection:
        await engine.enqueue(connection, "work", [b"x"] * JOBS)
    work, stop, queries = Work(), asyncio.Event(), 0

    def count_query(query: Any) -> None:
        nonlocal queries
        queries += "log_pick" in query.query  # In the query that takes jobs from the queue.

    async def add_logger(connection: Any) -> None:
        connection.add_query_logger(count_query)

    async def has_queried_at_its_limit() -> bool:
        """Whether the worker holds its limit of jobs, and has since queried for more."""
        nonlocal queries
        if work.running < LIMIT:
            queries = 0
        return queries > 3

    async def is_done() -> bool:
        return work.done == JOBS

    async with asyncpg.create_pool(fresh_database, setup=add_logger) as pool:
        working = asyncio.create_task(
            engine.work(pool, {"work": work.run}, stop, held_max=LIMIT, cut=asyncio.Event())
        )
        await until(has_queried_at_its_limit)
        held = work.running
        work.may_end.set()
        await until(is_done)
        stop.set()
        await working

    assert (held, work.most_running, work.done) == (LIMIT, LIMIT, JOBS)

"""Each kind of job has a handler, and keeps its name."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from kasir.jobs.kinds import JobKind
from kasir.jobs.worker import handlers_of
from kasir.wiring import Parts


async def test_each_kind_of_job_has_a_handler(kasir_of_jobs: Parts) -> None:
    async with AsyncExitStack() as stack:
        handlers = await handlers_of(kasir_of_jobs, stack, asyncio.Event())

    assert set(handlers) == set(JobKind)


def test_the_names_of_kinds_never_change() -> None:
    """Queued and failed jobs in the database have these names."""
    assert {kind.value for kind in JobKind} == {
        "read_notices",
        "ask_again",
        "close",
        "reconcile",
        "deliver",
        "relay",
        "report",
        "subscription",
    }

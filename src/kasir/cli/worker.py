"""`kasir worker`: does what runs later, until told to stop."""

from __future__ import annotations

import asyncio
import signal

from kasir.jobs import queue
from kasir.wiring import Kasir


async def run() -> None:
    """Take jobs until SIGTERM or SIGINT; the job in hand is finished first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with Kasir.open() as kasir:

        async def read_notices(_: bytes) -> None:
            await kasir.reader.read_all()

        await queue.work(kasir.pool, {queue.READ_NOTICES: read_notices}, stop)

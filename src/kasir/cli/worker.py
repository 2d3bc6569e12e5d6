"""`kasir worker`: does background work until it is told to stop. Any number of them may run."""

from __future__ import annotations

import asyncio
import signal

from kasir.cli.start import say, used
from kasir.jobs.worker import work
from kasir.limits import Limits
from kasir.wiring import open_parts


async def run() -> None:
    """Work until SIGTERM or SIGINT; the jobs in hand are finished first.

    After a second signal, or `stop_s` seconds, they are put back for another worker. A signal that
    comes before the work has begun cancels the start.
    """
    stop, cut = asyncio.Event(), asyncio.Event()
    loop, itself, is_open = asyncio.get_running_loop(), asyncio.current_task(), False

    def signalled() -> None:
        if stop.is_set():
            cut.set()
        elif not is_open and itself:
            itself.cancel()
        stop.set()
        loop.call_later(Limits().stop_s, cut.set)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, signalled)
    try:
        async with open_parts() as parts:
            is_open = True
            say(f"worker; {used(parts.settings)}")
            await work(parts, stop, cut)
    except asyncio.CancelledError:
        if is_open or not stop.is_set():
            raise  # It was not for the signal.

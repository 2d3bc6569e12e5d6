"""`kasir worker`: does background work until a signal stops it. Any number of workers may run."""

from __future__ import annotations

import asyncio
import signal

from kasir.cli.start import print_status, used
from kasir.jobs.worker import work
from kasir.limits import Limits
from kasir.wiring import open_parts


async def run() -> None:
    """Work until SIGTERM or SIGINT, and then finish the running jobs.

    After a second signal, or after `stop_s` seconds, running jobs are put back for another worker.
    A signal that arrives before the work has begun cancels the start.
    """
    stop, cut = asyncio.Event(), asyncio.Event()
    loop, this_task, is_open = asyncio.get_running_loop(), asyncio.current_task(), False

    def signalled() -> None:
        if stop.is_set():
            cut.set()
        elif not is_open and this_task:
            this_task.cancel()
        stop.set()
        loop.call_later(Limits().stop_s, cut.set)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, signalled)
    try:
        async with open_parts() as parts:
            is_open = True
            print_status(f"worker; {used(parts.settings)}")
            await work(parts, stop, cut)
    except asyncio.CancelledError:
        if is_open or not stop.is_set():
            raise  # The cause was not a signal.

"""`kasir worker`: does background work until a signal stops it. Any number of workers may run."""

from __future__ import annotations

import asyncio
import os
import signal

from kasir.account_parts import open_accounts
from kasir.cli.start import print_status, used
from kasir.cli.worker_metrics import serving_metrics
from kasir.jobs.account_worker import work_for_all
from kasir.limits import Limits
from kasir.telemetry import logs, traces
from kasir.wiring import open_parts


async def run(metrics_host: str = "127.0.0.1", metrics_port: int | None = None) -> None:
    """Work until SIGTERM or SIGINT, and then finish the running jobs.

    With a port for metrics it serves `/metrics` there meanwhile.

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
    logs.configure(os.environ)
    stop_traces = traces.start(os.environ, "worker")
    try:
        async with (
            open_parts() as parts,
            open_accounts(parts) as accounts,
            serving_metrics(parts, accounts, metrics_host, metrics_port),
        ):
            is_open = True
            print_status(f"worker; {used(parts.settings)}")
            await work_for_all(parts, accounts, stop, cut)
    except asyncio.CancelledError:
        if is_open or not stop.is_set():
            raise  # The cause was not a signal.
    finally:
        stop_traces()

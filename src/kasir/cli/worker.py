"""`kasir worker`: does what runs later, until told to stop. Any number of them may run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog

from kasir.cli.start import say, used
from kasir.ids import PaymentId
from kasir.jobs import queue
from kasir.shop_events.delivery import Deliverer
from kasir.store import due, subscription_due
from kasir.subscriptions.subscription import SubscriptionId
from kasir.wiring import Kasir

_AFTER_TROUBLE_S: Final = 1.0

_log = structlog.get_logger("kasir.worker")


async def run() -> None:
    """Work until SIGTERM or SIGINT; the job in hand is finished first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with Kasir.open() as kasir:
        say(f"worker; {used(kasir.settings)}")
        await work(kasir, stop)


async def work(kasir: Kasir, stop: asyncio.Event) -> None:
    """Look for what is due and run jobs, until `stop` is set."""
    async with AsyncExitStack() as stack:
        handlers = await _handlers(kasir, stack)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_look(kasir, stop))
            tasks.create_task(queue.work(kasir.pool, handlers, stop))


async def _handlers(kasir: Kasir, stack: AsyncExitStack) -> Mapping[str, queue.Handler]:
    """What each job does. Each may run twice: a worker that died gives its jobs back."""
    settings = kasir.settings
    deliverer = None
    if settings.events_url:
        sender = Deliverer(
            settings.events_url, settings.events_secrets, settings.limits.event_timeout_s
        )
        deliverer = await stack.enter_async_context(sender)

    async def read_notices(_: bytes) -> None:
        await kasir.reader.read_all()

    async def ask_again(key: bytes) -> None:
        await kasir.closing.ask_again(key.decode())

    async def close(payment_id: bytes) -> None:
        await kasir.closing.close(PaymentId(payment_id.decode()))

    async def reconcile(shopper_reference: bytes) -> None:
        await kasir.stored.look_after(shopper_reference.decode())

    async def deliver(event_id: bytes) -> None:
        if deliverer:
            await kasir.events.deliver(int(event_id), deliverer, kasir.clock.now())

    async def go_on(subscription_id: bytes) -> None:
        await kasir.renewing.go_on(SubscriptionId(subscription_id.decode()))

    return {
        queue.READ_NOTICES: read_notices,
        due.ASK_AGAIN: ask_again,
        due.CLOSE: close,
        due.DELIVER: deliver,
        due.RECONCILE: reconcile,
        subscription_due.GO_ON: go_on,
    }


async def _look(kasir: Kasir, stop: asyncio.Event) -> None:
    """Look for what is due, again at once while there is plenty."""
    limits = kasir.settings.limits
    while not stop.is_set():
        pause = limits.look_every_s
        try:
            # A job may have failed while the database was away: nothing stays unread for that.
            await kasir.reader.read_all()
            found = await kasir.due.look() + await kasir.subscriptions_due.look()
            if found >= limits.due_batch_max:
                continue
        except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
            _log.warning("looking failed", error=type(error).__name__)
            pause = _AFTER_TROUBLE_S
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)

"""`kasir worker`: does what runs later, until told to stop. Any number of them may run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

import structlog

from kasir.cli.start import say, used
from kasir.clock import SystemClock, pause
from kasir.ids import PaymentId
from kasir.jobs import due, due_subscriptions, engine, failed
from kasir.jobs.together import Together
from kasir.limits import Limits
from kasir.shop_events.sender import EventSender
from kasir.store.cleaning import Cleaning
from kasir.subscriptions.subscription import SubscriptionId
from kasir.wiring import Kasir

_AFTER_TROUBLE_S: Final = 1.0

_log = structlog.get_logger("kasir.worker")


async def run() -> None:
    """Work until SIGTERM or SIGINT; the jobs in hand are finished first.

    After a second signal, or `stop_s` seconds, they are put back for another worker. Told to stop
    before it has begun to work, it gives that up.
    """
    stop, cut = asyncio.Event(), asyncio.Event()
    loop, itself, is_open = asyncio.get_running_loop(), asyncio.current_task(), False

    def told() -> None:
        if stop.is_set():
            cut.set()
        elif not is_open and itself:
            itself.cancel()
        stop.set()
        loop.call_later(Limits().stop_s, cut.set)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told)
    try:
        async with Kasir.open() as kasir:
            is_open = True
            say(f"worker; {used(kasir.settings)}")
            await work(kasir, stop, cut)
    except asyncio.CancelledError:
        if is_open or not stop.is_set():
            raise  # It was not for the signal.


async def work(kasir: Kasir, stop: asyncio.Event, cut: asyncio.Event | None = None) -> None:
    """Look for what is due and run jobs, until `stop` is set; `cut` ends what is in hand."""
    async with AsyncExitStack() as stack:
        limits = kasir.settings.limits
        handlers = await _handlers(kasir, stack)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_look(kasir, stop))
            held_max, ended = limits.jobs_held_max, cut or asyncio.Event()
            at_once = {due.DELIVER: limits.event_deliveries_max}
            tasks.create_task(engine.work(kasir.pool, handlers, stop, held_max, ended, at_once))
            tasks.create_task(_clean(kasir, stop))
            try:
                await stop.wait()
            finally:
                # Where this is cancelled instead: a task that lost that word ends all the same.
                stop.set()


async def _handlers(kasir: Kasir, stack: AsyncExitStack) -> Mapping[str, engine.Handler]:
    """What each job does. Each may run twice: a worker that died gives its jobs back."""
    settings = kasir.settings
    reading = Together(kasir.reader.read_all, settings.limits.readers_max)
    sender = None
    if settings.events_url:
        opening = EventSender(
            settings.events_url,
            settings.events_secrets,
            settings.limits.event_timeout_s,
            SystemClock(),
        )
        sender = await stack.enter_async_context(opening)

    async def read_notices(_: bytes) -> None:
        await reading()

    async def ask_again(key: bytes) -> None:
        await kasir.closing.ask_again(key.decode())

    async def close(payment_id: bytes) -> None:
        await kasir.closing.close(PaymentId(payment_id.decode()))

    async def reconcile(shopper_reference: bytes) -> None:
        await kasir.stored.look_after(shopper_reference.decode())

    async def deliver(event_id: bytes) -> None:
        if sender:
            await kasir.delivery.deliver(int(event_id), sender)

    async def go_on(subscription_id: bytes) -> None:
        await kasir.renewing.go_on(SubscriptionId(subscription_id.decode()))

    return {
        engine.READ_NOTICES: read_notices,
        due.ASK_AGAIN: _in_time(kasir, ask_again),
        due.CLOSE: _in_time(kasir, close),
        due.DELIVER: deliver,
        due.RECONCILE: reconcile,
        due_subscriptions.GO_ON: _in_time(kasir, go_on),
    }


async def _found(kasir: Kasir) -> int:
    """How much was due; what hangs on the time waits until the clocks agree on it."""
    if not await kasir.times.agree():
        return await kasir.due.look(clocks_agree=False)
    return await kasir.due.look() + await kasir.subscriptions_due.look()


def _in_time(kasir: Kasir, handler: engine.Handler) -> engine.Handler:
    """A handler that does nothing while the clocks disagree: its job is found due again."""

    async def run(payload: bytes) -> None:
        if await kasir.times.still_agree():
            await handler(payload)

    return run


async def _look(kasir: Kasir, stop: asyncio.Event) -> None:
    """Look for what is due, again at once while there is plenty."""
    limits = kasir.settings.limits
    while not stop.is_set():
        # A job may have failed while the database was away: nothing stays unread for that.
        wait_s = limits.look_every_s if await _has_read(kasir) else _AFTER_TROUBLE_S
        try:
            found = await _found(kasir)
            if found >= limits.due_batch_max:
                continue
        except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
            _log.warning("looking failed", error=type(error).__name__)
            wait_s = _AFTER_TROUBLE_S
        await pause(wait_s, stop)


async def _has_read(kasir: Kasir) -> bool:
    """Read notices; apart from all else, which does not wait for one that cannot be read."""
    try:
        await kasir.reader.read_all()
    except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
        _log.warning("reading failed", error=type(error).__name__)
        return False
    return True


async def _clean(kasir: Kasir, stop: asyncio.Event) -> None:
    """Clean up now and then, seal what is not yet, and run again what failed for a moment."""
    limits = kasir.settings.limits
    cleaning = Cleaning(
        pool=kasir.pool,
        clock=SystemClock(),  # Never the twin's: nothing has grown old by a leap of it.
        kept=kasir.settings.kept,
        batch_max=limits.clean_batch_max,
        pause_s=limits.clean_pause_s,
    )
    while not stop.is_set():
        try:
            # From before links were sealed; none, once a worker has been through them.
            while not stop.is_set() and await kasir.links_kept.seal(limits.due_batch_max):
                pass
            most, after_s = limits.clean_batch_max, limits.job_retry_after_s
            retries = limits.job_retries_max
            retried = await failed.retry_by_itself(kasir.pool, retries, after_s, most)
            removed = await cleaning.clean(stop)
            if retried or removed:
                _log.info("cleaned up", retried=retried, removed=removed)
        except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
            _log.warning("cleaning failed", error=type(error).__name__)
        await pause(limits.clean_every_s, stop)

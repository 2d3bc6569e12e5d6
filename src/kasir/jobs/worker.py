"""The worker: finds what is due, runs jobs and cleans up, until it is told to stop.

Any number of workers may run on one database, in this process or in others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final, Protocol

import structlog

from kasir.clock import SystemClock, pause
from kasir.config import Settings
from kasir.gateway.clock_check import ClockCheck
from kasir.ids import PaymentId
from kasir.jobs import engine, failed
from kasir.jobs.closing import Closing
from kasir.jobs.due import Due
from kasir.jobs.due_subscriptions import DueSubscriptions
from kasir.jobs.kinds import JobKind
from kasir.jobs.renewing import Renewing
from kasir.jobs.together import Together
from kasir.requests.stored_methods import StoredMethods
from kasir.shop_events.delivery import EventDelivery
from kasir.shop_events.sender import EventSender
from kasir.store.cleaning import Cleaning
from kasir.store.database import Pool
from kasir.store.links import PostgresLinks
from kasir.subscriptions.subscription import SubscriptionId
from kasir.webhooks.reading import Reader

_AFTER_TROUBLE_S: Final = 1.0

_log = structlog.get_logger("kasir.worker")


class WorkerParts(Protocol):
    """The parts that a worker needs; `kasir.wiring.Parts` has them."""

    @property
    def settings(self) -> Settings:
        """What it was opened with."""

    @property
    def pool(self) -> Pool:
        """The database."""

    @property
    def reader(self) -> Reader:
        """Reads the inbox."""

    @property
    def closing(self) -> Closing:
        """Asks again, and closes attempts that nobody finished."""

    @property
    def stored(self) -> StoredMethods:
        """Compares tokens with Adyen's list."""

    @property
    def delivery(self) -> EventDelivery:
        """Delivers events."""

    @property
    def renewing(self) -> Renewing:
        """Renews subscriptions."""

    @property
    def due(self) -> Due:
        """Finds what is due."""

    @property
    def due_subscriptions(self) -> DueSubscriptions:
        """Finds subscriptions that are due."""

    @property
    def links_kept(self) -> PostgresLinks:
        """Seals links from before links were sealed."""

    @property
    def times(self) -> ClockCheck:
        """Whether the clocks agree."""


async def work(parts: WorkerParts, stop: asyncio.Event, cut: asyncio.Event | None = None) -> None:
    """Work until `stop` is set; the jobs in hand are finished first.

    Args:
        parts: Open parts.
        stop: Set to stop.
        cut: Set to put the jobs in hand back for another worker instead of finishing them.
    """
    async with AsyncExitStack() as stack:
        limits = parts.settings.limits
        handlers = await handlers_of(parts, stack)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_look(parts, stop))
            held_max, ended = limits.jobs_held_max, cut or asyncio.Event()
            at_once: dict[str, int] = {JobKind.DELIVER: limits.event_deliveries_max}
            tasks.create_task(engine.work(parts.pool, handlers, stop, held_max, ended, at_once))
            tasks.create_task(_clean(parts, stop))
            try:
                await stop.wait()
            finally:
                # If this is cancelled instead, a task that lost its own cancel ends all the same.
                stop.set()


async def handlers_of(parts: WorkerParts, stack: AsyncExitStack) -> Mapping[str, engine.Handler]:
    """The handler of each kind of job; what they need is closed with `stack`.

    A job may run twice, since a worker that died gives its jobs back: every handler bears that.
    """
    settings = parts.settings
    reading = Together(parts.reader.read_all, settings.limits.readers_max)
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
        await parts.closing.ask_again(key.decode())

    async def close(payment_id: bytes) -> None:
        await parts.closing.close(PaymentId(payment_id.decode()))

    async def reconcile(shopper_reference: bytes) -> None:
        await parts.stored.look_after(shopper_reference.decode())

    async def deliver(event_id: bytes) -> None:
        if sender:
            await parts.delivery.deliver(int(event_id), sender)

    async def renew(subscription_id: bytes) -> None:
        await parts.renewing.renew([SubscriptionId(subscription_id.decode())])

    return {
        JobKind.READ_NOTICES: read_notices,
        JobKind.ASK_AGAIN: _while_clocks_agree(parts, ask_again),
        JobKind.CLOSE: _while_clocks_agree(parts, close),
        JobKind.DELIVER: deliver,
        JobKind.RECONCILE: reconcile,
        JobKind.RENEW: _while_clocks_agree(parts, renew),
    }


def _while_clocks_agree(parts: WorkerParts, handler: engine.Handler) -> engine.Handler:
    """A handler that does nothing while the clocks disagree: its job is found due again."""

    async def run(payload: bytes) -> None:
        if await parts.times.still_agree():
            await handler(payload)

    return run


async def _look(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Look for what is due, again at once while there is plenty."""
    limits = parts.settings.limits
    while not stop.is_set():
        # A job may have failed while the database was away: so notices are read here too.
        wait_s = limits.look_every_s if await _has_read(parts) else _AFTER_TROUBLE_S
        try:
            if await _take_due(parts) >= limits.due_batch_max:
                continue
        except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
            _log.warning("looking failed", error=type(error).__name__)
            wait_s = _AFTER_TROUBLE_S
        await pause(wait_s, stop)


async def _take_due(parts: WorkerParts) -> int:
    """How much was due; what depends on the time waits until the clocks agree on it."""
    if not await parts.times.agree():
        return await parts.due.look(clocks_agree=False)
    return await parts.due.look() + await parts.due_subscriptions.look()


async def _has_read(parts: WorkerParts) -> bool:
    """Read notices; whether that went well. Nothing else waits for one that cannot be read."""
    try:
        await parts.reader.read_all()
    except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
        _log.warning("reading failed", error=type(error).__name__)
        return False
    return True


async def _clean(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Now and then clean up, seal what is not sealed, and retry what failed for a moment."""
    limits = parts.settings.limits
    cleaning = Cleaning(
        pool=parts.pool,
        clock=SystemClock(),  # Never the twin's: nothing has grown old by a leap of it.
        kept=parts.settings.kept,
        batch_max=limits.clean_batch_max,
        pause_s=limits.clean_pause_s,
    )
    while not stop.is_set():
        try:
            # From before links were sealed; none, once a worker has been through them.
            while not stop.is_set() and await parts.links_kept.seal(limits.due_batch_max):
                pass
            most, after_s = limits.clean_batch_max, limits.job_retry_after_s
            retries = limits.job_retries_max
            retried = await failed.retry_by_itself(parts.pool, retries, after_s, most)
            removed = await cleaning.clean(stop)
            if retried or removed:
                _log.info("cleaned up", retried=retried, removed=removed)
        except Exception as error:  # noqa: BLE001  # The database may be away; work goes on.
            _log.warning("cleaning failed", error=type(error).__name__)
        await pause(limits.clean_every_s, stop)

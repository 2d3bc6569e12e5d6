"""The worker: finds due work, runs jobs and cleans up, until it is stopped.

Any number of workers may run on one database, in this process or in others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final, Protocol

import structlog

from kasir.clock import Clock, SystemClock, pause
from kasir.config import Settings
from kasir.gateway.clock_check import ClockCheck
from kasir.ids import PaymentId
from kasir.jobs import engine, failed
from kasir.jobs.closing import Closing
from kasir.jobs.due import Due
from kasir.jobs.due_subscriptions import DueSubscriptions
from kasir.jobs.kinds import JobKind
from kasir.jobs.renewing import Renewing
from kasir.jobs.reports import Reports
from kasir.jobs.together import Together
from kasir.operations.today import sum_past_days
from kasir.relay.relaying import Relay
from kasir.requests.stored_methods import StoredMethods
from kasir.shop_events.delivery import EventDelivery
from kasir.shop_events.sender import EventSender, ShopClient
from kasir.store.cleaning import Cleaning
from kasir.store.database import Pool
from kasir.store.links import PostgresLinks
from kasir.subscriptions.subscription import SubscriptionId
from kasir.telemetry import context
from kasir.webhooks.reading import Reader

_AFTER_FAILURE_S: Final = 1.0

_log = structlog.get_logger("kasir.worker")


class WorkerParts(Protocol):
    """The parts that a worker needs; `kasir.wiring.Parts` has them."""

    @property
    def settings(self) -> Settings:
        """The settings that Kasir was opened with."""

    @property
    def clock(self) -> Clock:
        """Kasir's clock."""

    @property
    def pool(self) -> Pool:
        """The database."""

    @property
    def reader(self) -> Reader:
        """Reads the inbox."""

    @property
    def closing(self) -> Closing:
        """Sends unanswered questions again, and closes unfinished attempts."""

    @property
    def stored(self) -> StoredMethods:
        """Compares tokens with Adyen's list."""

    @property
    def delivery(self) -> EventDelivery:
        """Delivers events."""

    @property
    def relay(self) -> Relay:
        """Relays notifications."""

    @property
    def reports(self) -> Reports:
        """Fetches and reconciles Adyen's reports."""

    @property
    def renewing(self) -> Renewing:
        """Renews subscriptions."""

    @property
    def due(self) -> Due:
        """Finds due work of every kind but subscriptions."""

    @property
    def due_subscriptions(self) -> DueSubscriptions:
        """Finds subscriptions that are due."""

    @property
    def links_kept(self) -> PostgresLinks:
        """Encrypts the links of earlier versions."""

    @property
    def times(self) -> ClockCheck:
        """Checks whether the clocks agree."""


async def work(parts: WorkerParts, stop: asyncio.Event, cut: asyncio.Event | None = None) -> None:
    """Work until `stop` is set; running jobs are finished first.

    Args:
        parts: Open parts.
        stop: Set to stop.
        cut: Set to queue running jobs again, for another worker, instead of finishing them.
    """
    async with AsyncExitStack() as stack:
        limits = parts.settings.limits
        handlers = await handlers_of(parts, stack, stop)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(find_due(parts, stop, limits.poll_every_s))
            held_max, cut_off = limits.jobs_held_max, cut or asyncio.Event()
            at_once: dict[str, int] = {
                JobKind.DELIVER: limits.event_deliveries_max,
                JobKind.REPORT: 1,
            }
            tasks.create_task(engine.work(parts.pool, handlers, stop, held_max, cut_off, at_once))
            tasks.create_task(_clean(parts, stop))
            try:
                await stop.wait()
            finally:
                # If this task is cancelled, a child task may miss its cancellation; `stop` ends it.
                stop.set()


async def handlers_of(
    parts: WorkerParts, stack: AsyncExitStack, stop: asyncio.Event
) -> Mapping[str, engine.Handler]:
    """The handler of each kind of job. Connections that a handler needs are closed with `stack`.

    A handler of many steps ends early when `stop` is set. A job may run twice, because the jobs of
    a dead worker are queued again. So every handler is idempotent.
    """
    settings = parts.settings
    read_all = Together(parts.reader.read_all, settings.limits.readers_max)
    sender = None
    if settings.events_url:
        new_sender = EventSender(
            settings.events_url,
            settings.events_secrets,
            settings.limits.event_timeout_s,
            SystemClock(),
        )
        sender = await stack.enter_async_context(new_sender)

    client = await stack.enter_async_context(ShopClient(settings.limits.event_timeout_s))

    async def read_notices(_: bytes) -> None:
        await read_all()

    async def ask_again(key: bytes) -> None:
        await parts.closing.ask_again(key.decode())

    async def close(payment_id: bytes) -> None:
        closed_id = PaymentId(payment_id.decode())
        with context.payment(closed_id):
            await parts.closing.close(closed_id)

    async def reconcile(shopper_reference: bytes) -> None:
        await parts.stored.compare_with_list(shopper_reference.decode())

    async def deliver(event_id: bytes) -> None:
        if sender:
            await parts.delivery.deliver(int(event_id), sender)

    async def relay(holder: bytes) -> None:
        await parts.relay.run(holder.decode(), client, stop)

    async def renew(subscription_id: bytes) -> None:
        await parts.renewing.renew([SubscriptionId(subscription_id.decode())])

    return {
        JobKind.READ_NOTICES: read_notices,
        JobKind.ASK_AGAIN: _while_clocks_agree(parts, ask_again),
        JobKind.CLOSE: _while_clocks_agree(parts, close),
        JobKind.DELIVER: deliver,
        JobKind.RECONCILE: reconcile,
        JobKind.RELAY: relay,
        JobKind.REPORT: parts.reports.run,
        JobKind.RENEW: _while_clocks_agree(parts, renew),
    }


def _while_clocks_agree(parts: WorkerParts, handler: engine.Handler) -> engine.Handler:
    """A handler that does nothing while the clocks disagree; the work becomes due again later."""

    async def run(payload: bytes) -> None:
        if await parts.times.still_agree():
            await handler(payload)

    return run


async def find_due(
    parts: WorkerParts,
    stop: asyncio.Event,
    every_s: float,
    note: Callable[[int], None] = lambda _: None,
) -> None:
    """Search for due work repeatedly, without a pause after a full batch.

    Args:
        parts: Open parts.
        stop: Set to stop.
        every_s: The pause after a search, in seconds.
        note: Called after each search with the number of jobs queued and events written.
    """
    limits = parts.settings.limits
    while not stop.is_set():
        # Notices are read here too: their job may have failed while the database was unavailable.
        wait_s = every_s if await _read_notices(parts) else _AFTER_FAILURE_S
        try:
            found = await _take_due(parts)
            note(found)
            if found >= limits.due_batch_max:
                continue
        except Exception as error:  # noqa: BLE001  # The database may be unavailable; work goes on.
            _log.warning("search for due work failed", error=type(error).__name__)
            wait_s = _AFTER_FAILURE_S
        await pause(wait_s, stop)


async def _take_due(parts: WorkerParts) -> int:
    """Queue jobs for due work; if the clocks disagree, only for events, relay and reports.

    Returns:
        How many jobs were queued and how many held-back events were written, together.
    """
    if not await parts.times.agree():
        return await parts.due.look(clocks_agree=False)
    return await parts.due.look() + await parts.due_subscriptions.look()


async def _read_notices(parts: WorkerParts) -> bool:
    """Read notices; return whether that succeeded. A failure stops no other work."""
    try:
        await parts.reader.read_all()
    except Exception as error:  # noqa: BLE001  # The database may be unavailable; work goes on.
        _log.warning("reading failed", error=type(error).__name__)
        return False
    return True


async def _clean(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Regularly clean up, encrypt old links, retry failed jobs, and sum the days before today."""
    while not stop.is_set():
        await clean_once(parts, stop)
        await pause(parts.settings.limits.clean_every_s, stop)


async def clean_once(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Clean up, encrypt old links, retry failed jobs, sum past days. Errors are logged only."""
    limits = parts.settings.limits
    cleaning = Cleaning(
        pool=parts.pool,
        clock=SystemClock(),  # Never the twin's clock, because its leaps must not remove rows.
        kept=parts.settings.kept,
        batch_max=limits.clean_batch_max,
        pause_s=limits.clean_pause_s,
    )
    try:
        # Encrypts links that earlier versions of Kasir stored unencrypted.
        while not stop.is_set() and await parts.links_kept.seal(limits.due_batch_max):
            pass
        most, after_s = limits.clean_batch_max, limits.job_retry_after_s
        retries = limits.job_retries_max
        retried = await failed.retry_automatically(parts.pool, retries, after_s, most)
        removed = await cleaning.clean(stop)
        await parts.reports.queue_search(engine.enqueue)
        await sum_past_days(parts.pool, parts.clock.now())
        if retried or removed:
            _log.info("cleaned up", retried=retried, removed=removed)
    except Exception as error:  # noqa: BLE001  # The database may be unavailable; work goes on.
        _log.warning("cleaning failed", error=type(error).__name__)

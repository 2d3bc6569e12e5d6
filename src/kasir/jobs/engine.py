"""The job engine (PgQueuer): creates its tables, queues jobs, and runs jobs.

A job is queued in the transaction that makes the job necessary, so neither exists without the
other. When a worker dies, its heartbeat stops, and its jobs are queued again. A job may therefore
run twice, so handlers are idempotent. A job whose handler raises an error is kept as a failed job
(`on_failure="hold"`); see `failed.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver, NotifyCallback

from kasir.clock import pause
from kasir.jobs.kinds import JobKind
from kasir.store.database import UNAVAILABLE, Connection, Pool
from kasir.store.listening import Listening
from kasir.telemetry import context, metrics, traces
from kasir.telemetry.origin import Origin, origin

if TYPE_CHECKING:
    import asyncpg

#: Runs a job; its argument is the job's payload.
Handler = Callable[[bytes], Awaitable[None]]

#: The interval at which workers poll for jobs. LISTEN alone is not enough, because it ends with its
#: connection.
_POLL_EVERY: Final = timedelta(seconds=2)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)
#: How many jobs are read from the queue at a time.
_BATCH: Final = 10
#: The interval at which the engine logs counts of jobs; with 0 it logs none.
_NEVER: Final = timedelta()
_RESTART_AFTER_S: Final = 1.0
#: The number of an advisory lock that no other program uses: "kasir" in ASCII, then 1.
_INSTALL_LOCK: Final = 0x6B61_7369_7201
_INDEX_FAILED_JOBS: Final = (
    "CREATE INDEX kasir_failed_jobs ON pgqueuer (updated) WHERE status = 'failed'"
)

#: The names of what caused a job, in PgQueuer's column `headers`.
_REQUEST_ID: Final = "request_id"
_TRACEPARENT: Final = "traceparent"

#: The version of PgQueuer, and so of its tables.
VERSION: Final = version("pgqueuer")

_log = structlog.get_logger("kasir.jobs")


async def install(pool: Pool, channel: str | None = None) -> None:
    """Create the engine's tables, or upgrade them. Any number of processes may do this at once.

    Args:
        pool: The database.
        channel: The NOTIFY channel of new jobs; None for the environment's account.
    """
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _INSTALL_LOCK)
        try:
            queries = _queries(AsyncpgDriver(_bare(connection)), channel)
            if await queries.schema_is_installed():
                await queries.upgrade()
            else:
                await queries.install()
            # CREATE INDEX IF NOT EXISTS would wait for all writers even if the index exists.
            if await connection.fetchval("SELECT to_regclass('kasir_failed_jobs')") is None:
                await connection.execute(_INDEX_FAILED_JOBS)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _INSTALL_LOCK)


async def enqueue_reading(connection: Connection) -> None:
    """Queue the job that reads the inbox, in the caller's transaction."""
    await queries_on(connection).enqueue(JobKind.READ_NOTICES, None, headers=_origin_headers())


async def enqueue(connection: Connection, name: str, payloads: Sequence[bytes]) -> None:
    """Queue a job for each payload, in the caller's transaction."""
    names, priorities = [name] * len(payloads), [0] * len(payloads)
    headers = [_origin_headers()] * len(payloads)
    await queries_on(connection).enqueue(names, [*payloads], priorities, headers=headers)


async def work(
    pool: Pool,
    handlers: Mapping[str, Handler],
    stop: asyncio.Event,
    held_max: int,
    cut: asyncio.Event,
    at_once: Mapping[str, int] | None = None,
    queue: AccountQueue | None = None,
) -> None:
    """Run jobs until `stop` is set. After an error, the loop starts again.

    Args:
        pool: The database.
        handlers: The handler of each kind of job.
        stop: Set to stop; running jobs are finished first.
        held_max: The most jobs that run at a time; the others wait in the database.
        cut: Set to queue running jobs again instead of finishing them.
        at_once: The most jobs of a kind that run at a time, over all workers, so that jobs that
            wait for another system do not use all of `held_max`. A missing kind has no limit.
        queue: The queue of a stored account; None for the environment's account.
    """
    most_at_once = at_once or {}
    while not stop.is_set():
        manager = queue.manager(pool) if queue else QueueManager(Queries(AsyncpgPoolDriver(pool)))
        for name, handler in handlers.items():
            _register(manager, name, _until(cut, name, handler), stop, most_at_once.get(name, 0))
        stopper = asyncio.create_task(_stop_with(manager, stop))
        try:
            await manager.run(
                dequeue_timeout=_POLL_EVERY,
                batch_size=_BATCH,
                max_concurrent_tasks=held_max,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
                log_aggregation_interval=_NEVER,
            )
        except Exception as error:  # noqa: BLE001  # Work goes on after any error.
            _log.warning("worker starts over", error=type(error).__name__)
            await asyncio.sleep(_RESTART_AFTER_S)
        finally:
            stopper.cancel()


def queries_on(connection: Connection) -> Queries:
    """The engine's SQL statements, on the caller's connection."""
    return Queries(AsyncpgDriver(_bare(connection)))


def _bare(connection: Connection) -> asyncpg.Connection[asyncpg.Record]:
    # The engine's types require a bare connection; a connection of a pool behaves the same.
    return cast("asyncpg.Connection[asyncpg.Record]", connection)


def _queries(driver: Driver, channel: str | None) -> Queries:
    if channel is None:
        return Queries(driver)
    settings = DBSettings(channel=Channel(channel))
    return Queries(driver, QueryBuilderEnvironment(settings), QueryQueueBuilder(settings))


class AccountQueue:
    """The job queue of a stored account: a merchant account whose settings are in the database.

    New jobs are announced on a separate channel for each account. All accounts share one connection
    that listens, so the number of connections does not grow with the number of accounts.
    """

    def __init__(self, channel: str, listening: Listening) -> None:
        self._channel = channel
        self._listening = listening

    def manager(self, pool: Pool) -> QueueManager:
        """Return a new object of the engine that runs the jobs of this queue."""
        driver = _SharedListenerDriver(pool, self._listening)
        return QueueManager(_queries(driver, self._channel), channel=Channel(self._channel))


class _SharedListenerDriver(AsyncpgPoolDriver):
    """A driver that listens over the connection that all accounts share."""

    def __init__(self, pool: Pool, listening: Listening) -> None:
        super().__init__(pool)
        self._listening = listening
        self._callbacks: list[tuple[str, NotifyCallback]] = []

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Call `callback` with the payload of each notification on `channel`."""
        self._listening.add(channel, callback)
        self._callbacks.append((channel, callback))

    async def __aexit__(self, *exc: object) -> None:
        for channel, callback in self._callbacks:
            self._listening.remove(channel, callback)
        self._callbacks.clear()


def _until(cut: asyncio.Event, name: str, handler: Handler) -> Handler:
    """A handler whose job is queued again if `cut` is set before the job is done."""

    async def run(payload: bytes) -> None:
        working = asyncio.ensure_future(handler(payload))
        cutting = asyncio.create_task(cut.wait())
        try:
            await asyncio.wait([working, cutting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            cutting.cancel()
            working.cancel()  # Has no effect if the job is done.
        await asyncio.wait([working])
        if working.cancelled():
            _log.warning("a job was cut off by the stop and is put back", job=name)
            raise RetryRequested(reason="the worker was stopped")
        working.result()

    return run


def _register(
    manager: QueueManager, name: str, handler: Handler, stop: asyncio.Event, most: int
) -> None:
    async def run(job: Job) -> None:
        with _observed(name, job):
            await _finish(name, handler, job.payload or b"", stop)

    manager.entrypoint(name, concurrency_limit=most, accepts_context=False, on_failure="hold")(run)


def _origin_headers() -> dict[str, str] | None:
    """What caused the job that is queued now; None if nothing is known of it."""
    cause = origin()
    if cause == Origin():
        return None
    return {_REQUEST_ID: cause.request_id, _TRACEPARENT: cause.traceparent}


@contextmanager
def _observed(name: str, job: Job) -> Iterator[None]:
    """Name a job in its log lines, and count it, until the context ends."""
    headers, begun_at, outcome = job.headers or {}, perf_counter(), "failed"
    parent = str(headers.get(_TRACEPARENT, ""))
    with (
        context.job(name, job.id, str(headers.get(_REQUEST_ID, ""))),
        traces.span(f"job {name}", "consumer", parent) as span,
    ):
        span.note(kasir__job=name, kasir__job_id=job.id)
        try:
            yield
            outcome = "done"
        except RetryRequested:
            outcome = "put_back"
            raise
        finally:
            metrics.job(name, outcome, perf_counter() - begun_at)


async def _finish(name: str, handler: Handler, payload: bytes, stop: asyncio.Event) -> None:
    """Run a job to its end. While the database is unavailable, the job is retried.

    Raises:
        RetryRequested: The worker stops before the job is done; another worker runs the job.
    """
    while True:
        try:
            return await handler(payload)
        except UNAVAILABLE as error:
            _log.warning("a job waits for the database", job=name, error=type(error).__name__)
            if stop.is_set():
                raise RetryRequested(reason="the worker stops") from error
        await pause(_RESTART_AFTER_S, stop)


async def _stop_with(manager: QueueManager, stop: asyncio.Event) -> None:
    await stop.wait()
    manager.shutdown.set()

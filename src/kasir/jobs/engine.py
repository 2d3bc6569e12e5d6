"""The job engine: its tables, how a job is queued, and the loop that runs jobs.

A job is queued in the transaction that makes it necessary, so that neither exists without the
other. When a worker dies, its heartbeat stops, and its jobs are queued again. A job may therefore
run twice, so handlers are idempotent. With `on_failure="hold"` a job whose handler raises any error
is kept as failed; see `failed.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job

from kasir.clock import pause
from kasir.jobs.kinds import JobKind
from kasir.store.database import UNAVAILABLE, Connection, Pool

if TYPE_CHECKING:
    import asyncpg

#: Runs a job; its argument is the job's payload.
Handler = Callable[[bytes], Awaitable[None]]

#: How often jobs are polled for. A LISTEN is lost with its connection, so it is not enough.
_POLL_EVERY: Final = timedelta(seconds=2)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)
#: How many jobs are read from the queue at a time.
_BATCH: Final = 10
#: As the interval of the engine's log of counts: no such log is written.
_NEVER: Final = timedelta()
_RESTART_AFTER_S: Final = 1.0
#: The key of an advisory lock that no other program uses: "kasir" in ASCII, then 1.
_INSTALL_LOCK: Final = 0x6B61_7369_7201
_INDEX_FAILED_JOBS: Final = (
    "CREATE INDEX kasir_failed_jobs ON pgqueuer (updated) WHERE status = 'failed'"
)

_log = structlog.get_logger("kasir.jobs")


async def install(pool: Pool) -> None:
    """Create the engine's tables, or upgrade them; any number of processes may call it at once."""
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _INSTALL_LOCK)
        try:
            queries = queries_on(connection)
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
    await queries_on(connection).enqueue(JobKind.READ_NOTICES, None)


async def enqueue(connection: Connection, name: str, payloads: Sequence[bytes]) -> None:
    """Queue a job for each payload, in the caller's transaction."""
    names, priorities = [name] * len(payloads), [0] * len(payloads)
    await queries_on(connection).enqueue(names, [*payloads], priorities)


async def work(
    pool: Pool,
    handlers: Mapping[str, Handler],
    stop: asyncio.Event,
    held_max: int,
    cut: asyncio.Event,
    at_once: Mapping[str, int] | None = None,
) -> None:
    """Run jobs until `stop` is set; starts again after any error.

    Args:
        pool: The database.
        handlers: What runs each kind of job.
        stop: Set to stop; running jobs are finished first.
        held_max: The most jobs that run at a time; the others wait in the database.
        cut: Set to queue running jobs again instead of finishing them.
        at_once: The most jobs of a kind that run at a time, over all workers, so that jobs that
            wait for another system do not use all of `held_max`. A missing kind has no limit.
    """
    most_at_once = at_once or {}
    while not stop.is_set():
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
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
    """The engine's own statements, on a connection of the caller's."""
    # The engine is typed for a bare connection; a pool's proxy behaves the same.
    return Queries(AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection)))


def _until(cut: asyncio.Event, name: str, handler: Handler) -> Handler:
    """A handler whose job is queued again if `cut` is set before the job is done."""

    async def run(payload: bytes) -> None:
        working = asyncio.ensure_future(handler(payload))
        cutting = asyncio.create_task(cut.wait())
        try:
            await asyncio.wait([working, cutting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            cutting.cancel()
            working.cancel()  # Has no effect if it is done.
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
        await _finish(name, handler, job.payload or b"", stop)

    manager.entrypoint(name, concurrency_limit=most, accepts_context=False, on_failure="hold")(run)


async def _finish(name: str, handler: Handler, payload: bytes, stop: asyncio.Event) -> None:
    """Run a job to its end. It is retried, not failed, while the database is unavailable.

    Raises:
        RetryRequested: The worker stops first; another worker runs the job.
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

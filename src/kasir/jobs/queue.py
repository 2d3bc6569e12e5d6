"""The job engine: its tables, how a job is put in, and the worker that takes jobs out.

A job is enqueued in the transaction that makes it necessary, so neither is there without the
other. A worker that dies gives its jobs back by itself (its heartbeat stops). Handlers are
therefore idempotent: a job may run twice. `on_failure="hold"`: no job is ever dropped.
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
from pgqueuer.domain.models import Job

from kasir.store.database import Connection, Pool

if TYPE_CHECKING:
    import asyncpg

READ_NOTICES: Final = "read_notices"

Handler = Callable[[bytes], Awaitable[None]]

#: The driver loses its LISTEN with its connection and then only looks this often.
_LOOK_EVERY: Final = timedelta(seconds=2)
_HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)
_BATCH: Final = 10
_RESTART_AFTER_S: Final = 1.0
_INSTALL_LOCK: Final = 0x6B61_7369_7201

_log = structlog.get_logger("kasir.jobs")


async def install(pool: Pool) -> None:
    """Make the engine's tables, or bring them up to date; safe to call from many processes."""
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _INSTALL_LOCK)
        try:
            queries = _queries(connection)
            if await queries.schema_is_installed():
                await queries.upgrade()
            else:
                await queries.install()
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _INSTALL_LOCK)


async def enqueue_reading(connection: Connection) -> None:
    """Have a worker read the inbox once the caller's transaction is committed."""
    await _queries(connection).enqueue(READ_NOTICES, None)


async def enqueue(connection: Connection, name: str, payloads: Sequence[bytes]) -> None:
    """Have workers run a job per payload once the caller's transaction is committed."""
    count = len(payloads)
    await _queries(connection).enqueue([name] * count, [*payloads], [0] * count)


async def work(
    pool: Pool,
    handlers: Mapping[str, Handler],
    stop: asyncio.Event,
    at_once: Mapping[str, int] | None = None,
) -> None:
    """Take jobs and run them until `stop` is set; starts over when the database went away.

    `at_once` says how many jobs of a name run at a time, over all workers, so that one that waits
    for somebody else leaves room for the others. What is not named there has no such limit.
    """
    most = at_once or {}
    while not stop.is_set():
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
        for name, handler in handlers.items():
            _register(manager, name, handler, most.get(name, 0))
        stopper = asyncio.create_task(_stop_with(manager, stop))
        try:
            await manager.run(
                dequeue_timeout=_LOOK_EVERY,
                batch_size=_BATCH,
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
            )
        except Exception as error:  # noqa: BLE001  # Whatever it was, work goes on.
            _log.warning("worker starts over", error=type(error).__name__)
            await asyncio.sleep(_RESTART_AFTER_S)
        finally:
            stopper.cancel()


def _queries(connection: Connection) -> Queries:
    # The engine asks for a bare connection; one lent by a pool does the same.
    return Queries(AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection)))


def _register(manager: QueueManager, name: str, handler: Handler, most: int) -> None:
    async def run(job: Job) -> None:
        await handler(job.payload or b"")

    manager.entrypoint(name, concurrency_limit=most, accepts_context=False, on_failure="hold")(run)


async def _stop_with(manager: QueueManager, stop: asyncio.Event) -> None:
    await stop.wait()
    manager.shutdown.set()

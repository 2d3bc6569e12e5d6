"""PostgreSQL: a pool of connections, and the schema brought up to date.

Migrations are numbered SQL files, applied once each, in order, under an advisory lock: any number
of processes may start at once, and one of them migrates.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import aiosql
import asyncpg
import stamina

from kasir.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # Where annotations are read at run time, the plain classes do.
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

P = ParamSpec("P")
T = TypeVar("T")

#: What the driver raises when the server is away or goes away, whatever was being done.
TROUBLE: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

#: Of that, what says that the server is away or too busy, and not that a query is wrong.
AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # Said of a connection that was cut while it lay in the pool.
    asyncpg.TransactionRollbackError,
)

#: Any number that nobody else's migrations use on the same server.
_MIGRATION_LOCK: Final = 0x6B61_7369_72
_CONNECT_S: Final = 10.0


def is_undone(error: Exception) -> bool:
    """Whether PostgreSQL undid a transaction for another's sake, so that it may be tried again."""
    return isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError)


def once_more(
    commit: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Do one commit again where PostgreSQL undid it for another's sake.

    The order of locks (docs/adr/0015) is there to make that rare; this is for when it happens all
    the same. Nothing of the first try is left, so the second is the first.
    """

    @wraps(commit)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # Not stamina's decorator: that logs what a function is called with.
        async for attempt in stamina.retry_context(is_undone, wait_initial=0.01, wait_jitter=0.05):
            with attempt:
                return await commit(*args, **kwargs)
        raise AssertionError("the last try raises")  # pragma: no cover

    return run


def queries(name: str) -> Any:
    """The queries of `queries/{name}.sql`, as methods that take a connection."""
    text = (files("kasir.store") / "queries" / f"{name}.sql").read_text("utf-8")
    return aiosql.from_str(text, "asyncpg")


@asynccontextmanager
async def connected(dsn: str, connections_max: int) -> AsyncIterator[Pool]:
    """Open a pool and close it afterwards.

    Raises:
        DatabaseUnavailable: The server cannot be reached, or refuses us.
    """
    try:
        pool = await asyncpg.create_pool(
            dsn, min_size=1, max_size=connections_max, timeout=_CONNECT_S, reset=_given_back
        )
    except (*TROUBLE, ValueError) as error:  # The last: the address is none.
        raise DatabaseUnavailable(
            f"KASIR_DATABASE_URL: PostgreSQL cannot be used: {str(error) or type(error).__name__}"
        ) from error
    try:
        yield pool
    finally:
        await _close(pool)


async def _given_back(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Make a connection ready for whoever comes next.

    Nothing here changes a session but transactions, so the driver's own reset, which is two round
    trips for every use, is left out; a transaction that was given up is not.
    """
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


async def migrate(pool: Pool) -> list[str]:
    """Bring the schema up to date; returns the names of the files applied."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, at timestamptz NOT NULL)"
        )
        done = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
        new = [name for name in migrations() if name not in done]
        for name in new:
            await connection.execute(_migration(name))
            await connection.execute("INSERT INTO migration VALUES ($1, now())", name)
        return new


async def pending(pool: Pool, answer_s: float) -> list[str]:
    """The migrations this program has and the database does not.

    Raises:
        DatabaseUnavailable: It did not answer within `answer_s` seconds.
    """
    try:
        async with asyncio.timeout(answer_s):
            if await pool.fetchval("SELECT to_regclass('migration')") is None:
                return migrations()
            done = {row["name"] for row in await pool.fetch("SELECT name FROM migration")}
    except TROUBLE as error:
        raise DatabaseUnavailable(str(error) or type(error).__name__) from error
    return [name for name in migrations() if name not in done]


def migrations() -> list[str]:
    """The names of all migrations, in order."""
    folder = files("kasir.store") / "migrations"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _migration(name: str) -> str:
    return (files("kasir.store") / "migrations" / name).read_text("utf-8")


async def _close(pool: Any) -> None:
    """Close politely; if somebody still holds a connection after a while, cut it."""
    try:
        await asyncio.wait_for(pool.close(), timeout=5)
    except TimeoutError:
        pool.terminate()

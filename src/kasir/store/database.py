"""PostgreSQL: a pool of connections, transactions, retries, and migrations of the schema.

Migrations are numbered SQL files, each applied once, in order. Any number of processes may start at
once, because an advisory lock lets only one of them migrate.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import wraps
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import aiosql
import asyncpg
import stamina
from aiosql.adapters.asyncpg import AsyncPGAdapter

from kasir.adyen.texts import storable
from kasir.errors import DatabaseReadOnly, DatabaseUnavailable
from kasir.limits import Limits
from kasir.store.limited import LimitedPool

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:  # The classes take no parameters at run time.
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

P = ParamSpec("P")
T = TypeVar("T")

#: The driver's errors when the server is unavailable or becomes unavailable.
DRIVER_ERRORS: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

#: The driver's errors when the server is unreachable, is too busy, refuses the login or takes no
#: writes. None of these errors is raised for a wrong statement. The comment beside an error is its
#: SQLSTATE, or the class of its SQLSTATEs.
UNAVAILABLE: Final = (
    OSError,  # A TimeoutError is one.
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.ReadOnlySQLTransactionError,  # 25006: the server is no longer the primary.
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03
    asyncpg.TransactionTimeoutError,  # 25P04
    asyncpg.InvalidAuthorizationSpecificationError,  # 28: as with a changed password.
    asyncpg.InvalidCatalogNameError,  # 3D: for example a database that is being restored.
    asyncpg.TransactionRollbackError,  # 40
    asyncpg.InsufficientResourcesError,  # 53: a full disk, too many connections.
    asyncpg.ObjectNotInPrerequisiteStateError,  # 55: a lock that is not available.
    asyncpg.OperatorInterventionError,  # 57: starting, stopping, or a statement timeout.
    asyncpg.PostgresSystemError,  # 58: a failing disk.
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # A connection that was cut while it was idle in the pool.
)

#: Errors of the driver, renamed for the use cases, which do not import the driver.
UniqueViolation = asyncpg.UniqueViolationError
StatementTimeout = asyncpg.QueryCanceledError
ValueRefused = asyncpg.DataError

#: The driver's errors when the server takes no writes.
READ_ONLY: Final = (asyncpg.ReadOnlySQLTransactionError, asyncpg.TargetServerAttributeNotMatched)

#: The number of an advisory lock that no other program on the server uses: "kasir" in ASCII.
MIGRATION_LOCK: Final = 0x6B61_7369_72
_DEFAULT_LIMITS: Final = Limits()
_READ_ONLY: Final = "it takes no writes"


def is_undone(error: Exception) -> bool:
    """Whether PostgreSQL rolled the transaction back because of a concurrent transaction."""
    return isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError)


def retried(
    commit: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Decorate a function that is one transaction: it is retried if PostgreSQL rolled it back.

    See `is_undone`. The order of locks (docs/adr/0015) makes rollbacks rare. A transaction that was
    rolled back has no effect, so the function is called again with the same arguments.
    """

    @wraps(commit)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # stamina's decorator is not used, because it logs the arguments of the function.
        async for attempt in tries(is_undone):
            with attempt:
                return await commit(*args, **kwargs)
        raise RuntimeError("no try was made")  # pragma: no cover  # The last try returns or raises.

    return run


def tries(on: Callable[[Exception], bool]) -> AsyncIterable[stamina.Attempt]:
    """An iterable of tries, with growing waits. An error for which `on` is true is retried."""
    return stamina.retry_context(on, wait_initial=0.01, wait_jitter=0.05)


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Open a transaction, a use case's unit of work. The end of the context commits it."""
    async with pool.acquire() as connection, connection.transaction():
        yield connection


def queries(name: str) -> Any:
    """The statements of `queries/{name}.sql`, as methods that take a connection."""
    text = (files("kasir.store") / "queries" / f"{name}.sql").read_text("utf-8")
    return aiosql.from_str(text, _Adapter)


class _Adapter(AsyncPGAdapter):
    """Passes parameters to PostgreSQL, each text in a form that PostgreSQL can store.

    This class is the only guard against NUL characters, wherever a text comes from: a URL, a body,
    a message from Adyen, or a caller of Kasir's Python library. PostgreSQL refuses a parameter with
    a NUL character, so each NUL is replaced by U+FFFD. A search for a text with a NUL finds
    nothing.
    """

    def maybe_order_params(self, query_name: str, parameters: Any) -> list[Any]:
        """The statement's parameters in the order of their numbers, as they are sent."""
        ordered: Any = super().maybe_order_params(query_name, parameters)  # type: ignore[no-untyped-call]
        return [_storable(one) for one in ordered]


def _storable(parameter: Any) -> Any:
    """The parameter, with the NUL characters in its texts and lists of texts replaced."""
    if isinstance(parameter, str):
        return storable(parameter)
    if isinstance(parameter, list):
        return [_storable(one) for one in parameter]
    return parameter


@asynccontextmanager
async def connected(
    dsn: str, connections_max: int, limits: Limits = _DEFAULT_LIMITS
) -> AsyncIterator[Pool]:
    """Open a pool and close it afterwards.

    Raises:
        DatabaseUnavailable: The server cannot be reached, refuses the login, or takes no writes.
    """
    try:
        pool = await LimitedPool(dsn, limits, connections_max)
    except (*DRIVER_ERRORS, ValueError) as error:  # ValueError: the address is malformed.
        raise unusable(error) from error
    try:
        yield pool
    finally:
        await _close(pool, limits.database_close_s)


@asynccontextmanager
async def changing(dsn: str, limits: Limits) -> AsyncIterator[Pool]:
    """Open a pool for changes of the schema; its statements may take long.

    Raises:
        DatabaseUnavailable: The server cannot be used, or refused a statement.
    """
    long_s = limits.database_schema_s
    long_limits = replace(
        limits,
        database_acquire_s=long_s,
        database_statement_s=long_s,
        database_silence_s=long_s + limits.database_silence_s,
        database_transaction_idle_s=long_s,
    )
    try:
        async with connected(dsn, 1, long_limits) as pool:
            yield pool
    except DRIVER_ERRORS as error:
        raise unusable(error) from error


def unusable(error: Exception) -> DatabaseUnavailable:
    """The error for the operator: why PostgreSQL cannot be used, in one line."""
    reason = str(error) or type(error).__name__
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        reason = _READ_ONLY
    return DatabaseUnavailable(
        f"KASIR_DATABASE_URL: PostgreSQL cannot be used: {' '.join(reason.split())}"
    )


async def migrate(pool: Pool) -> list[str]:
    """Apply the missing migrations. Returns the names of the applied files.

    Each file is applied in its own transaction, so that its locks are released before the next
    file. If a file fails, the files before it stay applied; the next process begins with the file
    that failed.
    """
    async with pool.acquire() as connection:
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
            done = await _migrate(connection)
            await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
        except BaseException:
            with suppress(asyncpg.InterfaceError):  # A cancellation has closed the connection.
                connection.terminate()  # The lock ends with the session.
            raise
        return done


async def _migrate(connection: Connection) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, at timestamptz NOT NULL)"
    )
    done = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
    new = [name for name in migrations() if name not in done]
    for name in new:
        async with connection.transaction():
            await connection.execute(_migration(name))
            await connection.execute("INSERT INTO migration VALUES ($1, now())", name)
    return new


async def pending(pool: Pool, answer_s: float) -> list[str]:
    """The migrations of this program that were not applied to the database yet.

    Raises:
        DatabaseReadOnly: The server takes no writes.
        DatabaseUnavailable: The server cannot be used, or did not answer within `answer_s` seconds.
    """
    try:
        async with asyncio.timeout(answer_s):
            return await _pending(pool)
    except DRIVER_ERRORS as error:
        raise unusable(error) from error


async def _pending(pool: Pool) -> list[str]:
    async with pool.acquire() as connection:
        seen = await connection.fetchrow(
            "SELECT to_regclass('migration') IS NOT NULL AS is_made,"
            " current_setting('transaction_read_only') = 'on' AS is_read_only"
        )
        if seen and seen["is_read_only"]:
            await pool.expire_connections()  # A new connection may reach another server.
            raise DatabaseReadOnly(f"PostgreSQL: {_READ_ONLY}")
        if not (seen and seen["is_made"]):
            return migrations()
        done = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
    return [name for name in migrations() if name not in done]


def migrations() -> list[str]:
    """The names of all migrations, in order."""
    folder = files("kasir.store") / "migrations"
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))


def _migration(name: str) -> str:
    return (files("kasir.store") / "migrations" / name).read_text("utf-8")


async def _close(pool: Pool, within_s: float) -> None:
    """Close the pool. Connections that are in use after `within_s` seconds are terminated."""
    try:
        await asyncio.wait_for(pool.close(), within_s)
    except TimeoutError:
        pool.terminate()

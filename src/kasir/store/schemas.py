"""A view of the pool for one merchant account: its connections use the tables of one schema.

All merchant accounts share the connections of one pool. Each account may use only some connections
at a time, so an account whose statements are slow does not stop the other accounts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

from kasir.store.limited import LimitedPool

if TYPE_CHECKING:
    from kasir.store.database import Pool


class SchemaPool:
    """Lends connections of a pool to one merchant account.

    It has the methods of a pool that Kasir uses.

    Args:
        pool: The pool of all merchant accounts.
        schema: The merchant account's schema.
        connections_max: The most connections that the merchant account uses at a time.
    """

    def __init__(self, pool: LimitedPool, schema: str, connections_max: int) -> None:
        self.schema = schema
        self._pool = pool
        self._connections_max = connections_max
        self._free = asyncio.Semaphore(connections_max)

    def acquire(self, *, timeout: float | None = None) -> _Acquired:
        """Lend a connection, to `await` or for `async with`."""
        return _Acquired(self, timeout)

    async def lend(self, seconds: float | None) -> Any:
        """Lend a connection; `release` takes it back.

        Raises:
            TimeoutError: No connection became free in time.
        """
        wait_s = seconds or self._pool.acquire_s
        async with asyncio.timeout(wait_s):
            await self._free.acquire()
        try:
            return await self._pool.lend(self.schema, wait_s)
        except BaseException:
            self._free.release()
            raise

    async def release(self, connection: Any) -> None:
        """Take a connection back."""
        try:
            await self._pool.release(connection)
        finally:
            self._free.release()

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement on a connection of the pool."""
        async with self.acquire() as connection:
            return str(await connection.execute(query, *args))

    async def fetch(self, query: str, *args: object) -> list[Any]:
        """Return the rows of a query."""
        async with self.acquire() as connection:
            return list(await connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: object) -> Any:
        """Return the first row of a query."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """Return the first column of the first row of a query."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *args)

    async def expire_connections(self) -> None:
        """Stop the pool from lending any of its present connections again."""
        await self._pool.expire_connections()

    def get_max_size(self) -> int:
        """Return the most connections that the merchant account uses at a time."""
        return self._connections_max


class _Acquired:
    """A connection that is being lent."""

    def __init__(self, pool: SchemaPool, seconds: float | None) -> None:
        self._pool = pool
        self._seconds = seconds
        self._lent: Any = None

    async def __aenter__(self) -> Any:
        self._lent = await self._pool.lend(self._seconds)
        return self._lent

    async def __aexit__(self, *exc: object) -> None:
        lent, self._lent = self._lent, None
        await self._pool.release(lent)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._pool.lend(self._seconds).__await__()


async def reserve(pool: Pool) -> None:
    """Reserve a quarter of a pool's connections for its views; see `LimitedPool.reserve`."""
    await cast("LimitedPool", pool).reserve()


def schema_pool(pool: Pool, schema: str, connections_max: int) -> Pool:
    """Return a view of a pool for the merchant account with this schema."""
    return cast("Pool", SchemaPool(cast("LimitedPool", pool), schema, connections_max))

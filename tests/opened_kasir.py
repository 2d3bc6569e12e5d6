"""Kasir opened as a library, on a database of its own in the session's server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from fakes import KEY
from kasir.clock import Clock
from kasir.config import Settings, settings_from
from kasir.wiring import Parts, open_parts

#: Nobody listens there: a test that asks Adyen hears nothing, at once.
NOWHERE: Final = "http://127.0.0.1:9"


#: A database of each test server that has Kasir's schema and no rows of its own: see `a_database`.
TEMPLATE: Final = "kasir_template"
#: What PostgreSQL makes an empty database from.
EMPTY: Final = "template0"


@asynccontextmanager
async def a_database(server: str, template: str = TEMPLATE) -> AsyncIterator[str]:
    """A new database with Kasir's schema, or an empty one; dropped at the end, whoever uses it."""
    name = f"test_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(server)
    try:
        # Copied file by file, which is quicker than through the log when nothing is synced.
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield named(server, name)
    finally:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()


async def make_template(server: str) -> None:
    """Make the database that `a_database` copies: migrating each one anew takes much longer."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {EMPTY}")
    finally:
        await connection.close()
    async with kasir_on(named(server, TEMPLATE)):
        pass


def named(server: str, name: str) -> str:
    """The DSN of another database of a server."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def kasir_on(
    database: str, *, clock: Clock | None = None, **environ: str
) -> AsyncIterator[Parts]:
    """Kasir on a database, as `open_parts()` gives it, with a twin that nobody started."""
    async with open_parts(settings_on(database, **environ), clock=clock) as kasir:
        yield kasir


def settings_on(database: str, **environ: str) -> Settings:
    """The settings of a Kasir on a database, with a twin that nobody started."""
    return settings_from(
        {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": NOWHERE,
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": database,
            **environ,
        }
    )


async def until(good: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(300):
        while True:
            if await good():
                return
            await asyncio.sleep(0.02)

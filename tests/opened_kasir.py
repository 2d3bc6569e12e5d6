"""Kasir opened as a library, on a separate database in the session's server."""

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

#: A URL at which no server listens: a call to Adyen fails at once.
NOWHERE: Final = "http://127.0.0.1:9"

#: The name of the database that `a_database` copies: it has Kasir's schema and no rows.
TEMPLATE: Final = "kasir_template"
#: PostgreSQL's template of an empty database.
EMPTY: Final = "template0"


@asynccontextmanager
async def a_database(server: str, template: str = TEMPLATE) -> AsyncIterator[str]:
    """Make a database as a copy of `template`; yields its DSN.

    At the end the database is dropped, even if it is still in use.
    """
    name = f"test_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(server)
    try:
        # The test server does not sync files, so copying them is faster than writing to the WAL.
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield named(server, name)
    finally:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()


async def make_template(server: str) -> None:
    """Make the database that `a_database` copies, because migrating each one is much slower."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {EMPTY}")
    finally:
        await connection.close()
    async with kasir_on(named(server, TEMPLATE)):
        pass


def named(server: str, name: str) -> str:
    """The DSN of the database with this name on a server; `server` is the server's DSN."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def kasir_on(
    database: str, *, clock: Clock | None = None, **environ: str
) -> AsyncIterator[Parts]:
    """Kasir on a database, opened by `open_parts()`, with a twin that is not running."""
    async with open_parts(settings_on(database, **environ), clock=clock) as kasir:
        yield kasir


def settings_on(database: str, **environ: str) -> Settings:
    """The settings of a Kasir on a database, with a twin that is not running."""
    return settings_from(
        {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": NOWHERE,
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": database,
            **environ,
        }
    )


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until the condition returns a true value."""
    async with asyncio.timeout(300):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)

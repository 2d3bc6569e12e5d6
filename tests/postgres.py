"""Fixtures of a real PostgreSQL for tests: one server a session, one database a test."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from kasir.embedded.server import embedded

# What is thrown away after the session need not survive a power cut. A test about durability
# runs a server of its own, with real settings.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A server for the whole session; not below pytest's folders, which only their owner enters."""
    folder = Path(tempfile.mkdtemp(prefix="kasir-tests-"))
    try:
        with embedded(folder, HASTY) as dsn:
            yield dsn
    finally:
        shutil.rmtree(folder)


@pytest_asyncio.fixture
async def fresh_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a new, empty database; it is dropped after the test, whoever is still in it."""
    name = f"test_{secrets.token_hex(8)}"
    connection = await asyncpg.connect(postgres_dsn)
    try:
        # Copied file by file, which is quicker than through the log when nothing is synced.
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        try:
            yield urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def ask(dsn: str, query: str) -> object:
    """The one value a query gives, over a connection of its own."""

    async def answer() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(answer())

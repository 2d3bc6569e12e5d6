"""Fixtures of a real PostgreSQL for tests: one server per session, one database per test."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import pytest_asyncio

from kasir.embedded.server import embedded
from opened_kasir import EMPTY, a_database, make_template

#: The data is deleted after the session, so it need not survive a power cut. A test of durability
#: runs its own server with the usual settings.
NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
#: A folder in memory: copying a database takes a tenth of the time there.
IN_MEMORY: Final = Path("/dev/shm")
#: The free space that `IN_MEMORY` must have: more than twice what the server needs. A container
#: often has only 64 MB.
IN_MEMORY_BYTES_MIN: Final = 4 << 30


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The DSN of a server for the whole session.

    If the tests run as root, only root can enter pytest's folders, but PostgreSQL runs as another
    user. So the data is in a separate folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="kasir-tests-", dir=_parent_folder()))
    try:
        with embedded(folder, NOT_DURABLE) as dsn:
            asyncio.run(make_template(dsn))
            yield dsn
    finally:
        shutil.rmtree(folder)


def _parent_folder() -> Path | None:
    """Where to make the data folder: in memory, or None (the usual place) if memory is small."""
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= IN_MEMORY_BYTES_MIN:
        return IN_MEMORY
    return None


@pytest_asyncio.fixture
async def fresh_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a new database with Kasir's schema and no rows; it is dropped after the test."""
    async with a_database(postgres_dsn) as database:
        yield database


@pytest_asyncio.fixture
async def empty_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a new database without tables; it is dropped after the test."""
    async with a_database(postgres_dsn, EMPTY) as database:
        yield database


def ask(dsn: str, query: str) -> object:
    """Run a query over a separate connection; returns the first column of the first row."""

    async def answer() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(answer())

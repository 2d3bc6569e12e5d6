"""The fixture `kasir`, whose database the tests of one file share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    """Kasir with a database that all tests of a file share, so each test uses its own names."""
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        yield opened

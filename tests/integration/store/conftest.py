"""Kasir on a database that the tests of one file share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    """Kasir with a database that this file's tests share: each uses names of its own."""
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        yield opened

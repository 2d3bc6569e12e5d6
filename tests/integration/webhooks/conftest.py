"""Kasir with a database that the tests of one file share, and a caller over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from kasir.wiring import Parts
from opened_kasir import a_database, kasir_on
from raw_http import caller

__all__ = ["caller", "kasir"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kasir(postgres_dsn: str) -> AsyncIterator[Parts]:
    """Kasir with a database for one test file. Each test uses its own references."""
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        yield opened

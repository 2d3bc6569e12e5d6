"""Kasir on an empty database, whose jobs the test runs itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from kasir.wiring import Parts
from opened_kasir import kasir_on


@pytest_asyncio.fixture
async def kasir_of_jobs(fresh_database: str) -> AsyncIterator[Parts]:
    """Kasir without a worker, except those that a test starts."""
    async with kasir_on(fresh_database) as kasir:
        yield kasir

"""A desk for the tests of one module; each test has people of its own names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from desk_client import OpenDesk, open_desk
from opened_kasir import a_database


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """A desk with the account of the environment."""
    async with a_database(postgres_dsn) as database, open_desk(database) as opened:
        yield opened

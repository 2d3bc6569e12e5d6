"""Kasir on a database of the test's own, and the running house for those who call it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from integration.tokens.counter import Counter
from integration.tokens.desk import Desk, desk_on
from opened import a_database
from raw_http import Caller, caller

__all__ = ["caller"]


@pytest.fixture(scope="session")
async def open_desk(postgres_dsn: str) -> AsyncIterator[Desk]:
    """Kasir on a database of these tests, opened once: most of a test would be opening it."""
    async with a_database(postgres_dsn) as database, desk_on(database) as opened:
        yield opened


@pytest.fixture
async def desk(open_desk: Desk) -> Desk:
    """Kasir on a real and empty database, to be told things."""
    await open_desk.forget()
    return open_desk


@pytest.fixture(scope="session")
def counter(caller: Caller) -> Counter:
    """A shop that calls the house about saved wallets."""
    return Counter(caller)

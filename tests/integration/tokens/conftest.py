"""Kasir on a database of the test's own, and the running house for those who call it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from integration.tokens.counter import Counter
from integration.tokens.desk import Desk, desk_on
from raw_http import Caller, caller

__all__ = ["caller"]


@pytest.fixture
async def desk(fresh_database: str) -> AsyncIterator[Desk]:
    """Kasir on a real database, to be told things."""
    async with desk_on(fresh_database) as opened:
        yield opened


@pytest.fixture(scope="session")
def counter(caller: Caller) -> Counter:
    """A shop that calls the house about saved wallets."""
    return Counter(caller)

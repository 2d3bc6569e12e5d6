"""The fixture `shop`: subscriptions on a real database, a new one for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from integration.subscriptions.shop import Shop, shop_on


@pytest.fixture
async def shop(fresh_database: str) -> AsyncIterator[Shop]:
    """A shop with subscriptions on a new database."""
    async with shop_on(fresh_database) as opened:
        yield opened

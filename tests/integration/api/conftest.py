"""Who calls the house in these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from kasir.demo.stage import Stage
from raw_http import Caller


@pytest.fixture(scope="session")
async def caller(house: Stage) -> AsyncIterator[Caller]:
    """One who calls the house, well or badly."""
    async with aiohttp.ClientSession() as http:
        yield Caller(house, http)

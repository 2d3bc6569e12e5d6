"""The whole running system: twin, database, server, worker and shop, each a real process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from command import environment
from kasir.demo.client import JourneyClient
from kasir.demo.processes import RunningDemo, free_port, running_demo

__all__ = ["journey_client", "system"]


@pytest.fixture(scope="session")
def system() -> Iterator[RunningDemo]:
    """One system for the whole session; each test uses its own references."""
    with running_demo(
        port=free_port(), twin_port=free_port(), shop_port=free_port(), given=environment({})
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def journey_client(system: RunningDemo) -> AsyncIterator[JourneyClient]:
    """A client that calls the system over HTTP, as a shop and as a shopper."""
    async with aiohttp.ClientSession() as http:
        yield JourneyClient(system, http)

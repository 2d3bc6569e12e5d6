"""The shop, and its own handler of Adyen's notifications."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fake_server import FakeServer, plain, serving


@pytest.fixture
async def shop() -> AsyncIterator[FakeServer]:
    """A shop that accepts every event and every notification, until a test sets another answer."""
    async with serving() as server:
        server.handler = plain(204, b"")
        yield server

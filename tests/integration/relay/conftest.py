"""The shop's own handler of Adyen's notifications, to which Kasir relays."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fake_server import FakeServer, plain, serving


@pytest.fixture
async def handler() -> AsyncIterator[FakeServer]:
    """A handler that accepts everything, until a test sets another answer."""
    async with serving() as server:
        server.handler = plain(200, b"[accepted]")
        yield server

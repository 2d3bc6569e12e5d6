"""Kasir on a database of these tests, and a client of the running servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from integration.tokens.token_app import TokenApp, app_on
from integration.tokens.token_client import TokenClient
from opened_kasir import a_database
from raw_http import Caller, caller

__all__ = ["caller"]


@pytest.fixture(scope="session")
async def open_app(postgres_dsn: str) -> AsyncIterator[TokenApp]:
    """Kasir on a database of these tests, opened once, because opening takes longer than a test."""
    async with a_database(postgres_dsn) as database, app_on(database) as opened:
        yield opened


@pytest.fixture
async def app(open_app: TokenApp) -> TokenApp:
    """Kasir on a real and empty database, to post notifications to."""
    await open_app.clear()
    return open_app


@pytest.fixture(scope="session")
def client(caller: Caller) -> TokenClient:
    """A shop that calls the system about saved wallets."""
    return TokenClient(caller)

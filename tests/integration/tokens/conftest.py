"""The fixtures `app`, a Kasir in this process, and `client`, which calls the running servers."""

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
    """The Kasir of all these tests, because opening one takes longer than a test."""
    async with a_database(postgres_dsn) as database, app_on(database) as opened:
        yield opened


@pytest.fixture
async def app(open_app: TokenApp) -> TokenApp:
    """The shared Kasir, with an empty database."""
    await open_app.clear()
    return open_app


@pytest.fixture(scope="session")
def client(caller: Caller) -> TokenClient:
    """A client that saves, charges and lists wallets over HTTP."""
    return TokenClient(caller)

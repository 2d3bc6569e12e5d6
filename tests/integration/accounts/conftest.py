"""Fixtures of a Kasir with two merchant accounts, which calls a twin that has both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from lock_witness import _locks_in_order  # noqa: F401  # A fixture for every test here.
from postgres import fresh_database, postgres_dsn  # noqa: F401  # Fixtures.
from twin_fixtures import RunningTwin, serving
from two_accounts import SECOND, Shops, add_account, two_accounts, variables_of


@pytest_asyncio.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    """A twin with both merchant accounts."""
    settings = Settings(more_merchant_accounts=(SECOND,))
    async with serving(Twin(settings, Knobs())) as running:
        yield running


@pytest_asyncio.fixture
async def shops(fresh_database: str, twin: RunningTwin) -> AsyncIterator[Shops]:  # noqa: F811
    """A Kasir with both accounts."""
    await add_account(fresh_database, SECOND, variables_of(SECOND))
    async with two_accounts(fresh_database, ADYEN_TWIN_URL=twin.url) as opened:
        yield opened

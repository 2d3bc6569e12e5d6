"""Kasir's app in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.testing import AsyncTestClient

from fakes import KEY
from kasir.config import settings_from
from kasir.web.app import create_app


@asynccontextmanager
async def in_process_app(database: str, **environ: str) -> AsyncIterator[AsyncTestClient[Litestar]]:
    """A client of Kasir's app in this process; `database` is the DSN."""
    settings = settings_from(
        {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": "http://127.0.0.1:9",  # No server listens there, and none is called.
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": database,
            **environ,
        }
    )
    app: Litestar = create_app(settings)
    async with AsyncTestClient(app) as client:
        yield client

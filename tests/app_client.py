"""An HTTP client of Kasir's app in the test's own event loop, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from kasir.web.app import create_app
from kasir.wiring import Parts


@asynccontextmanager
async def app_client(kasir: Parts, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an open Kasir, with these headers in each request; `_` in a name becomes `-`.

    Litestar's own test client would block the event loop, on which the tests' fakes of Adyen run.
    """
    app = create_app(kasir.settings)
    app.state.parts = kasir
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # ASGI, with Litestar's own types.
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://kasir", headers=sent
    ) as client:
        yield client

"""Kasir's app with its worker, served in the test's own event loop, and requests of a shop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from fakes import KEY, OTHER_KEY
from kasir import IDR, Browser, Kasir, Money, Payment, PaymentId, PaymentRequest, create_app
from twin_fixtures import QuietServer, RunningTwin

RETURN_URL = "https://shop.example/return"


@dataclass(frozen=True, slots=True)
class Shop:
    """An open Kasir, and the twin that sends it notifications."""

    kasir: Kasir
    twin: RunningTwin

    async def until(self, payment_id: PaymentId, is_so: Callable[[Payment], bool]) -> Payment:
        """Deliver the twin's webhooks until a payment meets a condition; returns the payment."""
        async with asyncio.timeout(300):
            while True:
                if is_so(payment := await self.kasir.payment(payment_id)):
                    return payment
                await self.twin.settle()


def settings(database: str, twin_url: str) -> dict[str, str]:
    """The settings of a Kasir on a database that calls this twin."""
    return {
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_TWIN_URL": twin_url,
        "ADYEN_HMAC_KEY": KEY,
        "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
        "KASIR_DATABASE_URL": database,
    }


def request(**changes: Any) -> PaymentRequest:
    """A payment of 25,000 rupiah."""
    fields: dict[str, Any] = {
        "reference": "ORDER-1",
        "amount": Money(IDR, 25_000),
        "return_url": RETURN_URL,
        "browser": Browser(user_agent="Mozilla/5.0"),
    }
    return PaymentRequest(**fields | changes)


@asynccontextmanager
async def shop_with(twin: RunningTwin, database: str) -> AsyncIterator[Shop]:
    """Serve Kasir's app with a worker; the twin sends it every notification."""
    app = create_app(settings(database, twin.url), with_worker=True)
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhooks/adyen"
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="on",
        ws="none",
    )
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not task.done(), "Kasir did not start"
        await asyncio.sleep(0)
    await twin.control("PUT", "webhooks/standard", {"url": url, "hmacKey": KEY})
    await twin.control("PUT", "webhooks/tokens", {"url": f"{url}/tokens", "hmacKey": OTHER_KEY})
    try:
        yield Shop(app.kasir, twin)
    finally:
        server.stopping.set()
        await task

"""Adyen is slow during a shutdown, and a shop often fails: no call and no event is lost."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from chaos import ledgers
from chaos.database_failure import differences
from chaos.programs import SERVER, programs, until
from fake_server import serving

pytestmark = pytest.mark.long

PAYMENTS: Final = 8
#: The delay of Adyen's answers in seconds: longer than a server usually waits at shutdown.
SLOW_S: Final = 12
#: In seconds, the longest delay between the retries of an event in its first hour.
STEP_S: Final = 3600
#: A secret in the format of Standard Webhooks; the text is Base64.
SECRET: Final = "whsec_" + "c2VjcmV0" * 4


class Shop:
    """A shop that fails for one event in four, with an error or by closing the connection."""

    def __init__(self) -> None:
        self._chance = random.Random(10)
        self.failed = 0
        self.paid: set[str] = set()

    async def receive(self, request: web.Request) -> web.Response:
        """Receive an event, or fail."""
        event = json.loads(await request.read())
        if self._chance.random() < 0.25:
            self.failed += 1
            if self.failed % 2 and request.transport:
                request.transport.abort()
            return web.Response(status=500)
        if event["type"] == "payment.authorised":
            self.paid.add(event["data"]["reference"])
        return web.Response(status=204)


async def test_no_answer_or_event_is_lost_if_adyen_is_slow_at_shutdown_and_a_shop_fails(
    fresh_database: str, tmp_path: Path
) -> None:
    names = [f"slow-{number}" for number in range(PAYMENTS)]
    shop = Shop()
    async with serving() as fake_server:
        fake_server.handler = shop.receive
        async with programs(
            fresh_database, tmp_path, KASIR_EVENTS_URL=fake_server.url, KASIR_EVENTS_SECRET=SECRET
        ) as system:
            journey_client = system.journey_client
            await journey_client.faults(
                {"fault": "slow_reply", "call": "payments", "seconds": SLOW_S}
            )
            calls = [asyncio.create_task(journey_client.pay(name, key=name)) for name in names]

            async def received_at_twin() -> int:
                truth = await ledgers.twin_payments(journey_client)
                return sum(name in truth for name in names)

            await until(received_at_twin, lambda count: count == PAYMENTS, str)
            code = await system.end(SERVER)
            replies = await asyncio.gather(*calls)
            system.start(SERVER)
            await system.ready()
            await journey_client.faults()
            for reply in replies:
                await journey_client.shopper(reply.json["action"], "approve_without_return")

            async def missing() -> list[str]:
                await journey_client.advance(STEP_S)
                wrong = await differences(journey_client, names)
                return wrong + [name for name in names if name not in shop.paid]

            await until(missing, lambda wrong: not wrong, str)

    assert code in {0, -signal.SIGTERM}  # Uvicorn raises the signal again once it has stopped.
    assert [reply.status for reply in replies] == [200] * PAYMENTS
    assert shop.failed > 0

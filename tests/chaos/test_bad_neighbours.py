"""A shop that fails often, and an Adyen slower than a stop: nobody is left without an answer."""

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
from chaos.programs import SERVER, programs, until
from chaos.storm import differences
from fake_server import serving

pytestmark = pytest.mark.long

PAYMENTS: Final = 8
#: Longer than a server that is told to stop waits as a rule, and shorter than Adyen may take.
SLOW_S: Final = 12
#: The longest step of the first hour of the ladder by which events are tried again.
STEP_S: Final = 3600
SECRET: Final = "whsec_" + "c2VjcmV0" * 4


class Shop:
    """A shop that fails one time in four: an error, or an answer that breaks off."""

    def __init__(self) -> None:
        self._chance = random.Random(10)
        self.failed = 0
        self.paid: set[str] = set()

    async def hear(self, request: web.Request) -> web.Response:
        """Take an event, or fail."""
        event = json.loads(await request.read())
        if self._chance.random() < 0.25:
            self.failed += 1
            if self.failed % 2 and request.transport:
                request.transport.abort()
            return web.Response(status=500)
        if event["type"] == "payment.authorised":
            self.paid.add(event["data"]["reference"])
        return web.Response(status=204)


async def test_a_stop_while_adyen_is_slow_and_a_shop_that_fails_lose_nothing(
    fresh_database: str, tmp_path: Path
) -> None:
    names = [f"slow-{number}" for number in range(PAYMENTS)]
    shop = Shop()
    async with serving() as fake_server:
        fake_server.handler = shop.hear
        async with programs(
            fresh_database, tmp_path, KASIR_EVENTS_URL=fake_server.url, KASIR_EVENTS_SECRET=SECRET
        ) as system:
            walker = system.walker
            await walker.faults({"fault": "slow_reply", "call": "payments", "seconds": SLOW_S})
            asking = [asyncio.create_task(walker.pay(name, key=name)) for name in names]

            async def in_hand() -> int:
                truth = await ledgers.at_the_twin(walker)
                return sum(name in truth for name in names)

            await until(in_hand, lambda count: count == PAYMENTS, str)
            code = await system.end(SERVER)
            told = await asyncio.gather(*asking)
            system.start(SERVER)
            await system.ready()
            await walker.faults()
            for reply in told:
                await walker.shopper(reply.json["action"], "approve_without_return")

            async def untold() -> list[str]:
                await walker.advance(STEP_S)
                wrong = await differences(walker, names)
                return wrong + [name for name in names if name not in shop.paid]

            await until(untold, lambda wrong: not wrong, str)

    assert code in {0, -signal.SIGTERM}  # Uvicorn passes the signal on once it has stopped.
    assert [reply.status for reply in told] == [200] * PAYMENTS
    assert shop.failed > 0

"""`kill -9` of every worker while the handler has a notification and has not answered.

The notification is sent again. None is skipped, and the order is kept.
"""

from __future__ import annotations

import asyncio
import json
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from chaos.programs import programs, until
from fake_server import serving

pytestmark = pytest.mark.long

KILLS: Final = 3
#: The number of notifications between two kills.
NOTIFICATIONS: Final = 4
WORKERS: Final = ("worker-0", "worker-1")


class Handler:
    """A handler of notifications that can be held up after it has received one."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.may_answer = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        """Receive a notification, and answer once that is allowed."""
        body = json.loads(await request.read())
        item = body["notificationItems"][0]["NotificationRequestItem"]
        self.received.append(item["merchantReference"])
        await self.may_answer.wait()
        return web.Response(status=202)

    async def has_received(self, least: int) -> None:
        """Wait until so many notifications came, repeated ones too."""

        async def count() -> int:
            return len(self.received)

        await until(count, lambda found: found >= least, str)


async def test_no_notification_is_skipped_when_workers_are_killed_before_they_record_it(
    fresh_database: str, tmp_path: Path
) -> None:
    handler, sent = Handler(), list[str]()
    async with serving() as server:
        server.handler = handler.receive
        async with programs(fresh_database, tmp_path, KASIR_RELAY_URL=server.url) as system:
            for kill in range(KILLS):
                handler.may_answer.clear()
                for number in range(NOTIFICATIONS):
                    sent.append(f"killed-{kill}-{number}")
                    await system.journey_client.foreign(sent[-1])
                await handler.has_received(len(sent) - NOTIFICATIONS + kill + 1)
                for name in WORKERS:
                    system.kill(name)
                handler.may_answer.set()
                for name in WORKERS:
                    system.start(name)
                await handler.has_received(len(sent) + kill + 1)

    assert [name for name, _ in groupby(handler.received)] == sent
    # Under load a try may time out too, and the notification is then sent once more.
    assert len(handler.received) >= len(sent) + KILLS

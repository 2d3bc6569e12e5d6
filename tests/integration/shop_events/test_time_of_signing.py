"""A signature has the real time, although a test clock is set; the body has the event's time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from fake_server import plain, serving
from integration.shop_events.event_setup import (
    SECRET,
    kasir_with_shop,
    until,
    working,
    write_events,
)
from kasir.clock import OffsetClock
from kasir.wiring import Parts
from opened_kasir import kasir_on

NEWER_SECRET = "whsec_" + "bmV3ZXIu" * 4


@pytest.mark.parametrize("days", [-40, 0, 40])
async def test_the_signature_is_valid_although_kasirs_clock_follows_a_moved_test_clock(
    fresh_database: str, days: int
) -> None:
    clock = OffsetClock()
    clock.offset = timedelta(days=days)
    async with serving() as shop:
        shop.handler = plain(204, b"")
        environ = {"KASIR_EVENTS_URL": shop.url, "KASIR_EVENTS_SECRET": f"{NEWER_SECRET},{SECRET}"}
        opened = kasir_on(fresh_database, clock=clock, **environ)
        async with opened as kasir, working(kasir):
            happened_at = clock.now()
            await write_events(kasir, "pay_1")
            await until(lambda: shop.asked)
    ((_, headers, body),) = shop.asked
    verified = [Webhook(secret).verify(body, headers) for secret in (NEWER_SECRET, SECRET)]

    assert verified == [json.loads(body)] * 2
    body_at = datetime.fromisoformat(json.loads(body)["timestamp"])
    assert timedelta() <= body_at - happened_at < timedelta(minutes=5)


async def test_each_try_has_a_new_signature_and_the_time_of_the_event(
    fresh_database: str,
) -> None:
    clock, answers = OffsetClock(), iter([503, 503, 204])

    async def respond_next(_: web.Request) -> web.Response:
        return web.Response(status=next(answers))

    async with serving() as shop:
        shop.handler = respond_next
        async with kasir_with_shop(fresh_database, shop.url, clock) as kasir, working(kasir):
            await write_events(kasir, "pay_1")
            for number in (1, 2, 3):
                # A retry becomes due when the previous try is stored, after the shop received it.
                await until(partial(_has_tries, kasir, number))
                clock.offset += timedelta(hours=1)
    verified = [Webhook(SECRET).verify(body, headers) for _, headers, body in shop.asked]

    assert len({body for _, _, body in shop.asked}) == 1
    assert len({headers["webhook-id"] for _, headers, _ in shop.asked}) == 1
    assert len(verified) == 3


async def _has_tries(kasir: Parts, number: int) -> bool:
    stored: int = await kasir.pool.fetchval("SELECT count(*) FROM event_try")
    return stored >= number

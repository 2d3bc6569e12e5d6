"""A shop that fails: each try is counted and logged, and the next one comes sooner than a lease."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from far import Far, plain, serving
from kasir.shop_events.delivery import Deliverer
from kasir.store.events import SQL
from kasir.store.vault import Vault
from kasir.wiring import Kasir
from opened import a_database, kasir_on

SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
async def kasir(postgres_dsn: str) -> AsyncIterator[Kasir]:
    async with a_database(postgres_dsn) as database, kasir_on(database) as opened:
        yield opened


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    async with serving() as shop:
        yield shop


async def _an_event(kasir: Kasir) -> int:
    """An event that waits to be delivered."""
    now = kasir.clock.now()
    async with kasir.pool.acquire() as connection, connection.transaction():
        await SQL.add_events(
            connection,
            names=["evt_1"],
            subjects=["pay_1"],
            types=["payment.authorised"],
            payloads=[Vault(kasir.settings.secrets).seal(b"{}")],
            now=now,
            due_at=now,
        )
    found: int = await kasir.pool.fetchval("SELECT id FROM event")
    return found


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_a_shop_that_refuses_an_event_is_asked_again_within_the_minute(
    kasir: Kasir, far: Far, status: int
) -> None:
    event = await _an_event(kasir)
    far.handler = plain(status, b"no", Location="http://127.0.0.1:9/")
    async with Deliverer(far.url, [SECRET], 5) as deliverer:
        with capture_logs() as logs:
            await kasir.events.deliver(event, deliverer, kasir.clock.now())
    row = await kasir.pool.fetchrow("SELECT tries, due_at - now() AS later FROM event")
    assert row is not None

    assert row["tries"] == 1
    assert row["later"].total_seconds() < 60
    assert [(one["event"], one["name"], one["status"]) for one in logs] == [
        ("the shop refused an event", "evt_1", status)
    ]


async def _resets(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_a_shop_that_resets_the_connection_is_asked_again_within_the_minute(
    kasir: Kasir, far: Far
) -> None:
    event = await _an_event(kasir)
    far.handler = _resets
    async with Deliverer(far.url, [SECRET], 5) as deliverer:
        with capture_logs() as logs:
            await kasir.events.deliver(event, deliverer, kasir.clock.now())
        far.handler = plain(204, b"")
        await kasir.events.deliver(event, deliverer, kasir.clock.now())
    row = await kasir.pool.fetchrow("SELECT tries, due_at, delivered_at FROM event")
    assert row is not None

    assert [one["event"] for one in logs] == ["the shop did not answer"]
    assert (row["tries"], row["due_at"], row["delivered_at"] is None) == (2, None, False)

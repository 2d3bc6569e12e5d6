"""A Kasir that relays to a handler, notifications for it, and one run of its relay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from adyen_twin.protocol import signing
from app_client import app_client
from fakes import OTHER_KEY, envelope, notification_item
from kasir.clock import Clock
from kasir.limits import Limits
from kasir.shop_events.sender import ShopClient
from kasir.store import relay
from kasir.store.database import transaction
from kasir.wiring import Parts, open_parts
from opened_kasir import settings_on

#: The key of the relay's own signatures.
RELAY_KEY: Final = "5E" * 31 + "01"


@asynccontextmanager
async def relaying(
    database: str,
    url: str | None,
    *,
    clock: Clock | None = None,
    limits: dict[str, Any] | None = None,
    **environ: Any,
) -> AsyncIterator[Parts]:
    """Kasir on a database, with a relay to `url`; without `url`, with none."""
    more = {"ADYEN_TOKEN_HMAC_KEY": OTHER_KEY} | environ
    settings = settings_on(database, **({"KASIR_RELAY_URL": url} if url else {}), **more)
    with_limits = replace(settings, limits=Limits(**(limits or {})))
    async with open_parts(with_limits, clock=clock) as kasir:
        yield kasir


async def notify(kasir: Parts, *names: str, **changes: Any) -> None:
    """Send Kasir a notification for each pspReference, one after the other, as Adyen does."""
    async with app_client(kasir) as client:
        for name in names:
            body = envelope(notification_item(pspReference=name, **changes))
            response = await client.post("/webhooks/adyen", content=body)
            assert response.status_code == 202


async def notify_token(kasir: Parts, body: bytes, *, key: str = OTHER_KEY) -> None:
    """Send Kasir a token notification."""
    headers = {"HmacSignature": signing.sign_bytes(body, key)}
    async with app_client(kasir) as client:
        response = await client.post("/webhooks/adyen/tokens", content=body, headers=headers)
    assert response.status_code == 202


async def take(kasir: Parts) -> str | None:
    """Take the queue, as the search for due work does."""
    async with transaction(kasir.pool) as connection:
        return await relay.take(connection, kasir.clock.now(), kasir.due.again_after)


async def run_relay(kasir: Parts, timeout_s: float = 15.0) -> bool:
    """Run one job of the relay; return whether there was one."""
    holder = await take(kasir)
    if holder is None:
        return False
    async with ShopClient(timeout_s) as client:
        await kasir.relay.run(holder, client, asyncio.Event())
    return True


def names_in(bodies: list[bytes]) -> list[str]:
    """The pspReference in each relayed standard notification."""
    items = [json.loads(body)["notificationItems"] for body in bodies]
    assert all(len(one) == 1 for one in items)
    return [one[0]["NotificationRequestItem"]["pspReference"] for one in items]

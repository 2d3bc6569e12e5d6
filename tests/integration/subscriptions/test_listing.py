"""A list of fifty subscriptions needs as many statements as a list of one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from integration.subscriptions.shop import MONTH, NO_BALANCE, NOON, Shop, shop_on
from integration.subscriptions.test_turns_of_many import insert_copies
from kasir.web.app import create_app
from statements import counted_statements

FIFTY = 50
API_KEY = "a-key-of-this-test"


@pytest.fixture
async def shop(fresh_database: str) -> AsyncIterator[Shop]:
    """A shop whose Kasir requires an API key."""
    async with shop_on(fresh_database, KASIR_API_KEY=API_KEY) as opened:
        yield opened


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the shop's Kasir."""
    app = create_app(shop.kasir.settings)
    app.state.parts = shop.kasir
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar is an ASGI app.
    async with httpx.AsyncClient(
        transport=transport, base_url="http://kasir", headers={"X-API-Key": API_KEY}
    ) as client:
        yield client


async def listed(http: httpx.AsyncClient, **parameters: Any) -> list[Any]:
    response = await http.get("/api/subscriptions", params=parameters)
    assert response.status_code == 200, response.text
    subscriptions: list[Any] = response.json()["subscriptions"]
    return subscriptions


async def test_a_list_of_fifty_runs_as_many_statements_as_a_list_of_one(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    await shop.create_active("SUB")
    await insert_copies(shop, "copy-", FIFTY - 1)
    await listed(http)  # The API key is cached from now on.
    with counted_statements() as statements_of_one:
        one = await listed(http, limit=1)
    with counted_statements() as statements_of_fifty:
        fifty = await listed(http)

    assert (len(one), len(fifty)) == (1, FIFTY)
    assert statements_of_one == statements_of_fifty
    assert statements_of_one.total() > 0


async def test_a_list_shows_each_subscription_as_its_own_path_does(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    ids = await insert_copies(shop, "copy-", 3)
    await shop.kasir.renewing.renew(ids[:2])  # Two of the four subscriptions are renewed.
    every = await listed(http)
    each_alone = [(await http.get(f"/api/subscriptions/{one['id']}")).json() for one in every]

    assert every == each_alone
    assert sorted(len(one["renewals"]) for one in every) == [0, 0, 1, 1]


async def test_a_refused_renewal_is_listed_with_its_reason_and_next_try(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    subscription_id = await shop.create_active("SUB")
    shop.clock.at = NOON + MONTH
    shop.adyen.answers["SUB-p2"] = [NO_BALANCE]
    await shop.work()
    (past_due,) = await listed(http, status="past_due")
    renewal = past_due["renewals"][-1]

    assert past_due["id"] == subscription_id
    assert past_due["dunning"] == {
        "since": past_due["pastDueSince"],
        "period": 2,
        "attempts": 1,
        "reason": "no_balance",
        "nextTry": renewal["nextTry"],
    }
    shop.clock.at += timedelta(days=2)
    await shop.work()
    (active,) = await listed(http)

    assert (active["status"], active.get("dunning")) == ("active", None)

"""Worlds: each has its own state, and none sees another."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import worlds
from twin_fixtures import (
    KEY,
    OTHER_KEY,
    RunningTwin,
    charge_body,
    listening,
    payment_body,
    serving,
    shop,
    twin,
)

__all__ = ["shop", "twin"]

SHOPPER = {"shopperReference": "shopper-1"}


async def references(world: RunningTwin) -> list[str]:
    """Return the merchantReference of every payment of a world, newest first."""
    payments = (await world.control("GET", "payments"))["payments"]
    return [payment["merchantReference"] for payment in payments]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "twin-api-key.blue"},
        {
            "Authorization": "Basic "
            + base64.b64encode(b"ws@Company.Twin:twin-api-key.blue").decode()
        },
    ],
)
async def test_an_api_key_names_a_world_which_is_made_on_the_fly(
    twin: RunningTwin, headers: dict[str, str]
) -> None:
    answer = await twin.call("POST", "/v72/payments", payment_body(), headers)
    listed = await twin.control("GET", "worlds")

    assert answer.body["action"]["url"].startswith(f"{twin.url}/worlds/blue/checkoutshopper/")
    assert listed == {
        "count": 1,
        "worlds": [
            {
                "name": "blue",
                "apiKey": "twin-api-key.blue",
                "url": f"{twin.url}/worlds/blue",
                "payments": 1,
            }
        ],
    }
    assert (await references(twin), await references(twin.world("blue"))) == ([], ["ORDER-1001"])


@pytest.mark.parametrize("key", ["twin-api-key", "twin-api-key.blue"])
async def test_a_path_names_a_world_with_its_key_or_the_first_one(
    twin: RunningTwin, key: str
) -> None:
    path, headers = "/worlds/blue/v72/payments", {"X-API-Key": key}
    answer = await twin.call("POST", path, payment_body(), headers)

    assert answer.status == 200
    assert await references(twin.world("blue")) == ["ORDER-1001"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v72/payments", "wrong.blue"),
        ("/v72/payments", "twin-api-key.no name"),
        ("/v72/payments", "twin-api-key."),
        ("/v72/payments", "twin-api-key." + "x" * 65),
        ("/worlds/blue/v72/payments", "twin-api-key.red"),
        ("/worlds/blue/v72/payments", "wrong"),
    ],
)
async def test_a_wrong_key_is_refused(twin: RunningTwin, path: str, key: str) -> None:
    assert (await twin.call("POST", path, payment_body(), {"X-API-Key": key})).status == 401


@pytest.mark.parametrize("path", ["/worlds/", "/worlds", "/worlds//v72/payments"])
async def test_a_path_without_a_name_is_of_no_world(twin: RunningTwin, path: str) -> None:
    assert (await twin.call("POST", path, payment_body())).status in {404, 405}
    assert (await twin.control("GET", "worlds"))["count"] == 0


async def test_a_name_that_no_world_can_have_is_answered_404(twin: RunningTwin) -> None:
    answer = await twin.call("GET", "/worlds/a.b/twin/clock")

    assert (answer.status, "1 to 64 letters" in answer.body["error"]) == (404, True)


@pytest.mark.parametrize(
    "path", ["/gopay/any", "/checkoutshopper/checkoutPaymentRedirect", "/v72/payments"]
)
async def test_neither_a_page_nor_a_wrong_key_makes_a_world(twin: RunningTwin, path: str) -> None:
    method = "POST" if path.startswith("/v72") else "GET"
    answer = await twin.call(method, f"/worlds/blue{path}", None, {"X-API-Key": "wrong"})

    assert answer.status == (401 if method == "POST" else 404)
    assert (await twin.control("GET", "worlds"))["count"] == 0


async def test_there_are_only_so_many_worlds(
    twin: RunningTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "WORLDS_MAX", 1)
    await twin.world("one").control("GET", "clock")
    refused = await twin.call("GET", "/worlds/two/twin/clock")
    await twin.control("DELETE", "worlds/one")
    await twin.world("two").control("GET", "clock")

    assert (refused.status, "DELETE /twin/worlds/NAME" in refused.body["error"]) == (404, True)


async def test_two_worlds_with_the_same_references_keys_and_shoppers_never_meet(
    twin: RunningTwin,
) -> None:
    async with listening() as blue_shop, listening() as red_shop:
        for name, endpoint, key in (("blue", blue_shop, KEY), ("red", red_shop, OTHER_KEY)):
            setting = {"url": endpoint.url, "hmacKey": key}
            await twin.world(name).control("PUT", "webhooks/standard", setting)
        blue, red = twin.world("blue"), twin.world("red")
        urls = await asyncio.gather(*(world.pay(key="one-key", **SHOPPER) for world in (blue, red)))
        blue_reply, red_reply = await blue.shopper(urls[0]), await red.shopper(urls[1], "refuse")
        await asyncio.gather(blue.settle(), red.settle())

    assert blue_reply["pspReference"] != red_reply["pspReference"]
    assert (blue_shop.events, red_shop.events) == (
        [("AUTHORISATION", "true")],
        [("AUTHORISATION", "false")],
    )


async def test_knobs_faults_time_wallets_and_tokens_are_of_one_world(twin: RunningTwin) -> None:
    blue, red = twin.world("blue"), twin.world("red")
    token = await blue.saved()
    await blue.control("PUT", "knobs", {"walletBalance": 5})
    await blue.control("PUT", "faults", [{"fault": "error_500"}])
    await blue.settle(3600)
    charged = await red.api("/v72/payments", charge_body(token))
    paid = await red.shopper(await red.pay(**SHOPPER))

    assert (await red.control("GET", "knobs"))["walletBalance"] == 10_000_000
    assert (await red.control("GET", "faults"))["faults"] == []
    assert (await red.control("GET", "clock"))["advanced_s"] == 0
    assert (charged.status, charged.body["errorCode"]) == (422, "800")
    assert paid["status"] == "authorised"
    assert (await blue.control("GET", "wallets/shopper-1"))["balance"] == 0


async def test_a_reset_of_a_world_leaves_the_others(twin: RunningTwin) -> None:
    for name in ("blue", "red"):
        await twin.world(name).paid()
    await twin.paid()
    await twin.world("blue").control("POST", "reset")

    assert await references(twin.world("blue")) == []
    assert await references(twin.world("red")) == await references(twin) == ["ORDER-1001"]


def running_loops() -> int:
    """Return how many background loops of worlds run."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("Engine._loop")


async def test_a_world_that_ends_ends_its_background_loops(twin: RunningTwin) -> None:
    before = running_loops()
    await twin.world("blue").control("GET", "clock")
    during = running_loops()
    await twin.control("DELETE", "worlds/blue")

    assert before == running_loops() < during


async def test_a_world_that_ends_stops_its_deliveries_and_begins_anew(twin: RunningTwin) -> None:
    blue = twin.world("blue")
    async with listening() as endpoint:
        await blue.control("PUT", "webhooks/standard", {"url": endpoint.url, "hmacKey": None})
        endpoint.answers = [500]
        await blue.paid()
        await blue.settle()
        ended = await twin.control("DELETE", "worlds/blue")
        await blue.settle(60)
    unknown = await twin.call("DELETE", "/twin/worlds/never")

    assert (ended, unknown.status) == ({"status": "ok"}, 404)
    assert len(endpoint.received) == 1
    assert (await references(blue), (await blue.control("GET", "deliveries"))["count"]) == ([], 0)


async def test_the_pages_of_a_world_stay_in_it(twin: RunningTwin) -> None:
    blue = twin.world("blue")
    url = await blue.pay(**SHOPPER)
    redirect = await blue.call("GET", url)
    page = await twin.call("GET", twin.url + redirect.headers["Location"])
    links = re.findall(r'(?:href|action|formaction|src|data-status)="(/[^"]*)"', page.text)
    approve = next(link for link in links if link.endswith("/cancel"))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    done = await twin.call("POST", twin.url + approve, b"", form)
    app = (await blue.control("GET", "wallets/shopper-1"))["app"]
    app_page = await twin.call("GET", app)

    assert page.status == app_page.status == 200
    assert {link.startswith("/worlds/blue/gopay") for link in links} == {True}
    assert {
        (await twin.call("GET", twin.url + link)).status for link in links if "static" in link
    } == {200}
    assert done.headers["Location"].startswith("https://shop.example/return")
    assert (await blue.control("GET", "payments"))["payments"][0]["status"] == "cancelled"


async def test_a_page_of_one_world_is_unknown_in_another(twin: RunningTwin) -> None:
    url = await twin.world("blue").pay()

    assert (await twin.call("GET", url.replace("/worlds/blue/", "/worlds/red/"))).status == 404
    assert (await twin.call("GET", url.replace("/worlds/blue/", "/"))).status == 404


async def test_the_reports_of_a_world_are_at_its_own_address(twin: RunningTwin) -> None:
    blue = twin.world("blue")
    await blue.paid()
    (report, *_) = (await blue.control("POST", "reports/close"))["reports"]
    await blue.settle(7200)
    login = {
        "Authorization": "Basic "
        + base64.b64encode(b"report@Company.Twin:report-password").decode()
    }
    fetched = await twin.call("GET", report["url"], None, login)
    elsewhere = await twin.call("GET", report["url"].replace("/worlds/blue", ""), None, login)

    assert report["url"].startswith(f"{twin.url}/worlds/blue/reports/")
    assert (fetched.status, elsewhere.status) == (200, 404)


@pytest.fixture
async def public_twin() -> AsyncIterator[RunningTwin]:
    """A twin that shoppers reach at another address."""
    settings = Settings(public_url="https://twin.example/", api_key="own.key")
    async with serving(Twin(settings, Knobs(strict=False))) as running_twin:
        yield running_twin


async def test_a_world_begins_with_the_options_of_the_twin(public_twin: RunningTwin) -> None:
    body: dict[str, Any] = payment_body(browserInfo=None)
    headers = {"X-API-Key": "own.key.blue"}
    answer = await public_twin.call("POST", "/v72/payments", body, headers)

    assert answer.body["action"]["url"].startswith("https://twin.example/worlds/blue/checkoutsh")

"""Two Kasirs can share a twin: each API key names a world of its own."""

from __future__ import annotations

from served import served
from twin_fixtures import payment_body, result_of


async def test_kasir_pays_in_the_world_that_its_api_key_names(fresh_database: str) -> None:
    environment = {"ADYEN_API_KEY": "twin-api-key.blue"}
    async with served(fresh_database, "127.0.0.1", environment) as kasir:
        blue = kasir.twin.world("blue")
        started = await kasir.post("/v72/payments", payment_body(), key="one")
        reply = await blue.shopper(started["action"]["url"])
        details = {"details": {"redirectResult": result_of(reply["location"])}}
        paid = await kasir.post("/v72/payments/details", details)
        counts = [(await world.control("GET", "payments"))["count"] for world in (blue, kasir.twin)]

    assert started["action"]["url"].startswith(f"{blue.url}/checkoutshopper/")
    assert (paid["resultCode"], counts) == ("Authorised", [1, 0])

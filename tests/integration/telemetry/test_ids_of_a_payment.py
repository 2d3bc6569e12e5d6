"""A payment that runs through server, webhook and worker: each line about it names it.

The lines are those of the real programs, on their stdout.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any, Final

import aiohttp
import pytest

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from command import PATIENCE_S, running, until_ready, until_worker_listens
from fake_server import plain
from fake_server import serving as serving_fake
from fakes import KEY, OTHER_KEY, envelope, notification_item
from kasir.demo.client import until
from kasir.demo.processes import free_port
from twin_fixtures import payment_body, serving

pytestmark = pytest.mark.asyncio

SHOP_KEY: Final = "key-of-the-shop"
REFUSED: Final = "Adyen refused our key"
#: What each line has.
OF_EACH_LINE: Final = {"event", "level", "logger", "timestamp"}


async def stopped(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Stop a program; return the lines of its stdout, each of which is JSON."""
    process.terminate()
    out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE_S)
    assert "Traceback" not in err
    return [json.loads(line) for line in out.splitlines()]


async def test_each_line_about_a_payment_names_it_and_the_request_that_caused_it(
    fresh_database: str,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        serving(Twin(Settings(), Knobs())) as twin,
        serving_fake() as shop,
        aiohttp.ClientSession(url, headers={"X-API-Key": SHOP_KEY}) as http,
    ):
        shop.handler = plain(500, b"")
        environ = {
            "ADYEN_ENVIRONMENT": "twin",
            "ADYEN_TWIN_URL": twin.url,
            "ADYEN_HMAC_KEY": KEY,
            "KASIR_DATABASE_URL": fresh_database,
            "KASIR_API_KEY": SHOP_KEY,
            "KASIR_EVENTS_URL": f"{shop.url}/events",
            "KASIR_EVENTS_SECRET": "whsec_" + "c2VjcmV0" * 4,
        }

        async def call(path: str, body: object, request_id: str) -> dict[str, Any]:
            headers = {"X-Request-Id": request_id}
            async with http.post(path, json=body, headers=headers) as answer:
                assert answer.headers["X-Request-Id"] == request_id
                fields: dict[str, Any] = await answer.json()
                return fields

        with (
            running("serve", "--port", str(port), **environ) as server,
            running("worker", **environ) as worker,
        ):
            await asyncio.to_thread(until_ready, url)
            await until_worker_listens(fresh_database, worker)
            endpoint = {"url": f"{url}/webhooks/adyen", "hmacKey": KEY}
            await twin.control("PUT", "webhooks/standard", endpoint)
            paid = await call("/v72/payments", payment_body(reference="PAID"), "REQ-PAID")
            psp = (await twin.shopper(paid["action"]["url"]))["pspReference"]
            await twin.settle()

            async def tries() -> int:
                return len(shop.asked)

            await until(tries, bool, "the event is sent")
            # From here on Adyen refuses Kasir's key.
            await twin.control("PUT", "knobs", {"roles": []})
            await call("/v72/payments", payment_body(reference="REFUSED"), "REQ-REFUSED")
            amount = {"amount": {"currency": "IDR", "value": 1000}}
            for what in ("refunds", "captures", "cancels", "reversals"):
                body = {} if what in ("cancels", "reversals") else amount
                fields = {"merchantAccount": "TwinMerchant", "reference": what, **body}
                await call(f"/v72/payments/{psp}/{what}", fields, f"REQ-{what}")
            forged = envelope(notification_item(key=OTHER_KEY))
            headers = {"X-Request-Id": "REQ-FORGED"}
            async with http.post("/webhooks/adyen", data=forged, headers=headers) as answer:
                assert answer.status == 401
            ids = {
                row["reference"]: row["id"]
                for name in ("PAID", "REFUSED")
                for row in await found(http, name)
            }
            of_worker, of_server = await stopped(worker), await stopped(server)

    lines = of_server + of_worker
    by_request = {line["request"]: line for line in lines if "request" in line}
    assert [line for line in lines if not line.keys() >= OF_EACH_LINE] == []
    # Without its id, a line about the second payment could not be found by its request alone.
    refused = {name: line for name, line in by_request.items() if line["event"] == REFUSED}
    assert {name: line["payment"] for name, line in refused.items()} == {
        "REQ-REFUSED": ids["REFUSED"],
        **{f"REQ-{what}": ids["PAID"] for what in ("refunds", "captures", "cancels", "reversals")},
    }
    delivered = [line for line in of_worker if line["event"] == "the shop refused an event"]
    # The webhook's request, which Kasir named, because Adyen does not.
    assert {line["payment"] for line in delivered} == {ids["PAID"]}
    assert {line["request"][:4] for line in delivered} == {"req_"}
    assert {line["job"] for line in delivered} == {"deliver"}
    assert by_request["REQ-FORGED"]["event"] == "not authentic"
    about_none = {line["event"] for line in lines if "payment" not in line}
    assert about_none <= {"not authentic", "the clocks agree again", "cleaned up"}


async def found(http: aiohttp.ClientSession, reference: str) -> list[dict[str, Any]]:
    """The payments with a reference."""
    async with http.get(f"/api/payments?reference={reference}") as answer:
        rows: list[dict[str, Any]] = (await answer.json())["payments"]
        return rows

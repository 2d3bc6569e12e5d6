"""What fails on the payment form is in the log, with the link, payment or token it is about."""

from __future__ import annotations

import json
import re

from structlog.testing import capture_logs

from served import served


async def test_a_link_that_adyen_would_refuse_shows_a_page_and_is_logged(
    fresh_database: str,
) -> None:
    """A link of an older Kasir, whose checks were other ones."""
    async with served(fresh_database) as kasir:
        link = await kasir.link()
        _, page, _ = await kasir.visit(link["url"])
        attempt = re.search(r'name="attempt" value="([^"]+)"', page)
        assert attempt
        amount = {"currency": "IDR", "value": 99_000_000}
        request = {"reference": "A", "amount": amount, "returnUrl": "https://shop.example/"}
        await kasir.fetch_value(
            "UPDATE payment_link SET sealed_request = NULL, request = $1",
            json.dumps(request),
        )
        with capture_logs() as logs:
            status, text, _ = await kasir.visit(link["url"], {"attempt": attempt[1]})
        payments = await kasir.fetch_value("SELECT count(*) FROM payment")

    (line,) = [log for log in logs if log["event"] == "link cannot be paid"]
    assert (status, payments) == (422, 0)
    assert "Pesanan ini tidak dapat dibayar di sini" in text
    assert line["link"] == link["id"]
    assert "amount" in line["why"]


async def test_a_return_that_cannot_be_asked_about_shows_the_status_and_is_logged(
    fresh_database: str,
) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link()
        await kasir.start(link)
        (payment,) = await kasir.payments()
        url = f"{link['url']}/return/{payment['id']}"
        with capture_logs() as logs:
            too_long = "R" * 20_001
            status, _, location = await kasir.visit(url, {"redirectResult": too_long})
        page_status, _, _ = await kasir.visit(kasir.on_this_server(location))

    (line,) = [log for log in logs if log["event"] == "return without details"]
    assert (status, page_status) == (303, 200)
    assert line["payment"] == payment["id"]
    assert "redirectResult" in line["why"]


async def test_a_saved_wallet_that_adyen_does_not_remove_stays_and_is_logged(
    fresh_database: str,
) -> None:
    shopper = {"shopperReference": "shopper-1"}
    async with served(fresh_database) as kasir:
        await kasir.twin.saved("CardOnFile", **shopper)
        await kasir.twin.settle(60)
        link = await kasir.link(**shopper)
        _, page, _ = await kasir.visit(link["url"])
        (token,) = set(re.findall(r"/saved/(tok_\w+)", page))
        url = f"{link['url']}/saved/{token}"
        await kasir.twin.control("PUT", "faults", [{"fault": "error_503", "call": "tokens"}])
        with capture_logs() as logs:
            status, text, _ = await kasir.visit(url, {})
        await kasir.twin.control("DELETE", "faults")
        again, _, location = await kasir.visit(url, {})

    (line,) = [log for log in logs if log["event"] == "saved wallet not removed"]
    assert (status, again, "said=removed" in location) == (503, 303, True)
    assert f"/saved/{token}" in text
    assert (line["token"], line["status"]) == (token, 503)

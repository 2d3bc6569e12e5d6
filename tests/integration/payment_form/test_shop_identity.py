"""The pages show who the shopper pays, and never the code of the merchant account."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from kasir.guessable import TWIN_MERCHANT
from served import Served, served

PNG: Final = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
SETTINGS: Final = {
    "KASIR_SHOP_NAME": "Kopi <b> & Co",
    "KASIR_SHOP_COLOUR": "#AA3300",
    "KASIR_SHOP_SUPPORT": "help@shop.example",
    "KASIR_SHOP_TERMS": "https://shop.example/terms?a=1&b=2",
}
IN_A_LINK: Final = {
    "kasirShopName": "Toko Satu",
    "kasirShopLogo": "https://satu.example:8443/logo.png",
    "kasirShopColour": "#ffd400",
    "kasirShopSupport": "+62 21 555 0100",
    "kasirShopTerms": "https://satu.example/terms",
}
SAVING: Final = {
    "shopperReference": "shopper-1",
    "storePaymentMethodMode": "askForConsent",
    "recurringProcessingModel": "Subscription",
}


@pytest.fixture
async def shop(fresh_database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A Kasir with every setting of the shop's identity, and a logo in a file."""
    logo = tmp_path / "logo"
    logo.write_bytes(PNG)
    environ = SETTINGS | {"KASIR_SHOP_LOGO": str(logo)}
    async with served(fresh_database, "127.0.0.1", environ) as kasir:
        yield kasir


async def page_of(kasir: Served, url: str) -> tuple[str, dict[str, list[str]]]:
    """A page and its content security policy."""
    async with kasir.http.get(url, headers={"Accept-Language": "en"}) as response:
        policy = response.headers["Content-Security-Policy"]
        rules = {name: sources for name, *sources in map(str.split, policy.split("; "))}
        return await response.text(), rules


async def approve(kasir: Served, link: dict[str, Any]) -> str:
    """Pay a link; returns the URL of the page that the shopper returns to."""
    # The twin sends no notification here, so its answer must name the payment.
    knobs = {"detailsReference": "present"}
    async with kasir.http.put(f"{kasir.twin.url}/twin/knobs", json=knobs) as response:
        assert response.status == 200
    body = {"url": await kasir.start(link), "do": "approve"}
    async with kasir.http.post(f"{kasir.twin.url}/twin/wallet", json=body) as response:
        location = (await response.json())["location"]
    _, _, location = await kasir.visit(kasir.on_this_server(location))
    return kasir.on_this_server(location)


async def test_the_form_and_the_receipt_show_the_shop_of_the_settings(shop: Served) -> None:
    link = await shop.link()
    form, rules = await page_of(shop, link["url"])
    receipt, _ = await page_of(shop, await approve(shop, link))

    assert "Payment successful" in receipt
    for page in (form, receipt):
        assert "Kopi &lt;b&gt; &amp; Co" in page
        assert "<b>" not in page
        assert 'href="mailto:help@shop.example"' in page
        assert 'href="https://shop.example/terms?a=1&amp;b=2"' in page
        assert re.search(r'<link rel="stylesheet" href="/pay/colour/aa3300.css\?v=', page)
        assert re.search(r'<img src="/pay/logo/[0-9a-f]{16}.png"', page)
        assert "style=" not in page
    assert rules["img-src"] == ["'self'", shop.twin.url]
    assert rules["style-src"] == ["'self'"]


async def test_the_logo_is_served_with_its_type_and_runs_nothing(shop: Served) -> None:
    form, _ = await page_of(shop, (await shop.link())["url"])
    found = re.search(r"/pay/logo/[0-9a-f]{16}.png", form)
    assert found
    async with shop.http.get(shop.url + found[0]) as response:
        content, headers = await response.read(), response.headers
    other, _, _ = await shop.visit(f"{shop.url}/pay/logo/0123456789abcdef.png")

    assert content == PNG
    assert headers["Content-Type"] == "image/png"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in headers["Cache-Control"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert other == 404


@pytest.mark.parametrize(
    ("name", "status"),
    [("aa3300.css", 200), ("AA3300.css", 404), ("aa330.css", 404), ("a;b{}c.css", 404)],
)
async def test_only_the_style_sheet_of_a_colour_is_served(
    shop: Served, name: str, status: int
) -> None:
    answered, text, _ = await shop.visit(f"{shop.url}/pay/colour/{name}")

    assert answered == status
    assert ("--brand: #aa3300;" in text) == (status == 200)


async def test_a_link_has_its_own_identity_which_adyen_is_not_sent(shop: Served) -> None:
    link = await shop.link(metadata=IN_A_LINK | {"basket": "7"})
    form, rules = await page_of(shop, link["url"])
    await approve(shop, link)
    async with shop.http.get(f"{shop.twin.url}/twin/payments?reference=A-LINK") as response:
        (payment,) = (await response.json())["payments"]

    for part in ("Toko Satu", "ffd400.css", "tel:+62215550100", "https://satu.example/terms"):
        assert part in form
    assert "Kopi" not in form
    assert 'src="https://satu.example:8443/logo.png"' in form
    assert rules["img-src"][2:] == ["https://satu.example:8443"]
    assert link["metadata"] == IN_A_LINK | {"basket": "7"}
    assert {key for key in payment["metadata"] if key != "kasirPaymentId"} == {"basket"}


async def test_a_misspelt_part_of_a_links_identity_is_refused(shop: Served) -> None:
    body = {
        "reference": "MISSPELT",
        "amount": {"currency": "IDR", "value": 25_000},
        "metadata": {"kasirShopColor": "#ffd400", "kasirShopTerms": "http://shop.example"},
    }
    answer = await shop.post("/v72/paymentLinks", body)

    assert answer["status"] == 422
    assert "metadata.kasirShopColor" in answer["message"]
    assert "kasirShopColour" in answer["message"]
    assert "metadata.kasirShopTerms" in answer["message"]


async def test_the_consent_names_the_shop(shop: Served) -> None:
    form, _ = await page_of(shop, (await shop.link(**SAVING))["url"])

    assert "Save my GoPay. Kopi &lt;b&gt; &amp; Co may charge it again" in form


async def test_no_page_shows_the_merchant_account(fresh_database: str) -> None:
    async with served(fresh_database) as kasir:
        link = await kasir.link(**SAVING, reference="WALK-1")
        withdrawn = await kasir.link(reference="WALK-2")
        await kasir.http.patch(
            f"{kasir.url}/v72/paymentLinks/{withdrawn['id']}",
            json={"status": "expired"},
            headers={"X-API-Key": "a-shop-of-the-test"},
        )
        started = await kasir.link(reference="WALK-3")
        await kasir.start(started)
        (waiting,) = await kasir.payments("WALK-3")
        paid = await approve(kasir, await kasir.link(reference="WALK-4"))
        urls = [
            *(link["url"], withdrawn["url"], started["url"], paid, f"{paid}/events"),
            f"{started['url']}/payments/{waiting['id']}",
            f"{started['url']}/return/{waiting['id']}",
            f"{link['url']}/saved/tok_1",
            f"{kasir.url}/pay/NONE",
            f"{kasir.url}/pay/static/form.js",
        ]
        walked = [
            (url, *(await kasir.visit(url, headers={"Accept-Language": language})))
            for url in urls
            for language in ("en", "id")
        ]

    assert {status for _, status, _, _ in walked} == {200, 303, 404, 410}
    assert [url for url, _, text, _ in walked if TWIN_MERCHANT in text] == []
    assert any("Payment to <span>the shop</span>" in text for _, _, text, _ in walked)
    assert any("Terima kasih. Toko sudah menerima" in text for _, _, text, _ in walked)

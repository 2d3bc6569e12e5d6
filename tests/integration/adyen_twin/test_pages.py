"""The shopper's pages and forms, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from twin_fixtures import Answer, RunningTwin, serving, twin

__all__ = ["twin"]

PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile Safari", "Accept-Language": "id"}
DESKTOP = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Accept-Language": "en"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def open_page(twin: RunningTwin, browser: Mapping[str, str]) -> tuple[str, Answer]:
    """Start a payment and open its GoPay page; return the page's address and the page."""
    redirect = await twin.call("GET", await twin.pay(), headers=browser)
    address = redirect.headers["Location"]
    return address, await twin.call("GET", address, headers=browser)


async def send_form(twin: RunningTwin, address: str, **fields: str) -> Answer:
    """Send a form of the page."""
    return await twin.call("POST", address, urlencode(fields).encode(), PHONE | FORM)


async def test_a_phone_gets_the_pin_page(twin: RunningTwin) -> None:
    _, page = await open_page(twin, PHONE)

    assert '<html lang="id">' in page.text
    assert "TwinMerchant" in page.text
    assert "Rp25.000" in page.text
    assert 'inputmode="numeric"' in page.text
    assert "Simulasi" in page.text
    # There is no QR code.
    assert "<svg" not in page.text


async def test_a_desktop_gets_one_page_with_the_qr_code_and_the_pin_form(twin: RunningTwin) -> None:
    address, page = await open_page(twin, DESKTOP)

    assert '<html lang="en">' in page.text
    assert "<svg" in page.text
    assert f'href="{address}/phone"' in page.text
    assert 'inputmode="numeric"' in page.text


async def test_if_a_phone_can_open_the_address_the_qr_code_is_above_the_link() -> None:
    async with serving(Twin(Settings(public_url="http://192.0.2.7:8080"), Knobs())) as served:
        path = urlsplit(await served.pay())._replace(scheme="", netloc="").geturl()
        address = (await served.call("GET", path)).headers["Location"]
        page = await served.call("GET", address, headers=DESKTOP)

    assert "no phone can open it" not in page.text
    assert page.text.index("<svg") < page.text.index(f'<p><a href="{address}/phone">')


async def test_the_phone_pays_and_returns(twin: RunningTwin) -> None:
    address, _ = await open_page(twin, PHONE)
    wrong = await send_form(twin, f"{address}/approve", pin="111111")
    paid = await send_form(twin, f"{address}/approve", pin="123456")
    details = await twin.details(paid.headers["Location"])

    assert "PIN salah. Sisa percobaan: 2." in wrong.text
    assert paid.status == 303
    assert details.body["resultCode"] == "Authorised"


async def test_the_phone_that_scanned_the_code_stays_and_the_desktop_returns(
    twin: RunningTwin,
) -> None:
    address, _ = await open_page(twin, DESKTOP)
    phone = await twin.call("GET", f"{address}/phone?scanned=true", headers=PHONE)
    waiting = await twin.call("GET", f"{address}/status")
    paid = await send_form(twin, f"{address}/approve", pin="123456", scanned="true")
    decided = await twin.call("GET", f"{address}/status")
    desktop = await twin.call("GET", address, headers=DESKTOP)

    assert 'name="scanned" value="true"' in phone.text
    assert waiting.body == {"status": "awaiting"}
    assert paid.status == 200
    assert "Pembayaran berhasil" in paid.text
    assert "Kembali ke toko" not in paid.text
    assert decided.body == {"status": "authorised"}
    assert desktop.status == 303
    assert "redirectResult=" in desktop.headers["Location"]


async def test_after_paying_without_return_the_phone_and_the_desktop_stay_at_gopay(
    twin: RunningTwin,
) -> None:
    address, _ = await open_page(twin, DESKTOP)
    closed = await send_form(twin, f"{address}/approve_without_return", pin="123456")
    desktop = await twin.call("GET", address, headers=DESKTOP)

    assert "Pembayaran berhasil" in closed.text
    assert "Payment successful" in desktop.text
    assert "redirectResult" not in closed.text + desktop.text


@pytest.mark.parametrize(("action", "result"), [("cancel", "Cancelled"), ("refuse", "Refused")])
async def test_no_pin_is_needed_to_cancel_or_refuse(
    twin: RunningTwin, action: str, result: str
) -> None:
    address, _ = await open_page(twin, PHONE)
    answer = await send_form(twin, f"{address}/{action}")
    details = await twin.details(answer.headers["Location"])

    assert details.body["resultCode"] == result


async def test_an_expired_page_leads_back_to_the_shop(twin: RunningTwin) -> None:
    address, _ = await open_page(twin, PHONE)
    await twin.settle(30 * 60)
    page = await twin.call("GET", address, headers=PHONE)
    too_late = await send_form(twin, f"{address}/approve", pin="123456")
    (return_url,) = re.findall(r'href="(https://shop[^"]+)"', page.text)

    assert "Waktu pembayaran habis" in page.text
    assert "Waktu pembayaran habis" in too_late.text
    assert (await twin.details(return_url.replace("&amp;", "&"))).body["resultCode"] == "Cancelled"


async def test_a_shopper_returns_by_post_if_requested(twin: RunningTwin) -> None:
    url = await twin.pay(redirectFromIssuerMethod="POST")
    address = (await twin.call("GET", url)).headers["Location"]
    page = await send_form(twin, f"{address}/approve", pin="123456")

    assert page.status == 200
    assert '<form method="post" action="https://shop.example/return?order=1001"' in page.text
    assert 'name="redirectResult" value="X6XtfGC3!Y' in page.text


async def test_a_shops_text_is_escaped(twin: RunningTwin) -> None:
    url = await twin.pay(reference="<script>alert(1)</script>")
    address = (await twin.call("GET", url)).headers["Location"]
    page = await twin.call("GET", address, headers=PHONE)

    assert "<script>alert" not in page.text


async def test_wrong_addresses_are_answered_404(twin: RunningTwin) -> None:
    address, _ = await open_page(twin, PHONE)
    payment = (await twin.control("GET", "payments"))["payments"][0]
    answers = [
        await twin.call("GET", "/checkoutshopper/checkoutPaymentRedirect?redirectData=x"),
        await twin.call("GET", "/checkoutshopper/checkoutPaymentRedirect"),
        await twin.call("GET", "/gopay/nothing"),
        # Only the page key opens the page.
        await twin.call("GET", f"/gopay/{payment['pspReference']}"),
        await twin.call("GET", "/gopay/nothing/status"),
        await send_form(twin, f"{address}/dance"),
        await twin.call("GET", "/gopay/static/..%2fapp.py"),
    ]

    assert [answer.status for answer in answers] == [404] * len(answers)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("gopay_wallet.svg", "image/svg+xml"),
        ("medium/gopay_wallet.svg", "image/svg+xml"),
        ("small/gopay_wallet.png", "image/png"),
        ("medium/gopay_wallet.png", "image/png"),
        ("large/gopay_wallet.png", "image/png"),
    ],
)
async def test_the_logo_has_adyens_addresses(twin: RunningTwin, path: str, kind: str) -> None:
    url = f"{twin.url}/checkoutshopper/images/logos/{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, response.content_type) == (200, kind)

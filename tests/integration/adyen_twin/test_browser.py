"""The GoPay page in a real browser: with and without JavaScript, on a phone and a desktop."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Page, expect

from browser import browser, desktop, phone
from twin_fixtures import RunningTwin, twin

__all__ = ["browser", "twin"]


async def start_payment(twin: RunningTwin) -> str:
    """Start a payment whose returnUrl can be opened; return its action.url."""
    return await twin.pay(returnUrl=f"{twin.url}/twin/health?order=1001")


async def address_of_return(page: Page) -> str:
    """Wait until the page has returned to the shop; return its address with redirectResult."""
    await page.wait_for_url("**/twin/health?order=1001&redirectResult=*")
    return page.url


async def test_a_pin_is_entered_on_the_phones_number_pad(
    twin: RunningTwin, browser: Browser
) -> None:
    async with phone(browser) as page:
        await page.goto(await start_payment(twin))
        pin = page.get_by_label("Masukkan PIN GoPay")
        for key in ("9", "Hapus angka terakhir", *"1234567"):
            await page.get_by_role("button", name=key, exact=True).tap()
        # The seventh digit is ignored.
        await expect(pin).to_have_value("123456")
        await page.get_by_role("button", name="Bayar Rp25.000").tap()
        details = await twin.details(await address_of_return(page))

    assert details.body["resultCode"] == "Authorised"


async def test_a_pin_is_typed_without_javascript(twin: RunningTwin, browser: Browser) -> None:
    async with phone(browser, javascript=False, locale="en-GB") as page:
        await page.goto(await start_payment(twin))
        pad = page.get_by_role("button", name="1", exact=True)
        await expect(pad).to_have_count(0)
        await page.get_by_label("Enter your GoPay PIN").fill("000000")
        await page.get_by_role("button", name="Pay Rp25.000").tap()
        await expect(page.get_by_role("alert")).to_have_text("Wrong PIN. Tries left: 2.")
        await page.get_by_label("Enter your GoPay PIN").fill("123456")
        await page.get_by_label("Enter your GoPay PIN").press("Enter")
        details = await twin.details(await address_of_return(page))

    assert details.body["resultCode"] == "Authorised"


async def test_the_desktop_returns_once_the_phone_has_paid(
    twin: RunningTwin, browser: Browser
) -> None:
    async with desktop(browser) as computer, phone(browser, locale="en-GB") as mobile:
        await computer.goto(await start_payment(twin))
        await expect(computer.get_by_role("img", name=re.compile("^QR code"))).to_be_visible()
        await expect(computer.get_by_label("Enter your GoPay PIN")).to_be_hidden()
        await mobile.goto(f"{computer.url}/phone?scanned=true")
        await mobile.get_by_label("Enter your GoPay PIN").fill("123456")
        await mobile.get_by_role("button", name="Pay Rp25.000").tap()
        await expect(mobile.get_by_role("heading", name="Payment successful")).to_be_visible()
        details = await twin.details(await address_of_return(computer))

    assert details.body["resultCode"] == "Authorised"


async def test_a_narrow_window_shows_the_phone_page(twin: RunningTwin, browser: Browser) -> None:
    async with desktop(browser) as page:
        await page.set_viewport_size({"width": 390, "height": 800})
        await page.goto(await start_payment(twin))
        await expect(page.get_by_role("img", name=re.compile("^QR code"))).to_be_hidden()
        await page.get_by_text("For testing").click()
        await page.get_by_role("button", name="Refuse the payment").click()
        details = await twin.details(await address_of_return(page))

    assert details.body["resultCode"] == "Refused"


async def test_a_shopper_returns_by_a_posted_form(twin: RunningTwin, browser: Browser) -> None:
    url = await twin.pay(returnUrl=f"{twin.url}/twin/health", redirectFromIssuerMethod="POST")
    async with phone(browser) as page:
        await page.goto(url)
        await page.get_by_role("button", name="Batal").tap()
        await page.wait_for_url(f"{twin.url}/twin/health")

    (payment,) = (await twin.control("GET", "payments"))["payments"]
    assert payment["status"] == "cancelled"


async def test_a_shop_is_unlinked_inside_gopay(twin: RunningTwin, browser: Browser) -> None:
    await twin.saved()
    app = (await twin.control("GET", "wallets/shopper-1"))["app"]
    async with phone(browser, locale="en-GB") as page:
        await page.goto(app)
        await page.get_by_role("button", name="Unlink: TwinMerchant").tap()
        await expect(page.get_by_text("No shop is linked.")).to_be_visible()

    (token,) = (await twin.control("GET", "tokens"))["tokens"]
    assert token["active"] is False


async def test_if_no_phone_can_open_the_address_the_link_is_above_the_qr_code(
    twin: RunningTwin, browser: Browser
) -> None:
    async with desktop(browser) as page:
        await page.goto(await start_payment(twin))
        link = page.locator("section.scan").get_by_role("link").first
        await expect(link).to_have_text("Open the phone page here")
        link_box, code_box = await link.bounding_box(), await page.locator(".qr").bounding_box()
        await link.click()
        await expect(page.get_by_label("Enter your GoPay PIN")).to_be_visible()

    assert link_box
    assert code_box
    assert link_box["y"] < code_box["y"]


async def test_the_result_icon_is_an_svg_and_not_a_glyph(
    twin: RunningTwin, browser: Browser
) -> None:
    async with phone(browser, locale="en-GB") as page:
        await page.goto(await start_payment(twin))
        await expect(page.get_by_role("button", name="Erase the last digit")).to_have_text("")
        await page.locator("details.tools summary").click()
        await page.get_by_role("button", name="Let it expire").click()
        icon = page.locator(".decided svg")
        await expect(icon).to_be_visible()
        glyph = await page.evaluate(
            "getComputedStyle(document.querySelector('.decided'), '::before').content"
        )

    assert glyph == "none"

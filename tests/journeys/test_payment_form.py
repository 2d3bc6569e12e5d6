"""A shopper pays on the hosted form in a real browser; Kasir's programs and the twin run."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from browser import TIMEOUT_MS, desktop, phone, picture
from form_shop import PIN, Shop, assert_fits, enter_pin, without_console_messages
from kasir.demo.client import until
from kasir.demo.processes import RunningDemo, free_port

expect.set_options(timeout=TIMEOUT_MS)


#: Records navigation to the app. No app is installed: the browser would ask which program to open,
#: and the page would wait for the answer.
RECORD_APP_URL = """navigation.addEventListener("navigate", (event) => {
  if (!event.destination.url.startsWith("gojek:")) return;
  window.wentTo = event.destination.url;
  event.preventDefault();
});"""


@pytest.fixture
async def shop(system: RunningDemo) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession() as http:
        yield Shop(system, http)


async def test_an_order_is_paid_by_pin_on_a_phone_and_the_shopper_returns_to_the_shop(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with phone(browser) as page, without_console_messages(page):
        await page.goto(link["url"])
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Pembayaran untuk")
        await expect(page.get_by_role("listitem").filter(has_text="Saringan")).to_contain_text(
            "2 × Rp5.000"  # noqa: RUF001  # The multiplication sign.
        )
        await expect(page.get_by_role("img", name="Logo GoPay")).to_be_visible()
        await assert_fits(page)
        await picture(page, "form-phone")
        await page.get_by_role("button", name="Bayar Rp25.000 dengan GoPay").click()
        await page.wait_for_url("**/gopay/**")
        await enter_pin(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Pembayaran berhasil")
        await assert_fits(page)
        await picture(page, "paid-phone")
        await page.wait_for_url("**/health/live**")

        assert page.url == link["returnUrl"]
    assert [payment["status"] for payment in await shop.payments(link)] == ["authorised"]


async def test_on_a_desktop_the_page_updates_when_a_phone_approves(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with desktop(browser) as page, without_console_messages(page):
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        await page.goto(link["url"])
        await assert_fits(page)
        await picture(page, "form-desktop")
        await page.get_by_role("button", name="Pay Rp25.000 with GoPay").click()
        await page.wait_for_url("**/gopay/**")
        (payment,) = await shop.payments(link)
        await page.goto(f"{link['url']}/payments/{payment['id']}")
        status = page.get_by_role("status")
        await expect(status).to_contain_text("Waiting for word from GoPay")
        await picture(page, "waiting-desktop")
        (wallet,) = {url for url in sent if "redirectData" in url}
        await shop.shopper(wallet, "approve_without_return")

        await expect(status).to_contain_text("Payment successful")
        await expect(page).to_have_title("Payment successful")
        await expect(status.get_by_role("link", name="Back to the shop")).to_be_visible()


async def test_after_a_refusal_no_reason_is_shown_and_a_second_attempt_is_offered(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with phone(browser, locale="en-GB") as page, without_console_messages(page):
        await page.goto(link["url"])
        await page.get_by_role("button", name="Pay").click()
        await page.locator("details.tools summary").click()
        await page.get_by_role("button", name="Refuse the payment").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment not successful")
        shown = await page.locator("main").inner_text()
        await assert_fits(page)
        await picture(page, "refused-phone")
        await page.get_by_role("link", name="Try again").click()
        await page.get_by_role("button", name="Pay").click()
        await enter_pin(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")

    assert not re.search(r"refused|reason|balance", shown, re.IGNORECASE)
    statuses = [payment["status"] for payment in await shop.payments(link)]
    assert statuses == ["authorised", "refused"]


@pytest.mark.parametrize("reasons", ["recorded", "detailed"])
async def test_an_insufficient_balance_is_shown_with_advice(
    browser: Browser, shop: Shop, reasons: str
) -> None:
    shopper = f"shopper-{secrets.token_hex(4)}"
    await shop.twin("PUT", f"wallets/{shopper}", {"state": "no_balance"})
    link = await shop.link(shopperReference=shopper)
    async with phone(browser, locale="en-GB") as page, shop.knobs(refusalReasons=reasons):
        await page.goto(link["url"])
        await page.get_by_role("button", name="Pay").click()
        await enter_pin(page)
        advice = page.get_by_text("Your GoPay balance is not enough")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment not successful")
        if reasons == "recorded":  # Only Adyen's notification contains the reason.
            await shop.wait_for_status(link, "refused")
            await page.reload()
        await expect(advice).to_contain_text("Top up in the GoPay app and try again")
        await expect(page.get_by_role("link", name="Back to the shop")).to_be_visible()
        await expect(page.get_by_role("link", name="Try again")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
async def test_if_adyen_returns_a_url_of_the_app_a_page_opens_the_app(
    browser: Browser, shop: Shop, javascript: bool
) -> None:
    link = await shop.link()
    async with phone(browser, locale="en-GB", javascript=javascript) as page:
        await page.add_init_script(RECORD_APP_URL)
        async with shop.knobs(actionUrl="app"):
            await page.goto(link["url"])
            await page.get_by_role("button", name="Pay").click()
            app_link = page.get_by_role("link", name="Open the GoPay app")
            app_url = await app_link.get_attribute("href") or ""
        await assert_fits(page)
        await picture(page, f"app-phone-{javascript}")
        assert app_url.startswith("gojek://gopay/merchanttransfer?redirectData=")
        if javascript:
            await page.wait_for_function("(app) => window.wentTo === app", arg=app_url)
        await shop.shopper(app_url, "approve_without_return")
        await page.get_by_role("link", name="See how the payment stands").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")


async def test_while_the_wallet_opens_the_button_shows_a_spinner_and_a_text(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with phone(browser, locale="en-GB") as page:
        # The form's own script handles the submit, but the form is not sent.
        await page.add_init_script("addEventListener('submit', (event) => event.preventDefault())")
        await page.goto(link["url"])
        await page.get_by_role("button", name="Pay").click()
        await expect(page.locator("button .wheel")).to_be_visible()
        await expect(page.get_by_role("button")).to_have_text("Opening GoPay…")
        await expect(page.locator("p[aria-live=polite]")).to_have_text("Opening GoPay…")
        await picture(page, "opening-phone")


async def test_printing_a_paid_page_stops_the_return_to_the_shop(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with desktop(browser) as page:
        await page.add_init_script("window.print = () => { window.printed = true; }")
        await shop.shopper(await shop.start(link), "approve_without_return")
        payment = await shop.wait_for_status(link, "authorised")
        await page.goto(f"{link['url']}/payments/{payment['id']}")
        await page.get_by_role("button", name="Print or save").click()
        assert await page.evaluate("window.printed")
        await expect(page.get_by_text("You will be back at the shop")).to_be_hidden()
        main = page.get_by_role("main")
        for text in ("Kopi Gayo 250 g", "Rp10.000", "Paid on", "WIB", "With", "GoPay"):
            await expect(main).to_contain_text(text)
        await expect(main).to_contain_text(payment["pspReference"])
        await page.emulate_media(media="print", color_scheme="dark")
        await expect(page.get_by_role("link", name="Back to the shop")).to_be_hidden()
        await expect(page.get_by_role("button", name="Print or save")).to_be_hidden()
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await picture(page, "paid-printed")

    assert background == "rgb(255, 255, 255)"


async def test_a_form_shows_the_expiry_of_its_link(shop: Shop) -> None:
    # Kasir follows the twin's clock, which other tests move.
    now = datetime.fromisoformat((await shop.twin("GET", "clock"))["now"])
    expires_at = now + timedelta(days=3)
    link = await shop.link(expiresAt=expires_at.isoformat(timespec="seconds"))
    form = await shop.visit(link["url"])
    jakarta_time = expires_at.astimezone(UTC) + timedelta(hours=7)

    assert "Valid until" in form.text
    assert f"{jakarta_time:%H.%M} WIB" in form.text


async def test_a_shopper_who_cancels_can_go_back_or_retry(browser: Browser, shop: Shop) -> None:
    link = await shop.link()
    async with phone(browser) as page, without_console_messages(page):
        await page.goto(link["url"])
        await page.get_by_role("button", name="Bayar").click()
        await page.get_by_role("button", name="Batal").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Pembayaran dibatalkan")
        await assert_fits(page)
        await expect(page.get_by_role("link", name="Coba lagi")).to_be_visible()
        await page.get_by_role("link", name="Kembali ke toko").click()
        await page.wait_for_url("**/health/live**")


async def test_after_a_payment_expired_at_the_wallet_a_new_attempt_can_be_started(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    wallet = await shop.start(link)
    (payment,) = await shop.payments(link)
    async with phone(browser) as page:
        await page.goto(f"{link['url']}/payments/{payment['id']}")
        await shop.shopper(wallet, "expire")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Waktu pembayaran habis")
        await page.get_by_role("link", name="Coba lagi").click()

        await expect(page.get_by_role("button", name="Bayar")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [
        ("id-ID", "Tautan pembayaran ini sudah tidak berlaku"),
        ("en-GB", "This payment link is no longer valid"),
    ],
)
async def test_the_page_of_a_withdrawn_link_states_that_it_is_no_longer_valid(
    browser: Browser, shop: Shop, locale: str, sentence: str
) -> None:
    link = await shop.link()
    await shop.withdraw(link)
    async with phone(browser, locale=locale) as page:
        response = await page.goto(link["url"])
        await expect(page.get_by_role("heading", level=1)).to_have_text(sentence)
        await assert_fits(page)
        await picture(page, f"over-phone-{locale}")

    assert response
    assert response.status == 410
    answer = await shop.submit(link["url"], attempt="any")
    assert (answer.status, await shop.twin_payment_count(link)) == (410, 0)


async def test_a_purchase_works_without_javascript(browser: Browser, shop: Shop) -> None:
    link = await shop.link()
    async with phone(browser, javascript=False) as page:
        await page.goto(link["url"])
        await assert_fits(page)
        await page.get_by_role("button", name="Bayar").click()
        await page.wait_for_url("**/gopay/**")
        (payment,) = await shop.payments(link)
        await page.goto(f"{link['url']}/payments/{payment['id']}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Menunggu kabar dari GoPay")
        await picture(page, "waiting-phone-without-javascript")
        await page.get_by_role("button", name="Lanjutkan di GoPay").click()
        await enter_pin(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Pembayaran berhasil")
        await page.get_by_role("link", name="Kembali ke toko").click()
        await page.wait_for_url("**/health/live**")
    assert await shop.twin_payment_count(link) == 1


async def test_without_javascript_the_page_reloads_automatically(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    wallet = await shop.start(link)
    (payment,) = await shop.payments(link)
    async with phone(browser, javascript=False) as page:
        await page.goto(f"{link['url']}/payments/{payment['id']}")
        await shop.shopper(wallet, "approve_without_return")

        await expect(page.get_by_role("heading", level=1)).to_have_text("Pembayaran berhasil")


async def test_a_double_tap_makes_one_payment(browser: Browser, shop: Shop) -> None:
    link = await shop.link()
    async with phone(browser) as page:
        await page.goto(link["url"])
        await page.get_by_role("button", name="Bayar").dblclick()
        await page.wait_for_url("**/gopay/**")

    assert (len(await shop.payments(link)), await shop.twin_payment_count(link)) == (1, 1)


async def test_concurrent_submits_of_one_form_make_one_payment(shop: Shop) -> None:
    link = await shop.link()
    attempt = await shop.attempt(link)
    slow = {"fault": "slow_reply", "call": "payments", "reference": link["reference"], "seconds": 1}
    async with shop.faults(slow):
        answers = await asyncio.gather(
            shop.submit(link["url"], attempt=attempt, screenWidth="390"),
            shop.submit(link["url"], attempt=attempt, screenWidth="1280"),
            shop.submit(link["url"], attempt=attempt),
        )

    assert {answer.status for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert (len(await shop.payments(link)), await shop.twin_payment_count(link)) == (1, 1)


async def test_the_form_of_a_started_payment_leads_to_the_same_wallet_page(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    wallet = await shop.start(link)
    async with desktop(browser) as page:
        await page.goto(link["url"])
        await picture(page, "started-desktop")
        await page.get_by_role("button", name="Continue in GoPay").click()
        await page.wait_for_url("**/gopay/**")
    answer = await shop.submit(link["url"])

    assert answer.location == wallet
    assert await shop.twin_payment_count(link) == 1


async def test_the_selected_language_is_used_on_all_pages(browser: Browser, shop: Shop) -> None:
    link = await shop.link()
    async with phone(browser, locale="id-ID") as page:
        await page.goto(link["url"])
        assert await page.locator("html").get_attribute("lang") == "id"
        await page.get_by_role("link", name="English").click()
        assert await page.locator("html").get_attribute("lang") == "en"
        await page.get_by_role("button", name="Pay Rp25.000 with GoPay").click()
        await enter_pin(page)

        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")


async def test_a_purchase_works_with_the_keyboard_alone(browser: Browser, shop: Shop) -> None:
    link = await shop.link()
    async with desktop(browser) as page, without_console_messages(page):
        await page.goto(link["url"])
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        pay = page.get_by_role("button", name="Pay")
        for _ in range(3):
            await page.keyboard.press("Tab")
            if await pay.evaluate("button => button === document.activeElement"):
                break
        outline = await pay.evaluate("button => getComputedStyle(button).outlineStyle")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/gopay/**")
        await page.goto(f"{page.url}/phone")
        await page.locator("#pin").focus()
        await page.keyboard.type(PIN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")

    assert outline == "solid"


async def test_a_retry_after_an_unknown_outcome_starts_no_second_payment(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    lost = {"fault": "lose_reply_after", "call": "payments", "reference": link["reference"]}
    async with phone(browser) as page:
        async with shop.faults(lost):
            await page.goto(link["url"])
            await page.get_by_role("button", name="Bayar").click()
            await expect(page.get_by_role("heading", level=1)).to_have_text(
                "Kami sedang memeriksa pembayaran Anda"
            )
            await expect(page.get_by_role("status")).to_contain_text("Jangan membayar dua kali")
            await assert_fits(page)
            await picture(page, "checking-phone")
        await page.get_by_role("button", name="Tanyakan lagi").click()
        await page.wait_for_url("**/gopay/**")

    assert (len(await shop.payments(link)), await shop.twin_payment_count(link)) == (1, 1)


async def test_the_form_states_that_gopay_is_unavailable_if_adyen_does_not_list_it(
    browser: Browser, shop: Shop
) -> None:
    # The twin does not list GoPay for more than 20,000,000 rupiah.
    link = await shop.link(amount={"currency": "IDR", "value": 20_000_001}, lineItems=[])
    async with phone(browser) as page:
        await page.goto(link["url"])
        await expect(page.get_by_role("status")).to_contain_text(
            "GoPay belum tersedia untuk pesanan ini"
        )
        await assert_fits(page)
        await picture(page, "not-offered-phone")

        assert await page.get_by_role("button").count() == 0


async def test_while_adyen_does_not_answer_the_form_offers_a_retry(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with phone(browser, locale="en-GB") as page:
        async with shop.faults({"fault": "error_503", "call": "paymentMethods"}):
            response = await page.goto(link["url"])
            await expect(page.get_by_role("status")).to_contain_text("cannot be reached just now")
            await picture(page, "no-answer-phone")
        await page.get_by_role("link", name="Try again").click()
        await expect(page.get_by_role("button", name="Pay")).to_be_visible()

    assert response
    assert response.status == 503


async def test_a_payment_that_adyen_refuses_can_be_retried(browser: Browser, shop: Shop) -> None:
    # The twin refuses a payment of more than 20,000,000 rupiah.
    link = await shop.link(amount={"currency": "IDR", "value": 20_000_001}, lineItems=[])
    answer = await shop.submit(link["url"], attempt=await _any_attempt(shop))
    async with phone(browser, locale="en-GB") as page:
        await page.goto(shop.system.kasir_url + answer.location)
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "The payment could not be started"
        )
        await picture(page, "failed-phone")
        await expect(page.get_by_role("link", name="Try again")).to_be_visible()


async def test_a_pending_payments_page_updates_at_its_notification(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    pending = {"fault": "details_say", "resultCode": "Pending", "reference": link["reference"]}
    late = {"fault": "delay_notice", "seconds": 2.0, "reference": link["reference"]}
    # Only an answer with the payment's reference makes the payment pending.
    with_reference = shop.knobs(detailsReference="present")
    async with phone(browser, locale="en-GB") as page, shop.faults(pending, late), with_reference:
        await page.goto(link["url"])
        await page.get_by_role("button", name="Pay").click()
        await enter_pin(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "Your payment is being processed"
        )
        await picture(page, "pending-phone")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")


async def test_if_adyen_does_not_answer_a_return_the_page_waits_for_the_notification(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    lost = {"fault": "lose_reply_before", "call": "details"}
    late = {"fault": "delay_notice", "seconds": 2.0, "reference": link["reference"]}
    async with phone(browser, locale="en-GB") as page, shop.faults(lost, late):
        await page.goto(link["url"])
        await page.get_by_role("button", name="Pay").click()
        await enter_pin(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "Waiting for word from GoPay"
        )
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")


async def test_a_paid_link_shows_the_payment_and_starts_no_second_one(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    await shop.shopper(await shop.start(link), "approve")
    (payment,) = await shop.payments(link)
    async with desktop(browser) as page:
        await page.goto(f"{link['url']}/payments/{payment['id']}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")
        await page.goto(link["url"])
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")
        await expect(page.get_by_role("link", name="Back to the shop")).to_be_visible()
    answer = await shop.submit(link["url"], attempt=await _any_attempt(shop))

    assert (answer.status, await shop.twin_payment_count(link)) == (200, 1)


async def _any_attempt(shop: Shop) -> str:
    """A valid value of the form's field `attempt`, taken from the form of another link."""
    return await shop.attempt(await shop.link())


async def test_a_form_from_before_the_last_attempt_starts_no_payment(shop: Shop) -> None:
    link = await shop.link()
    attempt = await shop.attempt(link)
    location = (await shop.shopper(await shop.start(link), "refuse"))["location"]
    await shop.visit(location)
    (payment,) = await shop.payments(link)
    answer = await shop.submit(link["url"], attempt=attempt)

    assert answer.location == f"/pay/{link['id']}/payments/{payment['id']}"
    assert await shop.twin_payment_count(link) == 1


async def test_a_reusable_link_gives_each_shopper_a_payment(shop: Shop) -> None:
    link = await shop.link(reusable=True)
    first_attempt, other_attempt = await shop.attempt(link), await shop.attempt(link)
    first, other, first_again = [
        (await shop.submit(link["url"], attempt=attempt)).location
        for attempt in (first_attempt, other_attempt, first_attempt)
    ]

    assert first == first_again != other
    assert await shop.twin_payment_count(link) == 2


async def test_a_result_of_another_payment_does_not_pay_this_one(shop: Shop) -> None:
    cheap = await shop.link()
    expensive = await shop.link(amount={"currency": "IDR", "value": 9_000_000})
    await shop.start(expensive)
    (unpaid,) = await shop.payments(expensive)
    location = (await shop.shopper(await shop.start(cheap), "approve"))["location"]
    result = location.partition("?")[2]
    await shop.visit(f"{expensive['url']}/return/{unpaid['id']}?{result}")
    await shop.wait_for_status(cheap, "authorised")
    (unpaid,) = await shop.payments(expensive)

    assert unpaid["status"] == "awaiting_shopper"


@pytest.mark.parametrize("variant", ["encoded", "POST", "decoded"])
async def test_a_return_by_post_or_with_other_parameters_is_accepted(
    shop: Shop, variant: str
) -> None:
    link = await shop.link()
    location = (await shop.shopper(await shop.start(link), "refuse"))["location"]
    return_url, _, query = location.partition("?")
    if variant == "POST":
        answer = await shop.submit(return_url, redirectResult=_decoded(query))
    else:
        query = query if variant == "encoded" else f"redirectResult={_decoded(query)}"
        answer = await shop.visit(f"{return_url}?a=1&&{query}&")
    (payment,) = await shop.payments(link)

    async def sources() -> set[str]:
        return {fact["source"] for fact in (await shop.wait_for_status(link, "refused"))["facts"]}

    await until(sources, lambda known: "details" in known, "a fact from the answer of details")

    assert answer.status == 303
    assert answer.location == f"/pay/{link['id']}/payments/{payment['id']}"


def _decoded(query: str) -> str:
    """The redirectResult of a query, with its escaped exclamation marks decoded."""
    return query.removeprefix("redirectResult=").replace("%21", "!")


async def test_a_return_without_a_valid_result_redirects_to_the_status_page(shop: Shop) -> None:
    link = await shop.link()
    await shop.start(link)
    (payment,) = await shop.payments(link)
    return_url = f"{link['url']}/return/{payment['id']}"
    answers = [
        await shop.visit(return_url + query)
        for query in ("", "?redirectResult=", "?redirectResult=nonsense", "?redirectResult=%00")
    ]

    assert [answer.status for answer in answers] == [303] * 4
    assert [payment["status"] for payment in await shop.payments(link)] == ["awaiting_shopper"]


async def test_every_unknown_url_gets_a_404_page(shop: Shop) -> None:
    link, other = await shop.link(), await shop.link()
    await shop.start(other)
    (payment,) = await shop.payments(other)
    paths = [
        f"{shop.system.kasir_url}/pay/PL_NONE",
        f"{shop.system.kasir_url}/pay/%00",
        f"{link['url']}/no/such/page",
        f"{link['url']}/payments/{payment['id']}",
        f"{link['url']}/payments/{payment['id']}/events",
        f"{link['url']}/payments/%00",
        f"{link['url']}/return/{payment['id']}?redirectResult=x",
        f"{shop.system.kasir_url}/pay/static/none.css",
    ]
    for path in paths:
        answer = await shop.visit(path)

        assert (answer.status, answer.kind) == (404, "text/html"), path
        assert "This page was not found" in answer.text


async def test_every_page_has_the_security_headers(shop: Shop) -> None:
    link = await shop.link()
    answer = await shop.visit(link["url"], "HEAD")
    headers = answer.headers
    policy = headers["Content-Security-Policy"]

    assert (answer.status, answer.text) == (200, "")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert f"form-action 'self' {shop.system.twin_url} " in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"


async def test_the_stream_sends_the_status_and_ends_when_it_is_final(shop: Shop) -> None:
    link = await shop.link()
    await shop.shopper(await shop.start(link), "approve")
    (payment,) = await shop.payments(link)
    stream = await shop.visit(f"{link['url']}/payments/{payment['id']}/events")
    events = [line[6:] for line in stream.text.splitlines() if line.startswith("data: ")]
    last = json.loads(events[-1])

    assert stream.kind == "text/event-stream"
    assert (last["final"], last["title"]) == (True, "Payment successful")


async def test_a_shutdown_of_the_server_does_not_wait_for_open_streams(
    shop: Shop,
) -> None:
    link = await shop.link()
    await shop.start(link)
    (payment,) = await shop.payments(link)
    port = free_port()
    program = Path(sys.executable).with_name("kasir")
    server = await asyncio.create_subprocess_exec(
        program, "serve", "--port", str(port), env=dict(shop.system.environment)
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_answered(shop, f"{url}/health/ready")
        stream_url = f"{url}/pay/{link['id']}/payments/{payment['id']}/events"
        async with shop.http.get(stream_url) as stream:
            await stream.content.readuntil(b"event: standing")
            began = time.monotonic()
            server.terminate()
            await server.wait()
            duration_s = time.monotonic() - began
            rest_of_stream = await stream.read()
    finally:
        if server.returncode is None:
            server.kill()

    assert duration_s < 5  # Uvicorn itself would close the stream after ten seconds.
    assert rest_of_stream.count(b"event:") == 0


async def _until_answered(shop: Shop, url: str) -> None:
    """Wait until a request to this URL is answered with 200."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        with suppress(aiohttp.ClientConnectionError):
            if (await shop.visit(url)).status == 200:
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{url} never answered")


async def test_if_the_logo_does_not_load_the_wallets_name_is_shown(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link()
    async with phone(browser) as page:
        await page.route("**/logos/**", lambda route: route.abort())
        await page.goto(link["url"])
        await expect(page.get_by_role("radio", name="GoPay")).to_be_checked()
        await expect(page.get_by_text("GoPay", exact=True)).to_be_visible()
        await picture(page, "no-logo-phone")

        assert not await page.get_by_role("img").is_visible()


async def test_the_form_escapes_texts_from_the_shop(browser: Browser, shop: Shop) -> None:
    markup = "</title><script>alert(1)</script>\"'>{{ 7 * 7 }}"
    link = await shop.link(
        reference=f"{markup}{secrets.token_hex(4)}",
        description=markup,
        lineItems=[{"description": markup * 3, "quantity": 3, "amountIncludingTax": -5000}],
    )
    async with phone(browser) as page, without_console_messages(page):
        await page.goto(link["url"])
        await expect(page.locator(".about")).to_have_text(markup)
        await assert_fits(page)

"""A shopper saves GoPay, later pays with the saved GoPay and the PIN, and removes it."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import pytest
from playwright.async_api import Browser, Page, expect

from browser import TIMEOUT_MS, desktop, phone, picture
from form_shop import Reply, Shop, assert_fits, enter_pin, without_console_messages
from kasir.demo.processes import RunningDemo

expect.set_options(timeout=TIMEOUT_MS)

#: The fields of a link that offers to save the wallet.
CARD_ON_FILE = {
    "storePaymentMethodMode": "askForConsent",
    "recurringProcessingModel": "CardOnFile",
    "shopperLocale": "en-US",
}
CONSENT_TEXT = (
    "Save my GoPay at the shop for next time. I will still be asked for my PIN each time."
)
#: Faults of the twin: calls about tokens get an error, and the token webhook is lost.
TOKEN_CALLS_FAIL = {"fault": "error_503", "call": "tokens"}
WEBHOOK_LOST = {"fault": "lose_notice", "endpoint": "tokens"}


@dataclass(frozen=True)
class Device:
    """A shopper's device: a phone or a desktop, with or without JavaScript."""

    kind: str
    javascript: bool

    def page(self, browser: Browser) -> AbstractAsyncContextManager[Page]:
        """A browser page on this device, in English."""
        device = phone if self.kind == "phone" else desktop
        return device(browser, locale="en-GB", javascript=self.javascript)

    def screenshot(self, name: str) -> str:
        """The name of a screenshot on this device."""
        return f"{name}-{self.kind}{'' if self.javascript else '-plain'}"


DEVICES = [
    Device(kind, javascript) for kind in ("phone", "desktop") for javascript in (True, False)
]
PHONE = Device("phone", javascript=True)


@pytest.fixture
async def shop(system: RunningDemo) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession() as http:
        yield Shop(system, http)


@pytest.fixture
def shopper() -> str:
    return f"shopper-{secrets.token_hex(5)}"


async def _pay(page: Page, device: Device = PHONE) -> None:
    """Press the form's button, and approve at the wallet."""
    await page.get_by_role("button", name="Pay Rp25.000 with GoPay").click()
    await page.wait_for_url("**/gopay/**")
    if device.kind == "desktop":
        # A desktop shows a QR code. Open the page that a phone opens with it.
        await page.goto(f"{page.url}/phone")
    await enter_pin(page)
    if device.kind == "desktop":
        await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def _until_paid(shop: Shop, link: dict[str, Any]) -> dict[str, Any]:
    """Wait until a link's payment is authorised at Kasir; returns the twin's payment."""
    for _ in range(100):
        payments = await shop.payments(link)
        if payments and payments[0]["status"] == "authorised":
            break
        await asyncio.sleep(0.1)
    assert [payment["status"] for payment in payments][:1] == ["authorised"]
    listed = await shop.twin("GET", f"payments?reference={link['reference']}")
    truth: dict[str, Any] = listed["payments"][0]
    return truth


async def _tokens(shop: Shop, shopper: str) -> list[dict[str, Any]]:
    """The tokens of a shopper at the twin."""
    listed = await shop.twin("GET", f"tokens?shopperReference={shopper}")
    tokens: list[dict[str, Any]] = listed["tokens"]
    return tokens


async def _consents(shop: Shop, link: dict[str, Any]) -> list[str]:
    """The consent text of each payment of a link, read from the database: no page shows it."""
    connection = await asyncpg.connect(shop.system.environment["KASIR_DATABASE_URL"])
    try:
        rows = await connection.fetch(
            "SELECT consent FROM payment WHERE reference = $1 ORDER BY id", link["reference"]
        )
    finally:
        await connection.close()
    return [row["consent"] for row in rows]


async def _save(shop: Shop, shopper: str, model: str = "CardOnFile") -> str:
    """Save a wallet without a browser; returns the storedPaymentMethodId."""
    link = await shop.link(
        shopperReference=shopper, storePaymentMethodMode="enabled", recurringProcessingModel=model
    )
    await shop.visit((await shop.shopper(await shop.start(link), "approve"))["location"])
    await _until_paid(shop, link)
    (token,) = await _tokens(shop, shopper)
    stored_id: str = token["storedPaymentMethodId"]
    return stored_id


async def _form(shop: Shop, link: dict[str, Any]) -> tuple[str, list[str]]:
    """The form's HTML, and Kasir's ids of the saved wallets in it."""
    form = await shop.visit(link["url"])
    return form.text, re.findall(r'name="method" value="(tok_\w+)"', form.text)


async def _post(shop: Shop, link: dict[str, Any], **fields: str) -> Reply:
    """Post the form with its attempt and these fields."""
    return await shop.submit(link["url"], attempt=await shop.attempt(link), **fields)


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.screenshot("on"))
async def test_gopay_is_saved_then_charged_with_one_tap_and_a_pin_then_removed(
    browser: Browser, shop: Shop, shopper: str, device: Device
) -> None:
    first = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
    async with device.page(browser) as page, without_console_messages(page):
        await page.goto(first["url"])
        box = page.get_by_role("checkbox", name=CONSENT_TEXT)
        await expect(box).not_to_be_checked()
        await assert_fits(page)
        await picture(page, device.screenshot("consent"))
        await box.check()
        await _pay(page, device)
        await _until_paid(shop, first)
        (token,) = await _tokens(shop, shopper)

        second = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
        await page.goto(second["url"])
        radios = page.get_by_role("radio")
        await expect(radios.first).to_be_checked()
        await expect(page.get_by_role("radio", name="GoPay saved")).to_be_checked()
        await expect(page.get_by_role("checkbox")).to_be_hidden()
        assert token["storedPaymentMethodId"] not in await page.content()
        await assert_fits(page)
        await picture(page, device.screenshot("saved"))
        await page.get_by_role("radio", name="Use another GoPay").check()
        await expect(page.get_by_role("checkbox")).to_be_visible()
        await assert_fits(page)
        await picture(page, device.screenshot("another"))
        await page.get_by_role("radio", name="GoPay saved").check()
        await _pay(page, device)
        charge = await _until_paid(shop, second)

        third = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
        await page.goto(third["url"])
        await page.get_by_role("link", name="Remove").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Remove your saved GoPay?")
        await assert_fits(page)
        await picture(page, device.screenshot("remove"))
        await page.get_by_role("link", name="No, keep it").click()
        await page.get_by_role("link", name="Remove").click()
        await page.get_by_role("button", name="Yes, remove it").click()
        await expect(page.get_by_role("status")).to_contain_text("has been removed")
        await expect(page.get_by_role("radio")).to_have_count(1)
        await assert_fits(page)
        await picture(page, device.screenshot("removed"))
        await _pay(page, device)
        await _until_paid(shop, third)

    assert await _consents(shop, first) == [f"en: {CONSENT_TEXT}"]
    assert charge["storedPaymentMethodId"] == token["storedPaymentMethodId"]
    assert charge["savedAs"] is None
    assert await _consents(shop, second) == [""]
    assert [token["active"] for token in await _tokens(shop, shopper)] == [False]
    assert await _consents(shop, third) == [""]


async def test_without_consent_nothing_is_stored(
    browser: Browser, shop: Shop, shopper: str
) -> None:
    link = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
    async with phone(browser) as page:
        await page.goto(link["url"])
        await _pay(page)
        paid = await _until_paid(shop, link)

    assert (paid["savedAs"], await _tokens(shop, shopper)) == (None, [])
    assert await _consents(shop, link) == [""]


async def test_consent_to_another_text_than_the_shown_one_has_no_effect(
    shop: Shop, shopper: str
) -> None:
    link = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
    # The only valid value is the digest of the text that the form shows.
    for consent in ("on", "en-0000000000000000", "\0"):
        answer = await _post(shop, link, consent=consent)
        await shop.visit((await shop.shopper(answer.location, "refuse"))["location"])

    assert await _consents(shop, link) == [""] * 3
    listed = await shop.twin("GET", f"payments?reference={link['reference']}")
    assert {payment["savedAs"] for payment in listed["payments"]} == {None}


async def test_consent_has_no_effect_if_the_saved_gopay_is_used(shop: Shop, shopper: str) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
    text, (token,) = await _form(shop, link)
    consent = re.findall(r'name="consent" value="([^"]+)"', text)[0]
    answer = await _post(shop, link, method=token, consent=consent)

    assert answer.status == 303
    assert await _consents(shop, link) == [""]


async def test_the_form_states_that_the_shop_always_saves_the_wallet(
    browser: Browser, shop: Shop, shopper: str
) -> None:
    enabled = CARD_ON_FILE | {"storePaymentMethodMode": "enabled"}
    link = await shop.link(shopperReference=shopper, **enabled)
    async with phone(browser, locale="en-GB") as page:
        await page.goto(link["url"])
        await expect(page.get_by_role("checkbox")).to_have_count(0)
        note = page.get_by_text("Your GoPay will be saved at the shop for next time.")
        await expect(note).to_be_visible()
        await assert_fits(page)
        await picture(page, "enabled-phone")
        await _pay(page)
        await _until_paid(shop, link)

    assert len(await _tokens(shop, shopper)) == 1
    (consent,) = await _consents(shop, link)
    assert consent.startswith("en: Your GoPay will be saved at the shop for next time.")


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        (
            {"description": "Kopi tiap bulan, Rp25.000", "recurringFrequency": "30"},
            "What for: Kopi tiap bulan, Rp25.000. At most once in 30 days.",
        ),
        ({"recurringFrequency": 1}, "At most once a day."),
        ({}, "How much and when is as agreed with the shop."),
        ({"recurringFrequency": "often"}, "How much and when is as agreed with the shop."),
    ],
)
async def test_the_consent_text_of_a_subscription_has_the_links_description_and_frequency(
    browser: Browser, shop: Shop, shopper: str, fields: dict[str, Any], sentences: str
) -> None:
    link = await shop.link(
        shopperReference=shopper,
        storePaymentMethodMode="askForConsent",
        recurringProcessingModel="Subscription",
        **fields,
    )
    beginning = "Save my GoPay. The shop may charge it again without asking for my PIN."
    async with phone(browser, locale="en-GB") as page:
        await page.goto(link["url"])
        box = page.get_by_role("checkbox")
        await expect(box).not_to_be_checked()
        await expect(page.locator(".consent")).to_have_text(f"{beginning} {sentences}")
        await assert_fits(page)
        await picture(page, f"subscription-phone-{len(fields)}")
        await box.check()
        await page.get_by_role("button", name="Pay").click()
        await page.wait_for_url("**/gopay/**")

    assert await _consents(shop, link) == [f"en: {beginning} {sentences}"]


async def test_the_form_does_not_show_a_token_of_a_subscription(shop: Shop, shopper: str) -> None:
    await _save(shop, shopper, "Subscription")
    link = await shop.link(shopperReference=shopper)
    _, tokens = await _form(shop, link)

    assert tokens == []


async def test_a_link_for_a_subscription_shows_no_saved_gopay(shop: Shop, shopper: str) -> None:
    await _save(shop, shopper)
    link = await shop.link(
        shopperReference=shopper,
        storePaymentMethodMode="askForConsent",
        recurringProcessingModel="Subscription",
    )
    _, tokens = await _form(shop, link)

    assert tokens == []


async def test_only_the_shopper_of_a_token_can_charge_and_remove_it(
    shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    mine = await shop.link(shopperReference=shopper)
    _, (token,) = await _form(shop, mine)
    others = [
        await shop.link(shopperReference=f"{shopper}-2"),
        await shop.link(shopperReference=shopper.upper()),
        await shop.link(),
        await shop.link(shopperReference=shopper, reusable=True),
    ]
    for link in others:
        payment = await _post(shop, link, method=token)
        removal_page = await shop.visit(f"{link['url']}/saved/{token}")
        removal = await shop.submit(f"{link['url']}/saved/{token}")

        assert (payment.status, removal_page.status, removal.status) == (404, 404, 404)
        assert "This page was not found" in payment.text
        assert await shop.payments(link) == []
    assert [token["active"] for token in await _tokens(shop, shopper)] == [True]


@pytest.mark.parametrize("forged", ["tok_forged", "", "card", "\0", "../../tok"])
async def test_a_forged_token_gets_a_404_page_and_makes_no_payment(
    shop: Shop, shopper: str, forged: str
) -> None:
    stored_id = await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    answers = [await _post(shop, link, method=method) for method in (forged, stored_id)]

    assert [(answer.status, answer.kind) for answer in answers] == [(404, "text/html")] * 2
    assert (await shop.payments(link), await shop.twin_payment_count(link)) == ([], 0)


async def test_a_shop_can_disable_the_removal(shop: Shop, shopper: str) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper, showRemovePaymentMethodButton=False)
    text, (token,) = await _form(shop, link)
    answers = [
        await shop.visit(f"{link['url']}/saved/{token}"),
        await shop.submit(f"{link['url']}/saved/{token}"),
    ]

    assert "/saved/" not in text
    assert [answer.status for answer in answers] == [404, 404]


async def test_a_withdrawn_link_cannot_remove_a_token(shop: Shop, shopper: str) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    _, (token,) = await _form(shop, link)
    await shop.withdraw(link)
    removal_page = await shop.visit(f"{link['url']}/saved/{token}")
    removal = await shop.submit(f"{link['url']}/saved/{token}")

    assert (removal_page.status, removal.status) == (410, 410)
    assert [token["active"] for token in await _tokens(shop, shopper)] == [True]


async def test_a_gopay_unlinked_elsewhere_is_reported_and_another_one_can_pay(
    browser: Browser, shop: Shop, shopper: str
) -> None:
    stored_id = await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    async with phone(browser, locale="en-GB") as page, without_console_messages(page):
        await page.goto(link["url"])
        async with shop.faults(WEBHOOK_LOST):
            await shop.twin("POST", f"tokens/{stored_id}", {"do": "disable"})
            await page.get_by_role("button", name="Pay").click()
            await expect(page.get_by_role("status")).to_contain_text("can no longer be used")
        await expect(page.get_by_role("status")).to_contain_text("Nothing was paid")
        await expect(page.get_by_role("radio")).to_have_count(1)
        await assert_fits(page)
        await picture(page, "gone-phone")
        await _pay(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")
    statuses = [payment["status"] for payment in await shop.payments(link)]

    assert statuses == ["authorised", "failed"]


async def test_adyen_is_not_called_with_a_removed_gopay(shop: Shop, shopper: str) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    second = await shop.link(shopperReference=shopper)
    _, (token,) = await _form(shop, link)
    await shop.submit(f"{second['url']}/saved/{token}")
    answer = await _post(shop, link, method=token)
    again = await shop.submit(f"{second['url']}/saved/{token}")

    assert answer.location == f"/pay/{link['id']}?said=gone"
    assert again.location == f"/pay/{second['id']}?said=removed"
    assert await shop.twin_payment_count(link) == 0


async def test_after_a_refusal_of_the_saved_gopay_another_one_can_pay(
    browser: Browser, shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    await shop.twin("PUT", f"wallets/{shopper}", {"state": "unlinked"})
    async with phone(browser, locale="en-GB") as page:
        await page.goto(link["url"])
        await _pay(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment not successful")
        await page.get_by_role("link", name="Try again").click()
        await page.get_by_role("radio", name="Use another GoPay").check()
        await _pay(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Payment successful")


async def test_without_adyens_list_the_form_works_without_saved_wallets(
    shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    async with shop.faults(TOKEN_CALLS_FAIL):
        form = await shop.visit(link["url"])
        answer = await _post(shop, link)

    assert (form.status, "GoPay saved" in form.text) == (200, False)
    assert answer.status == 303
    assert shop.system.twin_url in answer.location


async def test_a_removal_without_an_answer_can_be_retried(
    browser: Browser, shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    async with phone(browser, locale="en-GB") as page:
        await page.goto(link["url"])
        await page.get_by_role("link", name="Remove").click()
        async with shop.faults({"fault": "lose_reply_after", "call": "tokens"}):
            await page.get_by_role("button", name="Yes, remove it").click()
            await expect(page.get_by_role("status")).to_contain_text("Not removed yet")
            await assert_fits(page)
            await picture(page, "not-removed-phone")
        await page.get_by_role("button", name="Yes, remove it").click()
        await expect(page.get_by_role("status")).to_contain_text("has been removed")

    assert [token["active"] for token in await _tokens(shop, shopper)] == [False]


async def test_a_gopay_that_adyen_does_not_have_counts_as_removed(shop: Shop, shopper: str) -> None:
    stored_id = await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    _, (token,) = await _form(shop, link)
    async with shop.faults(WEBHOOK_LOST):
        await shop.twin("POST", f"tokens/{stored_id}", {"do": "disable"})
        answer = await shop.submit(f"{link['url']}/saved/{token}")
    again = await shop.submit(f"{link['url']}/saved/{token}")

    assert answer.location == again.location == f"/pay/{link['id']}?said=removed"
    assert (await _form(shop, link))[1] == []


async def test_a_removal_that_fails_at_adyen_is_reported_as_not_done(
    shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    _, (token,) = await _form(shop, link)
    async with shop.faults(TOKEN_CALLS_FAIL):
        answer = await shop.submit(f"{link['url']}/saved/{token}")

    assert (answer.status, "Not removed yet" in answer.text) == (503, True)
    assert [token["active"] for token in await _tokens(shop, shopper)] == [True]


async def test_the_form_finds_a_token_whose_webhook_was_lost(shop: Shop, shopper: str) -> None:
    async with shop.faults(WEBHOOK_LOST):
        await _save(shop, shopper)
    _, tokens = await _form(shop, await shop.link(shopperReference=shopper))

    assert len(tokens) == 1


async def test_concurrent_submits_with_a_saved_and_an_unsaved_gopay_make_one_payment(
    shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper)
    _, (token,) = await _form(shop, link)
    attempt = await shop.attempt(link)
    slow = {"fault": "slow_reply", "call": "payments", "reference": link["reference"], "seconds": 1}
    async with shop.faults(slow):
        answers = await asyncio.gather(
            shop.submit(link["url"], attempt=attempt, method=token),
            shop.submit(link["url"], attempt=attempt, method="gopay_wallet"),
            shop.submit(link["url"], attempt=attempt, method=token),
        )
    later = await shop.submit(link["url"], attempt=attempt, method="gopay_wallet")

    assert len({answer.location for answer in (*answers, later)}) == 1
    assert (len(await shop.payments(link)), await shop.twin_payment_count(link)) == (1, 1)


async def test_the_shops_locale_is_used_instead_of_the_browsers(
    browser: Browser, shop: Shop
) -> None:
    link = await shop.link(shopperLocale="en-US")
    async with phone(browser, locale="id-ID") as page:
        await page.goto(link["url"])
        assert await page.locator("html").get_attribute("lang") == "en"
        await page.get_by_role("link", name="Bahasa Indonesia").click()
        assert await page.locator("html").get_attribute("lang") == "id"


async def test_a_saved_gopay_can_be_chosen_with_the_keyboard(
    browser: Browser, shop: Shop, shopper: str
) -> None:
    await _save(shop, shopper)
    link = await shop.link(shopperReference=shopper, **CARD_ON_FILE)
    async with desktop(browser) as page:
        await page.goto(link["url"])
        await page.get_by_role("radio", name="GoPay saved").focus()
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("radio", name="Use another GoPay")).to_be_checked()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")

        await expect(page.get_by_role("checkbox")).to_be_checked()
        await picture(page, "keyboard-desktop")

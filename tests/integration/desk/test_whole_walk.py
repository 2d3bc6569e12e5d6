"""A person's day at the desk, from signing in to signing out, as one walk in a browser."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from browser import TIMEOUT_MS, desktop, phone, picture
from desk_client import PASSWORD, served
from filled_desk import NOTICE_PSP, PAYMENT, FilledDesk, filled_desk
from form_shop import assert_fits

expect.set_options(timeout=TIMEOUT_MS)
WIDTHS: Final = {"390": phone, "1280": desktop}


async def open_section(page: Page, name: str) -> None:
    """Click a section of the navigation."""
    menu = page.get_by_role("navigation", name="Menu")
    await menu.get_by_role("link", name=name, exact=True).click()
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    await assert_fits(page)


async def confirm(page: Page) -> None:
    """Take the second look, and confirm."""
    await expect(page.get_by_role("heading", name="Look once more")).to_be_visible()
    await assert_fits(page)
    await page.get_by_role("button", name="Yes, do it").click()


async def is_done(page: Page, text: str) -> None:
    """Wait for the message that an act was done."""
    await expect(page.get_by_role("status")).to_contain_text(text)


async def sign_in(page: Page, url: str) -> None:
    await page.goto(f"{url}/desk")
    await page.get_by_label("Name").fill("sari")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()


async def find_and_refund(page: Page, case: str) -> None:
    """Find a payment by its reference, and refund a part."""
    await open_section(page, "Payments")
    await page.get_by_label("Search").fill("KOPI-1041")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="KOPI-1041").click()
    await picture(page, f"walk-payment-{case}")
    form = page.locator("form[action$='/refund']")
    await form.get_by_label("Refund (Rp)").fill("250.000")
    await form.get_by_label("Reason").fill("one bag was missing")
    await form.get_by_role("button", name="Refund").click()
    await expect(page.get_by_text("Refund Rp250.000 of the payment KOPI-1041")).to_be_visible()
    await picture(page, f"walk-refund-{case}")
    await confirm(page)
    await expect(page.get_by_text("A refund was requested.")).to_be_visible()


async def resend_and_replay(page: Page) -> None:
    """Send a delivery again that was given up, and read a held notice again."""
    await open_section(page, "Deliveries")
    await page.get_by_label("Status").select_option("given_up")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.locator("tbody th a").first.click()
    await page.get_by_label("Reason").fill("the shop was down")
    await page.get_by_role("button", name="Send again").click()
    await is_done(page, "sent again")
    await open_section(page, "Notices")
    await page.get_by_label("Status").select_option("held")
    await page.get_by_role("button", name="Show", exact=True).click()
    await page.locator("tbody tr", has_text=NOTICE_PSP).get_by_role("link").click()
    await page.get_by_label("Reason").fill("Kasir was upgraded")
    await page.get_by_role("button", name="Read again").click()
    await is_done(page, "read again")


async def pause(page: Page) -> None:
    """Pause a subscription."""
    await open_section(page, "Subscriptions")
    await page.get_by_role("link", name="KOPI-BULANAN-17").click()
    form = page.locator("form[action$='/pause']")
    await form.get_by_label("Reason").fill("the shopper is away")
    await form.get_by_role("button", name="Pause").click()
    await confirm(page)
    await expect(page.locator(".badge", has_text="paused")).to_be_visible()


async def close_case(page: Page, case: str) -> None:
    """Close a case with a word, and see that the others stay open."""
    await open_section(page, "Cases")
    await expect(page.locator("form[action$='/close']")).to_have_count(3)
    found = page.locator("section", has_text="KOPI1004")
    await found.get_by_label("Reason").fill("Adyen confirmed a fee of 1.000")
    await picture(page, f"walk-case-{case}")
    await found.get_by_role("button", name="Close the case").click()
    await is_done(page, "The case is closed.")
    await expect(page.locator("form[action$='/close']")).to_have_count(2)


async def read_the_log_and_leave(page: Page, url: str, case: str) -> None:
    """Find the acts in the audit log, newest first, and sign out for good."""
    await open_section(page, "Audit log")
    reasons = ("Adyen confirmed", "is away", "was upgraded", "was down", "one bag was missing")
    await expect(page.locator("tbody tr")).to_have_count(len(reasons))
    for number, reason in enumerate(reasons):
        row = page.locator("tbody tr").nth(number)
        await expect(row).to_contain_text(reason)
        await expect(row).to_contain_text("sari")
        await expect(row).to_contain_text("done")
    await picture(page, f"walk-audit-{case}")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await page.goto(f"{url}/desk/audit")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def acts_of(filled: FilledDesk) -> list[str]:
    """The acts of people in the audit log, oldest first."""
    rows = await filled.desk.parts.pool.fetch(
        "SELECT act FROM audit WHERE NOT is_about_people ORDER BY id"
    )
    return [row["act"] for row in rows]


@pytest.mark.parametrize(
    ("width", "javascript"),
    [("390", True), ("1280", False)],
    ids=["phone", "desktop without scripts"],
)
async def test_a_person_does_a_day_of_work_and_finds_all_of_it_in_the_audit_log(
    browser: Browser, postgres_dsn: str, width: str, *, javascript: bool
) -> None:
    async with (
        filled_desk(postgres_dsn) as filled,
        served(filled.desk) as url,
        WIDTHS[width](browser, locale="en-GB", javascript=javascript) as page,
    ):
        await sign_in(page, url)
        await picture(page, f"walk-today-{width}")
        await find_and_refund(page, width)
        await resend_and_replay(page)
        await pause(page)
        await close_case(page, width)
        await read_the_log_and_leave(page, url, width)
        acts = await acts_of(filled)
        (asked,) = filled.adyen.asked

    assert acts == [
        "payment.refund",
        "delivery.resend",
        "notice.replay",
        "subscription.pause",
        "case.close",
    ]
    assert f"/payments/GK7Q2VX9NK3T{PAYMENT.removeprefix('pay_KOPI')}/refunds" in asked[0]
    assert b'"value":250000' in asked[2].replace(b" ", b"")

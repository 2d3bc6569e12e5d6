"""A person finds a payment in a browser and refunds a part, on a phone and on a desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from accessibility import axe_faults
from browser import TIMEOUT_MS, desktop, phone, picture
from desk_client import PASSWORD, served
from fakes import NOW, FrozenClock
from form_shop import assert_fits
from integration.reconciliation.reconciliation_setup import Reconciler
from kasir.people.roles import Role
from paying_desk import PayingDesk, paying
from report_files import settled

__all__ = ["paying"]

expect.set_options(timeout=TIMEOUT_MS)
#: The width of each case.
CASES: Final = {"390": phone, "1280": desktop}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(paying: PayingDesk) -> AsyncIterator[str]:
    """The address of the desk, over HTTP."""
    await paying.open.person("sari", Role.ACT)
    async with served(paying.open) as address:
        yield address


async def check(page: Page, name: str) -> list[str]:
    """Take pictures in both themes; returns what axe finds wrong."""
    await assert_fits(page)
    await picture(page, f"{name}-light")
    await page.emulate_media(color_scheme="dark")
    await picture(page, f"{name}-dark")
    faults = await axe_faults(page)
    await page.emulate_media(color_scheme="light")
    return [*faults, *await axe_faults(page)]


@pytest.mark.parametrize("case", CASES)
async def test_a_person_finds_a_payment_and_a_double_click_refunds_a_part_once(
    browser: Browser, paying: PayingDesk, url: str, case: str
) -> None:
    await paying.paid(f"walk{case}", shopper_reference="shopper-77")
    reconciler = Reconciler(paying.open.parts, FrozenClock(NOW))
    await reconciler.give_batch([settled(f"PSP-walk{case}")], int(case))
    async with CASES[case](browser, locale="en-GB") as page:
        await page.goto(f"{url}/desk/payments")
        await page.get_by_label("Name").fill("sari")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_label("Search").fill(f"PSP-walk{case}")
        await page.get_by_role("button", name="Show", exact=True).click()
        faults = await check(page, f"desk-payments-{case}")
        await page.get_by_role("link", name=f"ORDER-walk{case}").click()
        await expect(page.get_by_text("The payment is paid.")).to_be_visible()
        faults += await check(page, f"desk-payment-{case}")
        form = page.locator("form[action$='/refund']")
        await form.get_by_label("Refund (Rp)").fill("10.000")
        await form.get_by_label("Reason").fill("one cup was cold")
        await form.get_by_role("button", name="Refund").click()
        await expect(
            page.get_by_text(f"Refund Rp10.000 of the payment ORDER-walk{case}")
        ).to_be_visible()
        faults += await check(page, f"desk-payment-second-look-{case}")
        await page.get_by_role("button", name="Yes, do it").dblclick()
        await expect(page.get_by_role("status")).to_be_visible()
        await expect(page.get_by_text("A refund was requested.")).to_be_visible()
        await page.get_by_role("link", name="Message").last.click()
        await expect(page.locator("pre")).to_be_visible()
        faults += await check(page, f"desk-payment-message-{case}")

    assert faults == []
    assert len(paying.sent(f"PSP-walk{case}")) == 1

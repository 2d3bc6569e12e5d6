"""An admin uses the desk in a browser, with and without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from browser import TIMEOUT_MS, desktop, picture
from desk_client import PASSWORD, OpenDesk, open_desk, served
from kasir.people.roles import Role
from opened_kasir import a_database
from two_accounts import SECOND, add_account, variables_of

expect.set_options(timeout=TIMEOUT_MS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """A desk with two accounts."""
    async with a_database(postgres_dsn) as database:
        await add_account(database, SECOND, variables_of(SECOND))
        async with open_desk(database) as opened:
            await opened.person("sari", Role.ADMIN)
            await opened.services.people.set_role("sari", SECOND, Role.ADMIN)
            yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(desk: OpenDesk) -> AsyncIterator[str]:
    """The address of the desk, over HTTP."""
    async with served(desk) as address:
        yield address


async def sign_in(page: Page, url: str) -> None:
    """Sign in as an admin of both accounts."""
    await page.goto(f"{url}/desk")
    await page.get_by_label("Name").fill("sari")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
async def test_an_admin_adds_a_key_finds_it_in_the_log_and_signs_out(
    browser: Browser, desk: OpenDesk, url: str, *, javascript: bool
) -> None:
    name = f"till-{javascript}".lower()
    async with desktop(browser, javascript=javascript) as page:
        await sign_in(page, url)
        await page.get_by_role("link", name="Settings").click()
        form = page.locator("form[action='/desk/settings/keys']")
        await form.get_by_label("Name").fill(name)
        await form.get_by_label("Reason").fill("a new till")
        await form.get_by_role("button", name="Add").click()
        await expect(page.locator(".secret")).to_contain_text("kasir_")
        await page.get_by_role("link", name="Settings").last.click()
        await page.get_by_text(f"Withdraw {name}").click()
        form = page.locator("form", has=page.locator(f"input[value='{name}']"))
        await form.get_by_label("Reason").fill("it is lost")
        await form.get_by_role("button", name="Withdraw").click()
        await picture(page, f"desk-second-look-{javascript}")
        await page.get_by_role("button", name="Yes, do it").click()
        await expect(page.get_by_role("status")).to_contain_text("withdrawn")
        await page.get_by_role("link", name="Audit log").click()
        await expect(page.locator("tbody tr").first).to_contain_text("it is lost")
        await expect(page.locator("tbody tr").nth(1)).to_contain_text("a new till")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await page.goto(f"{url}/desk/settings")

        assert "/desk/login?next=" in page.url


@pytest.mark.parametrize("javascript", [True, False], ids=["with scripts", "without scripts"])
async def test_the_account_is_switched(browser: Browser, url: str, *, javascript: bool) -> None:
    async with desktop(browser, javascript=javascript) as page:
        await sign_in(page, url)
        await page.get_by_label("Merchant account").select_option(SECOND)
        if not javascript:
            await page.get_by_role("button", name="Switch").click()
        await expect(page.locator("option:checked")).to_have_text(SECOND)
        await page.goto(f"{url}/desk/people")
        await expect(page.locator("tbody tr")).to_have_count(1)

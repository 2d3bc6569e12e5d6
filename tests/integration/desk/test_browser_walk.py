"""People walk through the desk in a browser, with and without scripts, on a phone and a desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from accessibility import axe_faults
from browser import TIMEOUT_MS, desktop, phone, picture
from desk_client import PASSWORD, OpenDesk, open_desk, served
from form_shop import assert_fits
from kasir.people.roles import Role
from opened_kasir import a_database
from two_accounts import SECOND, add_account, variables_of

expect.set_options(timeout=TIMEOUT_MS)
#: The pages that are looked at, without those that other tests walk.
PAGES: Final = ("/desk", "/desk/people", "/desk/audit?about=people", "/desk/settings", "/desk/me")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """A desk with two accounts and something on each page."""
    async with a_database(postgres_dsn) as database:
        await add_account(database, SECOND, variables_of(SECOND))
        async with open_desk(database) as opened:
            await opened.person("sari", Role.ADMIN)
            await opened.services.people.set_role("sari", SECOND, Role.ADMIN)
            await opened.person("budi", Role.ACT)
            await opened.parts.pool.execute(
                "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
                " VALUES ('a', 'standard', '', now(), 'held', 'X', '{}')"
            )
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


async def look(page: Page, url: str, case: str) -> list[str]:
    """Open every page; returns what axe finds wrong with each, and those that are too wide."""
    wrong = []
    for path in PAGES:
        await page.goto(url + path)
        name = path.split("?")[0].strip("/").replace("/", "-")
        wrong += [f"{path}: {fault}" for fault in await axe_faults(page)]
        await assert_fits(page)
        await picture(page, f"{name}-{case}-light")
        await page.emulate_media(color_scheme="dark")
        await picture(page, f"{name}-{case}-dark")
        await page.emulate_media(color_scheme="light")
    return wrong


async def test_the_login_page_has_no_fault(browser: Browser, url: str) -> None:
    async with phone(browser, locale="id-ID") as page:
        await page.goto(f"{url}/desk")
        await expect(page.get_by_role("heading", name="Masuk")).to_be_visible()
        await assert_fits(page)
        await picture(page, "desk-login-390")

        assert await axe_faults(page) == []


async def test_every_page_is_readable_on_a_phone(browser: Browser, url: str) -> None:
    async with phone(browser, locale="en-GB") as page:
        await sign_in(page, url)

        assert await look(page, url, "390") == []


async def test_every_page_is_readable_on_a_desktop(browser: Browser, url: str) -> None:
    async with desktop(browser) as page:
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        await sign_in(page, url)

        assert await look(page, url, "1280") == []
        assert messages == []


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

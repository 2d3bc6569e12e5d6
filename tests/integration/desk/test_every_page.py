"""Every page of the desk in a browser, on a phone and a desktop, light and dark, in each language.

A new page is looked at without a change here; one whose path has a variable needs an address in
`filled_desk`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from accessibility import axe_faults
from browser import TIMEOUT_MS, desktop, phone, picture
from desk_client import PASSWORD, served
from filled_desk import SHOPPER, FilledDesk, filled_desk
from form_shop import assert_fits
from kasir.desk.routes import GUARDED

expect.set_options(timeout=TIMEOUT_MS)
WIDTHS: Final = {"390": phone, "1280": desktop}
#: The languages, each with the name of the button that signs in.
LANGUAGES: Final = {"en-GB": "Sign in", "id-ID": "Masuk"}
#: The file that is downloaded is no page.
ROUTES: Final = sorted(
    path
    for handler in GUARDED
    for path in handler.paths
    if "GET" in handler.http_methods and not path.endswith(".csv")
)
#: Queries with which a page shows more.
QUERIES: Final = {
    "/desk/tokens": f"?shopper={SHOPPER}",
    "/desk/cases": "?state=all",
    "/desk/audit": "?about=people",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(postgres_dsn: str) -> AsyncIterator[FilledDesk]:
    """A desk with something on each page."""
    async with filled_desk(postgres_dsn) as filled:
        yield filled


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(filled: FilledDesk) -> AsyncIterator[str]:
    """The address of the desk, over HTTP."""
    async with served(filled.desk) as address:
        yield address


def address_of(filled: FilledDesk, route: str) -> str:
    """The address of a page."""
    path = filled.addresses[route] if "{" in route else route
    return path + QUERIES.get(route, "")


def name_of(route: str) -> str:
    """The name of the pictures of a page: `desk-payments-one`."""
    parts = [part for part in route.strip("/").split("/") if not part.startswith("{")]
    return "-".join([*parts, *["one"] * ("{" in route)])


async def look(page: Page, name: str) -> list[str]:
    """Open all forms, take a picture in both themes; returns what axe finds wrong."""
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    await assert_fits(page)
    for theme in ("dark", "light"):
        await page.emulate_media(color_scheme=theme)
        await picture(page, f"{name}-{theme}")
    return await axe_faults(page)


def test_every_page_has_an_address(filled: FilledDesk) -> None:
    assert sorted(filled.addresses) == [route for route in ROUTES if "{" in route]


@pytest.mark.long
@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_is_readable(
    browser: Browser, filled: FilledDesk, url: str, width: str, locale: str
) -> None:
    case = f"{width}-{locale[:2]}"
    messages: list[str] = []
    async with WIDTHS[width](browser, locale=locale) as page:
        page.on("console", lambda message: messages.append(message.text))
        await page.goto(f"{url}/desk")
        wrong = [f"login: {fault}" for fault in await look(page, f"desk-login-{case}")]
        await page.locator("[name=name]").fill("sari")
        await page.locator("[name=password]").fill(PASSWORD)
        await page.get_by_role("button", name=LANGUAGES[locale]).click()
        await expect(page.locator("nav.sections")).to_be_visible()
        for route in ROUTES:
            answer = await page.goto(url + address_of(filled, route))
            assert answer
            assert answer.status == 200, route
            assert await page.locator("html").get_attribute("lang") == locale[:2]
            faults = await look(page, f"{name_of(route)}-{case}")
            wrong += [f"{route}: {fault}" for fault in faults]

    assert wrong == []
    assert messages == []

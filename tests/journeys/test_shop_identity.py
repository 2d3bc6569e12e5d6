"""The form and the receipt in three identities, on a phone and a desktop, light and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from browser import TIMEOUT_MS, desktop, phone, picture
from form_shop import BASKET, assert_fits, without_console_messages
from integration.payment_form.test_shop_identity import approve
from kasir.guessable import TWIN_MERCHANT
from served import Served, served

expect.set_options(timeout=TIMEOUT_MS)
#: Long, because each page is checked on two screens in two colour schemes.
pytestmark = pytest.mark.long

LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40">'
    '<rect width="120" height="40" rx="6" fill="#10162f"/>'
    '<circle cx="20" cy="20" r="11" fill="#e0a526"/>'
    '<path d="M42 12h62v5H42zM42 23h42v5H42z" fill="#fff"/></svg>'
)
#: The settings of each identity. `{logo}` is the path of the logo.
IDENTITIES: Final[dict[str, dict[str, str]]] = {
    "none": {},
    "colour": {
        "KASIR_SHOP_NAME": "Kedai Kopi Nusantara & Saudara",
        "KASIR_SHOP_COLOUR": "#ffd400",
        "KASIR_SHOP_SUPPORT": "bantuan@kedai-kopi.example",
        "KASIR_SHOP_TERMS": "https://kedai-kopi.example/syarat",
    },
    "logo": {
        "KASIR_SHOP_NAME": "Malam",
        "KASIR_SHOP_COLOUR": "#10162f",
        "KASIR_SHOP_LOGO": "{logo}",
    },
}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
SAVING: Final[Mapping[str, Any]] = {
    "shopperReference": "shopper-1",
    "storePaymentMethodMode": "askForConsent",
    "recurringProcessingModel": "Subscription",
    "description": "Kopi tiap bulan, Rp25.000",
    "lineItems": BASKET,
}


@pytest.fixture(params=IDENTITIES)
def identity(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def shop(fresh_database: str, tmp_path: Path, identity: str) -> AsyncIterator[Served]:
    logo = tmp_path / "logo.svg"
    logo.write_text(LOGO, encoding="ascii")
    environ = {key: text.format(logo=logo) for key, text in IDENTITIES[identity].items()}
    async with served(fresh_database, "127.0.0.1", environ) as kasir:
        yield kasir


@asynccontextmanager
async def screens(browser: Browser) -> AsyncIterator[dict[str, Page]]:
    """A page on a phone and one on a desktop."""
    async with phone(browser, locale="en-GB") as small, desktop(browser) as large:
        yield {"phone": small, "desktop": large}


async def test_every_identity_is_readable_on_every_screen(
    browser: Browser, shop: Served, identity: str
) -> None:
    link, paid = await shop.link(**SAVING), await shop.link(reference="PAID", lineItems=BASKET)
    urls = {"form": link["url"], "receipt": await approve(shop, paid)}
    wrong = []
    async with screens(browser) as pages:
        for screen, page in pages.items():
            for name, url in urls.items():
                async with without_console_messages(page):
                    await page.goto(url)
                await assert_fits(page)
                await _assert_fits_small_screens(page)
                assert TWIN_MERCHANT not in await page.content()
                await _check_identity(page, IDENTITIES[identity])
                for scheme in SCHEMES:
                    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    await picture(page, f"identity-{identity}-{name}-{screen}-{scheme}")
                    violations = (await Axe().run(page)).response["violations"]
                    wrong += [f"{name} {screen} {scheme}: {one['id']}" for one in violations]

    assert wrong == []


async def _assert_fits_small_screens(page: Page) -> None:
    """Check that the page fits a narrow screen, also at a zoom of 200 %."""
    size = page.viewport_size
    assert size
    for width, height in ((320, 640), (160, 320)):
        await page.set_viewport_size({"width": width, "height": height})
        await assert_fits(page)
    await page.set_viewport_size(size)


async def _check_identity(page: Page, settings: Mapping[str, str]) -> None:
    """Check that the page shows the identity, and that the browser has loaded its files."""
    name = settings.get("KASIR_SHOP_NAME", "the shop")
    await expect(page.locator("body")).to_contain_text(name)
    if colour := settings.get("KASIR_SHOP_COLOUR"):
        read = "getComputedStyle(document.documentElement).getPropertyValue('--brand').trim()"
        assert await page.evaluate(read) == colour
    if "KASIR_SHOP_LOGO" in settings:
        loaded = "document.querySelector('.shop-logo img').naturalWidth > 0"
        assert await page.evaluate(loaded)
        await expect(page.locator(".shop-logo")).to_be_visible()
    for contact in ("KASIR_SHOP_SUPPORT", "KASIR_SHOP_TERMS"):
        if contact in settings:
            link = page.locator(f'.contact a[href$="{settings[contact]}"]')
            await expect(link).to_be_visible()

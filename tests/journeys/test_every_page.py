"""Every page on every screen: axe finds nothing, all fits, and no amount is broken in two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

import pages
from browser import PATIENCE_MS, picture
from form_shop import Shop, fits
from kasir.demo.stage import Stage
from pages import Shown

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Screen:
    """A screen, as wide as it is in CSS pixels: 200 % zoom halves them."""

    name: str
    width: int
    height: int
    scale: int = 1
    dark: bool = False
    #: What axe looks at (names, roles, colours) is the same on the others.
    has_axe: bool = False


SCREENS = (
    Screen("390-dark", 390, 844, dark=True, has_axe=True),
    Screen("1280", 1280, 800, has_axe=True),
    Screen("320", 320, 640),
    Screen("1280-at-200", 640, 400, scale=2),
    Screen("320-at-200", 160, 320, scale=2),
)

#: The amounts of a page that stand on more than one line.
BROKEN = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const match of node.data.matchAll(/Rp[0-9.]+/g)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (tops.size > 1) found.push(match[0]);
    }
  }
  return found;
}"""


@pytest.fixture
async def shop(house: Stage) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession() as http:
        yield Shop(house, http)


@asynccontextmanager
async def on(browser: Browser, screen: Screen) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        device_scale_factor=screen.scale,
        color_scheme="dark" if screen.dark else "light",
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    async with context:
        yield await context.new_page()


async def faults_of(page: Page) -> list[str]:
    """What axe finds: each rule, with the places that break it."""
    found = (await Axe().run(page)).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


async def look_at(browser: Browser, shown: Sequence[Shown]) -> None:
    """Look at pages on every screen; whatever is wrong with any of them is told at once."""
    wrong = []
    for screen in SCREENS:
        async with on(browser, screen) as page:
            for one in shown:
                await page.goto(one.url)
                await expect(page.locator("body")).to_contain_text(one.says)
                where = f"{one.name} at {screen.name}"
                if screen.has_axe:
                    wrong += [f"{where}: {fault}" for fault in await faults_of(page)]
                wrong += [f"{where}: broken {sum_}" for sum_ in await page.evaluate(BROKEN)]
                try:
                    await fits(page)
                except AssertionError:
                    wrong.append(f"{where}: wider than the screen")
                await picture(page, f"{one.name}-{screen.name}")

    assert wrong == []


async def test_the_forms_pages_are_for_everybody_on_every_screen(
    browser: Browser, shop: Shop
) -> None:
    await look_at(browser, await pages.kasirs(shop))


async def test_the_forms_pages_while_adyen_is_silent_are_for_everybody(
    browser: Browser, shop: Shop
) -> None:
    async with pages.elsewhere(shop) as shown:
        await look_at(browser, shown)


async def test_the_wallets_pages_are_for_everybody_on_every_screen(
    browser: Browser, shop: Shop
) -> None:
    await look_at(browser, await pages.twins(shop))


async def test_the_demo_shops_pages_are_for_everybody_on_every_screen(
    browser: Browser, shop: Shop
) -> None:
    await look_at(browser, await pages.shops(shop))

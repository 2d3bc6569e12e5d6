"""Every page on every screen: axe finds nothing, all fits, and no amount is broken in two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

import pages
from browser import PATIENCE_MS, picture
from form_shop import Shop
from kasir.demo.stage import Stage
from pages import Shown

expect.set_options(timeout=PATIENCE_MS)


#: Screens by their width and height in CSS pixels: 200 % zoom halves both.
SCREENS = {
    "1280": (1280, 800),
    "1280-at-200": (640, 400),
    "390": (390, 844),
    "320": (320, 640),
    "320-at-200": (160, 320),
}

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


async def faults_of(page: Page) -> list[str]:
    """What axe finds, by day and by night: each rule, with the places that break it."""
    told = []
    for look in ("dark", "light"):
        await page.emulate_media(color_scheme="dark" if look == "dark" else "light")
        found = (await Axe().run(page)).response["violations"]
        told += [
            f"{one['id']} ({look}): {[each['target'] for each in one['nodes']]}" for one in found
        ]
    return told


async def look_at(browser: Browser, shown: Sequence[Shown]) -> None:
    """Look at pages on every screen; whatever is wrong with any of them is told at once."""
    wrong = []
    async with await browser.new_context(locale="en-GB", reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        for one in shown:
            await page.set_viewport_size({"width": 1280, "height": 800})
            await page.goto(one.url)
            await expect(page.locator("body")).to_contain_text(one.says)
            wrong += [f"{one.name}: {fault}" for fault in await faults_of(page)]
            for name, (width, height) in SCREENS.items():
                await page.set_viewport_size({"width": width, "height": height})
                where = f"{one.name}-{name}"
                wrong += [f"{where}: broken {sum_}" for sum_ in await page.evaluate(BROKEN)]
                wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                wrong += [f"{where}: {wider} pixels too wide"] if wider > 0 else []
                await picture(page, where)

    assert wrong == [], "\n".join(wrong)


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

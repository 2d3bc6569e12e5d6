"""Every page on every screen: axe finds no accessibility fault, and all texts and amounts fit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import files

import aiohttp
import pytest
from jinja2 import Environment, nodes
from playwright.async_api import Browser, Page, Response, expect

import pages
import wallet_and_shop_pages
from accessibility import axe_faults
from browser import TIMEOUT_MS, picture
from form_shop import Shop
from kasir.demo import shop as demo_shop
from kasir.demo.processes import RunningDemo
from kasir.guessable import TWIN_MERCHANT
from pages import Shown

expect.set_options(timeout=TIMEOUT_MS)
#: Long, because every page is shown on many screens. The other journeys open most pages once.
pytestmark = pytest.mark.long


#: Screen sizes as width and height in CSS pixels. A zoom of 200 % halves both.
SCREENS = {
    "1280": (1280, 800),
    "1280-at-200": (640, 400),
    "390": (390, 844),
    "320": (320, 640),
    "320-at-200": (160, 320),
}

#: Finds texts that are broken over several lines: amounts, and in headings, buttons and names also
#: words of at least four letters.
FIND_BROKEN = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const emphasised = node.parentElement.closest("h1, h2, button, a.button, a.main, .name");
    const whole = emphasised ? /Rp[0-9.]+|\\p{L}{4,}/gu : /Rp[0-9.]+/g;
    for (const match of node.data.matchAll(whole)) {
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const tops = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
      if (tops.size > 1) found.push(match[0]);
    }
  }
  return found;
}"""


#: Finds text that exceeds its container, which hides the rest.
FIND_CUT = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = document.createRange();
    words.selectNodeContents(walker.currentNode);
    let ancestor = walker.currentNode.parentElement;
    for (; ancestor && !ancestor.matches(".unseen"); ancestor = ancestor.parentElement) {
      if (getComputedStyle(ancestor).overflowX !== "hidden") continue;
      const { left, right } = ancestor.getBoundingClientRect();
      const boxes = [...words.getClientRects()];
      if (boxes.some((box) => box.left < left - 1 || box.right > right + 1)) {
        found.push(walker.currentNode.data.trim());
      }
    }
  }
  return found;
}"""

#: Prevents every navigation that the user did not start.
PREVENT_NAVIGATION = """navigation.addEventListener("navigate", (event) => {
  if (!event.userInitiated) event.preventDefault();
});
HTMLFormElement.prototype.submit = () => {};"""

#: The parts of the layout that show the shop's name, logo and contact.
IDENTITY_PARTS = (
    '    <span class="shop-logo"><img src="',
    '" height="32"\n      alt="',
    '    <span class="mark" aria-hidden="true">',
    '<p class="contact">\n',
    ':\n    <a href="',
    "</a></span>\n",
)
#: Parts of templates that are on no page of these tests, because here every URL is on this machine,
#: every call is answered, and the shop has no name. Each part has the name of the test that covers
#: it.
TESTED_ELSEWHERE = {
    **dict.fromkeys(
        [f"kasir.payment_form/base.html: {part}" for part in IDENTITY_PARTS],
        "test_every_identity_is_readable_on_every_screen",
    ),
    'adyen_twin.gopay/pay.html:   <p><a href="': (
        "test_if_a_phone_can_open_the_address_the_qr_code_is_above_the_link"
    ),
    'kasir.payment_form/message.html: ">\n  <input type="hidden" name="attempt" value="': (
        "test_an_attempt_still_in_flight_is_shown_with_a_button_that_posts_it_again"
    ),
}

#: Checks an open page; returns the problems that it found.
Check = Callable[[Page, Shown], Awaitable[list[str]]]
#: Makes the pages of a group, which can be opened while the context lasts.
Group = Callable[[Shop], AbstractAsyncContextManager[list[Shown]]]

#: All pages, grouped by the state in which they are shown.
GROUPS: dict[str, Group] = {
    "form": pages.form_pages,
    "payment": pages.payment_pages,
    "after a button": pages.button_pages,
    "while Adyen has faults": pages.fault_pages,
    "closing": pages.closing_pages,
    "wallet": wallet_and_shop_pages.wallet_pages,
    "demo shop": wallet_and_shop_pages.demo_shop_pages,
}


def templates() -> dict[str, list[str]]:
    """The constant parts of every template of Kasir, the twin and the demo shop."""
    trimmed, plain = Environment(trim_blocks=True, lstrip_blocks=True), Environment()
    pieces = {
        f"{package}/{file.name}": pieces_of(trimmed, file.read_text(encoding="utf-8"))
        for package in ("kasir.payment_form", "adyen_twin.gopay")
        for file in files(package).joinpath("templates").iterdir()
    }
    for name, text in vars(demo_shop).items():
        if isinstance(text, str) and "</" in text:
            pieces[name] = pieces_of(plain, text)
    return pieces


def pieces_of(environment: Environment, source: str) -> list[str]:
    """The constant texts of a template, between its placeholders."""
    pieces = environment.parse(source).find_all(nodes.TemplateData)
    return [piece.data for piece in pieces if piece.data.strip()]


@pytest.fixture(scope="module")
def html_of_group() -> dict[str, list[str]]:
    """The HTML of the pages that the tests of this module have visited, by group."""
    return {}


@pytest.fixture
async def shop(system: RunningDemo) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession() as http:
        yield Shop(system, http)


async def open_page(page: Page, shown: Shown) -> str:
    """Open a page as its shopper does; returns the HTML that the server sent."""
    answers: list[Response] = []

    def record(response: Response) -> None:
        if response.request.is_navigation_request():
            answers.append(response)

    page.on("response", record)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(shown.url)
    if shown.then:
        await shown.then(page)
    await expect(page.locator("body")).to_contain_text(shown.text)
    page.remove_listener("response", record)
    html = await answers[-1].text()
    # The wallet's pages show the merchant account; Kasir's may not.
    assert "/pay/" not in page.url or TWIN_MERCHANT not in html, shown.name
    return html


async def check_page(page: Page, shown: Shown) -> list[str]:
    """Check a page on every screen size; returns the problems that it found."""
    wrong = [f"{shown.name}: {fault}" for fault in await axe_faults(page)]
    for name, (width, height) in SCREENS.items():
        await page.set_viewport_size({"width": width, "height": height})
        case = f"{shown.name}-{name}"
        wrong += [f"{case}: broken {text}" for text in await page.evaluate(FIND_BROKEN)]
        wrong += [f"{case}: cut off {text}" for text in await page.evaluate(FIND_CUT)]
        excess_px = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        wrong += [f"{case}: {excess_px} pixels too wide"] if excess_px > 0 else []
        await picture(page, case)
    return wrong


@asynccontextmanager
async def screen(browser: Browser, locale: str) -> AsyncIterator[Page]:
    """A browser page on which scripts cannot navigate."""
    async with await browser.new_context(locale=locale, reduced_motion="reduce") as context:
        context.set_default_timeout(TIMEOUT_MS)
        await context.add_init_script(PREVENT_NAVIGATION)
        yield await context.new_page()


async def visit(
    browser: Browser, shop: Shop, name: str, check: Check, html_of_group: dict[str, list[str]]
) -> list[str]:
    """Open and check every page of a group, and store its HTML; returns all problems."""
    wrong, html_of_group[name] = [], []
    async with GROUPS[name](shop) as shown_pages:
        for locale in (pages.ENGLISH, pages.INDONESIAN):
            async with screen(browser, locale) as page:
                for shown in shown_pages:
                    if shown.locale == locale:
                        html_of_group[name].append(await open_page(page, shown))
                        wrong += await check(page, shown)
    return wrong


@pytest.mark.parametrize("name", GROUPS)
async def test_every_page_is_accessible_and_fits_every_screen(
    browser: Browser, shop: Shop, html_of_group: dict[str, list[str]], name: str
) -> None:
    wrong = await visit(browser, shop, name, check_page, html_of_group)

    assert wrong == [], "\n".join(wrong)


async def check_nothing(page: Page, shown: Shown) -> list[str]:
    """Check nothing, because only the HTML of the page is needed."""
    return []


async def test_every_part_of_every_template_is_on_a_checked_page(
    browser: Browser, shop: Shop, html_of_group: dict[str, list[str]]
) -> None:
    for name in GROUPS:
        if name not in html_of_group:  # The test of this group has not run in this process.
            await visit(browser, shop, name, check_nothing, html_of_group)
    everything = "\0".join(text for texts in html_of_group.values() for text in texts)
    missing = {
        f"{template}: {piece}"
        for template, pieces in templates().items()
        for piece in pieces
        if piece not in everything
    }

    assert missing == set(TESTED_ELSEWHERE)

"""A browser for tests: the phone of a shopper and the desktop of an operator.

`scripts/browser.py` chooses the browser and writes its path to `.browser/path`.
A page that raises a JavaScript error fails its test, and no page connects to another machine.
Pictures are stored if `KASIR_SCREENSHOTS` names a folder for them.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Error, Page, Playwright, async_playwright

ROOT = Path(__file__).resolve().parent.parent

FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # The browser connects only to this machine, so no test depends on a logo at Adyen.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)
#: The time limit of each step in a browser: pages are slow if several workers share the cores.
TIMEOUT_MS = 90_000.0


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, started once for the whole run; each test opens its own pages."""
    async with async_playwright() as playwright:
        chromium = await _start(playwright)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def phone(
    browser: Browser, *, locale: str = "id-ID", javascript: bool = True
) -> AsyncIterator[Page]:
    """A shopper's phone in portrait, with a touch screen."""
    context = await browser.new_context(
        viewport={"width": 390, "height": 844},
        screen={"width": 390, "height": 844},
        device_scale_factor=2,
        user_agent=PHONE_AGENT,
        is_mobile=True,
        has_touch=True,
        locale=locale,
        timezone_id="Asia/Jakarta",
        java_script_enabled=javascript,
    )
    context.set_default_timeout(TIMEOUT_MS)
    async with context, _without_errors(await context.new_page()) as page:
        yield page


@asynccontextmanager
async def desktop(
    browser: Browser, *, locale: str = "en-GB", javascript: bool = True
) -> AsyncIterator[Page]:
    """A desktop screen, with a mouse and a keyboard."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800},
        screen={"width": 1280, "height": 800},
        locale=locale,
        timezone_id="Asia/Jakarta",
        java_script_enabled=javascript,
    )
    context.set_default_timeout(TIMEOUT_MS)
    async with context, _without_errors(await context.new_page()) as page:
        yield page


async def picture(page: Page, name: str) -> None:
    """Store a picture of the page, for a person to look at."""
    if folder := os.environ.get("KASIR_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@asynccontextmanager
async def _without_errors(page: Page) -> AsyncIterator[Page]:
    """Yield the page, and fail at the end if its scripts raised errors."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == [], f"scripts of {page.url} raised: {errors}"


async def _start(playwright: Playwright) -> Browser:
    """Start Chromium, in its own sandbox if possible.

    The sandbox does not work for root and in most containers, nor on Ubuntu for a browser that
    Ubuntu did not install. The tests visit only our own pages, so they do not need it.
    """
    path = _path()
    if os.geteuid() != 0:
        try:
            return await playwright.chromium.launch(
                executable_path=path, args=FLAGS, chromium_sandbox=True
            )
        except Error:
            pass  # The second attempt also fails if the sandbox was not the reason.
    return await playwright.chromium.launch(
        executable_path=path, args=FLAGS, chromium_sandbox=False
    )


def _path() -> str:
    path_file = ROOT / ".browser" / "path"
    if not path_file.exists() or not Path(path_file.read_text(encoding="utf-8").strip()).exists():
        subprocess.run([sys.executable, ROOT / "scripts" / "browser.py"], check=True)
    return path_file.read_text(encoding="utf-8").strip()

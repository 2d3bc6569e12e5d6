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
    # No test depends on a logo at Adyen, a font or a metric.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)
PATIENCE_MS = 90_000.0  # Shared cores, several workers and a cold cache make pages slow.


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
    context.set_default_timeout(PATIENCE_MS)
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
    context.set_default_timeout(PATIENCE_MS)
    async with context, _without_errors(await context.new_page()) as page:
        yield page


async def picture(page: Page, name: str) -> None:
    """Store a picture of the page, for a person to look at."""
    if folder := os.environ.get("KASIR_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@asynccontextmanager
async def _without_errors(page: Page) -> AsyncIterator[Page]:
    """The page; at the end, fail if its scripts raised errors."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == [], f"scripts of {page.url} raised: {errors}"


async def _start(playwright: Playwright) -> Browser:
    """Start Chromium in its own sandbox if possible.

    Root cannot use it, and some users cannot: Ubuntu forbids it to a browser that is not the
    system's, and most containers forbid it too. Every page here is ours, so they need no sandbox.
    """
    path = _path()
    if os.geteuid() != 0:
        try:
            return await playwright.chromium.launch(
                executable_path=path, args=FLAGS, chromium_sandbox=True
            )
        except Error:
            pass  # The second attempt shows whether the sandbox was the reason.
    return await playwright.chromium.launch(
        executable_path=path, args=FLAGS, chromium_sandbox=False
    )


def _path() -> str:
    path_file = ROOT / ".browser" / "path"
    if not path_file.exists() or not Path(path_file.read_text(encoding="utf-8").strip()).exists():
        subprocess.run([sys.executable, ROOT / "scripts" / "browser.py"], check=True)
    return path_file.read_text(encoding="utf-8").strip()

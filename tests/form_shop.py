"""A shop that uses the hosted payment form, and the steps of its shoppers."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from playwright.async_api import Page

from kasir.demo.client import until
from kasir.demo.processes import RunningDemo
from twin_fixtures import payment_body

PIN = "123456"
BASKET = [
    {"description": "Kopi Gayo 250 g", "quantity": 1, "amountIncludingTax": 15000},
    {"description": "Saringan kertas", "quantity": 2, "amountIncludingTax": 5000},
]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `kind` is its content type. Redirects are not followed."""

    status: int
    headers: Mapping[str, str]
    text: str
    kind: str

    @property
    def location(self) -> str:
        """The URL to which the answer redirects the browser."""
        return self.headers["Location"]


@dataclass
class Shop:
    """A shop's backend that makes payment links. It also controls the twin."""

    system: RunningDemo
    http: aiohttp.ClientSession

    async def link(self, **changes: Any) -> dict[str, Any]:
        """Make a payment link for a basket of 25,000 rupiah."""
        body = {
            "reference": f"FORM-{secrets.token_hex(5)}",
            "amount": {"currency": "IDR", "value": 25000},
            "returnUrl": f"{self.system.kasir_url}/health/live?order=7&lang=jv",
            "lineItems": BASKET,
        } | changes
        link: dict[str, Any] = await self._kasir("POST", "/v72/paymentLinks", body)
        return link

    async def withdraw(self, link: dict[str, Any]) -> None:
        """Withdraw a link."""
        await self._kasir("PATCH", f"/v72/paymentLinks/{link['id']}", {"status": "expired"})

    async def payments(self, link: dict[str, Any]) -> list[dict[str, Any]]:
        """The payments made through a link, newest first."""
        answer = await self._kasir("GET", f"/api/payments?reference={link['reference']}")
        payments: list[dict[str, Any]] = answer["payments"]
        return payments

    async def wait_for_status(self, link: dict[str, Any], status: str) -> dict[str, Any]:
        """Wait until the newest payment through a link has this status; return it."""

        async def newest() -> dict[str, Any]:
            return (await self.payments(link))[0]

        return await until(newest, lambda payment: payment["status"] == status, f"status {status}")

    async def twin_payment_count(self, link: dict[str, Any]) -> int:
        """The number of a link's payments at the twin."""
        answer = await self.twin("GET", f"payments?reference={link['reference']}")
        count: int = answer["count"]
        return count

    async def shopper(self, url: str, do: str) -> Any:
        """Do a shopper's action (`do`) at the wallet without a browser."""
        return await self.twin("POST", "wallet", {"url": url, "do": do})

    async def twin(self, method: str, path: str, body: Any = None) -> Any:
        """Make a control call to the twin."""
        url = f"{self.system.twin_url}/twin/{path}"
        async with self.http.request(method, url, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    @asynccontextmanager
    async def faults(self, *faults: dict[str, Any]) -> AsyncIterator[None]:
        """Set faults of the twin while the context lasts."""
        await self.twin("PUT", "faults", list(faults))
        try:
            yield
        finally:
            await self.twin("DELETE", "faults")

    @asynccontextmanager
    async def knobs(self, **values: Any) -> AsyncIterator[None]:
        """Set knobs of the twin while the context lasts."""
        await self.twin("PUT", "knobs", values)
        try:
            yield
        finally:
            await self.twin("DELETE", "knobs")

    async def submit(self, url: str, **fields: str) -> Reply:
        """Post a form as a browser without scripts does, in English."""
        return await self.visit(url, "POST", fields)

    async def visit(
        self, url: str, method: str = "GET", form: Mapping[str, str] | None = None
    ) -> Reply:
        """Request a page as a browser without scripts does, in English."""
        headers = {"Accept-Language": "en"}
        async with self.http.request(
            method, url, data=form, headers=headers, allow_redirects=False
        ) as response:
            text = await response.text()
            return Reply(response.status, response.headers, text, response.content_type)

    async def start(self, link: dict[str, Any]) -> str:
        """Start a payment by posting the form; returns the redirect URL."""
        answer = await self.submit(link["url"], attempt=await self.attempt(link))
        assert answer.status == 303, answer.text
        return answer.location

    async def pay(self, **changes: Any) -> str:
        """Start a payment without the form; returns the shopper's redirect URL."""
        body = payment_body(
            reference=f"DIRECT-{secrets.token_hex(5)}",
            returnUrl=f"{self.system.kasir_url}/health/live",
            **changes,
        )
        paid = await self._kasir("POST", "/v72/payments", body)
        url: str = paid["action"]["url"]
        return url

    async def attempt(self, link: dict[str, Any]) -> str:
        """Wait until the form allows a new attempt; returns the value of its field `attempt`."""

        async def read() -> str:
            form = await self.visit(link["url"])
            field = re.search(r'name="attempt" value="([^"]+)"', form.text)
            return field[1] if field else ""

        return await until(read, bool, "a form with a button")

    async def _kasir(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-API-Key": self.system.api_key}
        url = self.system.kasir_url + path
        async with self.http.request(method, url, json=body, headers=headers) as response:
            assert response.status < 300, await response.text()
            return await response.json()


@asynccontextmanager
async def without_console_messages(page: Page) -> AsyncIterator[None]:
    """Fail if the browser logs a message about our pages, such as a blocked script."""
    messages: list[tuple[str, str]] = []
    page.on("console", lambda message: messages.append((message.location["url"], message.text)))
    yield
    assert [text for url, text in messages if "/pay/" in url] == []


async def assert_fits(page: Page) -> None:
    """Assert that the page is not wider than the screen."""
    excess_px = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert excess_px <= 0


async def enter_pin(page: Page) -> None:
    """Enter the PIN on the wallet's page for phones, which approves the payment."""
    await page.fill("#pin", PIN)
    await page.click("form[data-pin] > button.main")

"""Every page of the twin's wallet and of the demo shop, in every state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from playwright.async_api import Page

from form_shop import Shop
from kasir.demo.client import until
from pages import INDONESIAN, LARGE, Shown, large_lines, press, saving


@asynccontextmanager
async def wallet_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """The wallet's pages."""

    async def page_after(do: str | None, **changes: Any) -> str:
        return await _page_after(shop, await shop.start(await shop.link(**changes)), do)

    async def post_page_after(do: str) -> str:
        return await _page_after(shop, await shop.pay(redirectFromIssuerMethod="POST"), do)

    saving_fields = saving("CardOnFile")
    paid_url = await page_after("approve", **saving_fields)

    async def tokens() -> Any:
        name = saving_fields["shopperReference"]
        return (await shop.twin("GET", f"tokens?shopperReference={name}"))["tokens"]

    await until(tokens, bool, "a token")
    app = (await shop.twin("GET", f"wallets/{saving_fields['shopperReference']}"))["app"]
    empty_app = (await shop.twin("GET", "wallets/nobody"))["app"]
    waiting = await page_after(None, amount=LARGE, lineItems=large_lines())
    saving_url = await page_after(None, **saving("CardOnFile"))
    phone = Shown("gopay-phone", f"{waiting}/phone", "Enter your GoPay PIN")
    wrong = Shown("gopay-wrong-pin", f"{waiting}/phone?scanned=true", "Tries left", _mistype)
    returning = Shown(
        "gopay-return-post", await post_page_after("approve"), "Returning to the shop"
    )
    linking = Shown("gopay-app", app, "Linked shops")
    yield [
        Shown("gopay-waiting", waiting, "Pay with GoPay"),
        Shown("gopay-waiting-indonesian", waiting, "Pindai dengan kamera", locale=INDONESIAN),
        phone,
        phone.indonesian("Masukkan PIN GoPay"),
        wrong,
        Shown("gopay-saving", f"{saving_url}/phone", "Your GoPay is saved at this shop"),
        Shown("gopay-tools", f"{saving_url}/phone", "Use another GoPay account", _open_tools),
        Shown("gopay-paid", f"{paid_url}/phone", "Payment successful"),
        Shown("gopay-refused", f"{await page_after('refuse')}/phone", "Payment refused"),
        Shown("gopay-cancelled", f"{await page_after('cancel')}/phone", "Payment cancelled"),
        Shown("gopay-expired", f"{await page_after('expire')}/phone", "The time to pay ran out"),
        Shown("gopay-expired-post", await post_page_after("expire"), "The time to pay ran out"),
        returning,
        returning.indonesian("Kembali ke toko"),
        Shown("gopay-unknown", f"{shop.system.twin_url}/gopay/none", "was not found"),
        linking,
        linking.indonesian("Toko yang terhubung"),
        Shown("gopay-app-empty", empty_app, "No shop is linked."),
    ]


async def _page_after(shop: Shop, url: str, do: str | None) -> str:
    """The URL of the wallet's page of a payment, after the shopper has done this action."""
    if do:
        await shop.shopper(url, do)
    return shop.system.twin_url + (await shop.visit(url)).location


async def _mistype(page: Page) -> None:
    await page.fill("#pin", "000000")
    await press(page, "form[data-pin] > button.main")


async def _open_tools(page: Page) -> None:
    await page.locator("details.tools summary").click()


@asynccontextmanager
async def demo_shop_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """The demo shop's pages."""
    # By the name of the page: the shopper's action, and the status that the page shows.
    outcomes = {
        "shop-paid": ("approve", "paid"),
        "shop-refused": ("refuse", "not paid"),
        "shop-cancelled": ("cancel", "cancelled"),
        "shop-expired": ("expire", "expired"),
    }
    url = shop.system.shop_url
    yield [
        Shown("shop", url, "Pay with GoPay"),
        Shown("shop-waiting", await order(shop), "Waiting for the final word"),
        Shown("shop-unknown", f"{url}/orders/none", "There is no such order"),
        *[Shown(name, await order(shop, do, text), text) for name, (do, text) in outcomes.items()],
    ]


async def order(shop: Shop, do: str = "", text: str = "waiting") -> str:
    """Make an order at the demo shop, and do this action at the wallet; `do` may be empty.

    Returns the URL of the order's page, once the page shows the status `text`.
    """
    url = shop.system.shop_url
    wallet = (await shop.visit(f"{url}/checkout", "POST", {"gayo": "1", "way": "direct"})).location
    newest = (await shop.twin("GET", "payments"))["payments"][0]
    if do and (back := (await shop.shopper(wallet, do))["location"]):
        await shop.visit(back)
    page = f"{url}/orders/{newest['merchantReference']}"
    status = f'<p class="big" id="status">{text}</p>'
    await until(partial(shop.visit, page), lambda reply: status in reply.text, f"an order {text}")
    return page

"""Every page of Kasir's payment form, in every state."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import asyncpg
from playwright.async_api import Page

from form_shop import Reply, Shop
from kasir.demo.client import until
from kasir.limits import Limits

#: The twin's limit is 20,000,000 rupiah: the first amount is accepted, the second is not.
LARGE: Final = {"currency": "IDR", "value": 19_999_999}
BEYOND: Final = {"currency": "IDR", "value": 20_000_001}
HOUR_S: Final = 3600
ENGLISH: Final = "en-GB"
INDONESIAN: Final = "id-ID"

Action = Callable[[Page], Awaitable[None]]


@dataclass(frozen=True)
class Shown:
    """A page in one state.

    Attributes:
        name: The name of its screenshots.
        url: The URL of the page, or the URL at which `then` starts.
        text: A text on the page that is not on the page at which `then` starts.
        then: The shopper's action that leads from the URL to the page, if one is needed.
        locale: The browser's locale.
    """

    name: str
    url: str
    text: str
    then: Action | None = None
    locale: str = ENGLISH

    def indonesian(self, text: str) -> Shown:
        """The same page in Indonesian, with this text."""
        return replace(self, name=f"{self.name}-id", text=text, locale=INDONESIAN)


async def press(page: Page, button: str = "button.main") -> None:
    """Press a button, and wait for the next page."""
    async with page.expect_navigation():
        await page.locator(button).click()


async def ended(shop: Shop, do: str, **changes: Any) -> dict[str, Any]:
    """A link whose only payment ended with this action (`do`) of the shopper at the wallet.

    Its additional field `payment` is the URL of the payment's page.
    """
    link = await shop.link(**changes)
    wallet_answer = await shop.shopper(await shop.start(link), do)
    if wallet_answer["location"]:
        await shop.visit(wallet_answer["location"])
    expected = {"refuse": "refused", "cancel": "cancelled", "expire": "expired"}
    payment = await shop.wait_for_status(link, expected.get(do, "authorised"))
    return link | {"payment": f"{link['url']}/payments/{payment['id']}"}


async def refused_for(shop: Shop, reason: str, code: str) -> dict[str, Any]:
    """A link whose payment was refused with this reason and code.

    Its additional field `payment` is the URL of the payment's page.
    """
    reference = f"FORM-{secrets.token_hex(5)}"
    fault = {"fault": "wallet_refuses", "reference": reference, "reason": reason, "code": code}
    async with shop.faults(fault):
        link = await shop.link(reference=reference)
        wallet_answer = await shop.shopper(await shop.start(link), "approve")
        await shop.visit(wallet_answer["location"])
        payment = await shop.wait_for_status(link, "refused")
    return link | {"payment": f"{link['url']}/payments/{payment['id']}"}


async def with_two_saved_wallets(shop: Shop) -> dict[str, Any]:
    """A link of a shopper with two saved wallets.

    Its additional field `remove` is the URL of the page that removes one of them.
    """
    shopper = f"shopper-{secrets.token_hex(4)}"
    for number in (1, 2):
        account = {"account": f"20000000000{number}"}
        await shop.twin("PUT", f"wallets/{shopper}", account)
        link = await shop.link(
            shopperReference=shopper,
            storePaymentMethodMode="enabled",
            recurringProcessingModel="CardOnFile",
        )
        wallet_answer = await shop.shopper(await shop.start(link), "approve")
        await shop.visit(wallet_answer["location"])
        await shop.wait_for_status(link, "authorised")
    link = await shop.link(
        shopperReference=shopper,
        storePaymentMethodMode="askForConsent",
        recurringProcessingModel="CardOnFile",
    )

    async def removal_paths() -> list[str]:
        form = await shop.visit(link["url"])
        return re.findall(r'href="[^"]*(/saved/tok_\w+)"', form.text)

    paths = await until(removal_paths, lambda paths: len(paths) == 2, "two saved wallets")
    return link | {"remove": link["url"] + paths[0]}


@asynccontextmanager
async def form_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """The form in each state."""
    plain, large = await shop.link(), await shop.link(amount=LARGE, lineItems=large_lines())
    started, beyond, expired = await shop.link(), await shop.link(amount=BEYOND), await shop.link()
    wallet = await shop.start(started)
    (waiting,) = await shop.payments(started)
    await shop.withdraw(expired)
    two = await with_two_saved_wallets(shop)
    without_amount = [{"description": "Kopi Gayo 250 g", "quantity": 2}]
    consent = await shop.link(
        description="Kopi tiap bulan", lineItems=without_amount, **saving("Subscription")
    )
    assert wallet
    form = Shown("form", plain["url"], "Valid until")
    saved = Shown("form-two-saved", two["url"], "Since")
    remove = Shown("remove", two["remove"], "Remove your saved GoPay?")
    yield [
        form,
        form.indonesian("Berlaku sampai"),
        Shown("form-large", large["url"], "Rp19.999.999"),
        Shown("form-started", started["url"], "Continue in GoPay"),
        saved,
        saved.indonesian("Sejak"),
        Shown("form-another", two["url"], "I will still be asked for my PIN", _choose_another),
        Shown("form-consent", consent["url"], "may charge it again"),
        Shown("form-removed", f"{two['url']}?said=removed", "has been removed"),
        Shown("form-gone", f"{plain['url']}?said=gone", "Please pay with GoPay in the usual way"),
        remove,
        remove.indonesian("Hapus GoPay yang tersimpan?"),
        Shown("not-removed", two["remove"], "Not removed yet", _fail_to_remove(shop)),
        Shown("not-offered", beyond["url"], "not available for this order"),
        Shown("link-expired", expired["url"], "no longer valid"),
        Shown("not-found", f"{shop.system.kasir_url}/pay/NONE", "not found"),
        Shown("waiting", f"{started['url']}/payments/{waiting['id']}", "Waiting for word"),
    ]


@asynccontextmanager
async def payment_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """The page of a payment in each final status, and while it is pending."""
    failed = await shop.link(amount=BEYOND, lineItems=[])
    attempt = await shop.attempt(await shop.link())
    failure = (await shop.submit(failed["url"], attempt=attempt)).location
    paid, expired = await ended(shop, "approve"), await ended(shop, "expire")
    large = await ended(
        shop, "approve_without_return", amount=_PAYABLE, lineItems=large_lines(4_999_999)
    )
    refused, cancelled = await ended(shop, "refuse"), await ended(shop, "cancel")
    refused_and_withdrawn = await ended(shop, "refuse")
    await shop.withdraw(refused_and_withdrawn)
    no_balance = await refused_for(shop, "Not enough balance", "12")
    above_limit = await refused_for(shop, "Withdrawal amount exceeded", "28")
    failing = Shown("failed", shop.system.kasir_url + failure, "above what GoPay lets you pay")
    paying = Shown("paid", paid["url"], "Payment successful")
    yield [
        failing,
        failing.indonesian("melebihi batas GoPay"),
        paying,
        paying.indonesian("Pembayaran berhasil"),
        Shown("paid-just-now", paid["payment"], "You will be back at the shop"),
        Shown("paid-large", large["url"], "Rp9.999.999"),
        Shown("refused", refused["payment"], "Payment not successful"),
        Shown("refused-expired", refused_and_withdrawn["payment"], "This link is no longer valid"),
        Shown("refused-no-balance", no_balance["payment"], "balance is not enough"),
        Shown("refused-limit", above_limit["payment"], "above what GoPay lets you pay"),
        Shown("cancelled", cancelled["payment"], "Payment cancelled"),
        Shown("expired", expired["payment"], "The time to pay ran out"),
        Shown("pending", await pending(shop), "Your payment is being processed"),
    ]


@asynccontextmanager
async def button_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """Pages that follow the press of a button: those that lead to the wallet, and errors."""
    link, limited, other = await shop.link(), await shop.link(), await shop.link()
    leaving = Shown("leaving", link["url"], "If the GoPay page does not open", _press_with(shop))
    app = Shown("app", (await shop.link())["url"], "Open the GoPay app", _press_with(shop, "app"))
    other_origin = f"{shop.system.twin_url}/gopay/none"
    async with damaged(shop, await shop.link()) as broken:
        yield [
            leaving,
            leaving.indonesian("Jika halaman GoPay tidak terbuka"),
            app,
            app.indonesian("Buka aplikasi GoPay"),
            Shown("too-many", limited["url"], "Too many tries", _press_too_often(shop, limited)),
            Shown("not-ours", other_origin, "could not be understood", _post_to(other["url"])),
            Shown("broken", broken, "Something went wrong on our side"),
        ]


#: The largest amount that the simulated wallet can pay with its balance.
_PAYABLE: Final = {"currency": "IDR", "value": 9_999_999}


async def pending(shop: Shop) -> str:
    """The page of a payment that the wallet is still processing."""
    link = await shop.link()
    faults = (
        {"fault": "details_say", "resultCode": "Pending", "reference": link["reference"]},
        {"fault": "delay_notice", "seconds": 24 * HOUR_S, "reference": link["reference"]},
    )
    # Only an answer with the payment's reference makes the payment pending.
    async with shop.faults(*faults), shop.knobs(detailsReference="present"):
        wallet_answer = await shop.shopper(await shop.start(link), "approve")
        page = await shop.visit(wallet_answer["location"])
    return shop.system.kasir_url + page.location


@asynccontextmanager
async def damaged(shop: Shop, link: dict[str, Any]) -> AsyncIterator[str]:
    """The page of a link with an invalid row in the database; the row is deleted at the end."""
    connection = await asyncpg.connect(shop.system.environment["KASIR_DATABASE_URL"])
    try:
        damage = "UPDATE payment_link SET sealed_request = 'spoilt' WHERE id = $1"
        await connection.execute(damage, link["id"])
        yield link["url"]
    finally:
        await connection.execute("DELETE FROM payment_link WHERE id = $1", link["id"])
        await connection.close()


@asynccontextmanager
async def closing_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """Pages of two payments whose time ran out, and for which Adyen sends no notification.

    The first is old enough for a retry, and the second is not.
    """
    knobs = shop.knobs(extraEvents=[], paymentExpiryS=10 * HOUR_S)
    now = datetime.fromisoformat((await shop.twin("GET", "clock"))["now"])
    in_three_days = (now + timedelta(days=3)).isoformat(timespec="seconds")
    first, second = [await shop.link(expiresAt=in_three_days) for _ in range(2)]
    lost_notices = [
        {"fault": "lose_notice", "reference": link["reference"], "eventCode": "TECHNICAL_CANCEL"}
        for link in (first, second)
    ]
    async with knobs, shop.faults(*lost_notices):
        await shop.start(first)
        await shop.twin("POST", "clock", {"advance_s": 9 * HOUR_S + 180})
        retry = Shown("closing-again", await _page_of(shop, first), "not heard that you paid")
        # Start the second attempt only after Kasir's clock has followed the twin's clock.
        # Otherwise the second attempt would be too old.
        await until(partial(shop.visit, retry.url), partial(_has_text, retry), retry.name)
        await shop.start(second)
        await shop.twin("POST", "clock", {"advance_s": HOUR_S + 180})
        closing = Shown("closing", await _page_of(shop, second), "just wait, and do not pay again")
        await until(partial(shop.visit, closing.url), partial(_has_text, closing), closing.name)
        yield [
            retry,
            retry.indonesian("belum mendengar"),
            closing,
            closing.indonesian("tunggu saja"),
        ]


async def _page_of(shop: Shop, link: dict[str, Any]) -> str:
    (payment,) = await shop.payments(link)
    return f"{link['url']}/payments/{payment['id']}"


def _has_text(shown: Shown, page: Reply) -> bool:
    return shown.text in page.text


def saving(model: str) -> dict[str, Any]:
    """The fields of a link that always saves the wallet."""
    return {
        "shopperReference": f"shopper-{secrets.token_hex(4)}",
        "storePaymentMethodMode": "enabled",
        "recurringProcessingModel": model,
    }


async def _choose_another(page: Page) -> None:
    await page.get_by_role("radio", name="Use another GoPay").check()


def _fail_to_remove(shop: Shop) -> Action:
    async def remove(page: Page) -> None:
        async with shop.faults({"fault": "error_503", "call": "tokens"}):
            await press(page)

    return remove


def _press_with(shop: Shop, way: str = "post") -> Action:
    """Start a payment whose action leads to the wallet in this way."""

    async def start(page: Page) -> None:
        async with shop.knobs(actionUrl=way):
            await press(page)

    return start


def _press_too_often(shop: Shop, link: dict[str, Any]) -> Action:
    """Press the button of a form after the largest allowed number of submissions."""

    async def press_too_often(page: Page) -> None:
        for _ in range(Limits().forms_per_link_max):
            await shop.submit(link["url"])
        await press(page)

    return press_too_often


def _post_to(url: str) -> Action:
    """Post a form to this URL from the open page, which has another origin."""

    async def post(page: Page) -> None:
        form = f'<form method="post" action="{url}"><button class="main">Pay</button></form>'
        await page.evaluate("(form) => document.body.insertAdjacentHTML('beforeend', form)", form)
        await press(page)

    return post


def large_lines(machine_price: int = 14_999_999) -> list[dict[str, Any]]:
    """A basket with a long name and large amounts: the machine's price and five million rupiah."""
    return [
        {
            "description": "Mesin espresso dua grup dengan penggiling dan pemanas air",
            "quantity": 1,
            "amountIncludingTax": machine_price,
        },
        {"description": "Kopi Gayo", "quantity": 50, "amountIncludingTax": 100_000},
    ]


@asynccontextmanager
async def fault_pages(shop: Shop) -> AsyncIterator[list[Shown]]:
    """Pages that are shown only while Adyen has faults."""
    lost = await shop.link()
    faults = (
        {"fault": "lose_reply_after", "call": "payments", "reference": lost["reference"]},
        {"fault": "error_503", "call": "paymentMethods"},
    )
    attempt = await shop.attempt(lost)
    async with shop.faults(*faults):
        path = (await shop.submit(lost["url"], attempt=attempt)).location
        silent = await shop.link()
        yield [
            Shown("checking", shop.system.kasir_url + path, "We are checking your payment"),
            Shown("no-answer", silent["url"], "cannot be reached just now"),
        ]

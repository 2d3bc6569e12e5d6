"""Every page there is, in every state: Kasir's, the twin's and the demo shop's."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from form_shop import Shop
from kasir.demo.walker import until

#: Fifty million rupiah is the dearest amount that any provider names.
DEAR = {"currency": "IDR", "value": 19_999_999}
BEYOND = {"currency": "IDR", "value": 20_000_001}


@dataclass(frozen=True)
class Shown:
    """A page in a state, and what it says there."""

    name: str
    url: str
    says: str


async def ended(shop: Shop, do: str, **changes: Any) -> dict[str, Any]:
    """A link whose one payment ended so, and that payment."""
    link = await shop.link(**changes)
    told = await shop.shopper(await shop.start(link), do)
    if told["location"]:
        await shop.visit(told["location"])
    expected = {"approve": "authorised", "refuse": "refused", "cancel": "cancelled"}
    payment = await shop.stands(link, expected.get(do, "expired"))
    return link | {"payment": f"{link['url']}/payments/{payment['id']}"}


async def refused_for(shop: Shop, reason: str, code: str) -> dict[str, Any]:
    """A link whose payment GoPay refused for that reason, in Adyen's words."""
    reference = f"FORM-{secrets.token_hex(5)}"
    fault = {"fault": "wallet_refuses", "reference": reference, "reason": reason, "code": code}
    async with shop.faults(fault):
        link = await shop.link(reference=reference)
        told = await shop.shopper(await shop.start(link), "approve")
        await shop.visit(told["location"])
        payment = await shop.stands(link, "refused")
    return link | {"payment": f"{link['url']}/payments/{payment['id']}"}


async def twice_saved(shop: Shop) -> dict[str, Any]:
    """A link of a shopper with two saved wallets."""
    shopper = f"shopper-{secrets.token_hex(4)}"
    for number in (1, 2):
        account = {"account": f"20000000000{number}"}
        await shop.twin("PUT", f"wallets/{shopper}", account)
        link = await shop.link(
            shopperReference=shopper,
            storePaymentMethodMode="enabled",
            recurringProcessingModel="CardOnFile",
        )
        told = await shop.shopper(await shop.start(link), "approve")
        await shop.visit(told["location"])
        await shop.stands(link, "authorised")
    link = await shop.link(
        shopperReference=shopper,
        storePaymentMethodMode="askForConsent",
        recurringProcessingModel="CardOnFile",
    )

    async def saved() -> list[str]:
        form = await shop.visit(link["url"])
        return re.findall(r'href="[^"]*(/saved/tok_\w+)"', form.text)

    found = await until(saved, lambda rows: len(rows) == 2, "two saved wallets")
    return link | {"remove": link["url"] + found[0]}


async def kasirs(shop: Shop) -> list[Shown]:
    """The form's pages."""
    plain, dear = await shop.link(), await shop.link(amount=DEAR, lineItems=_dear_lines())
    started, beyond, over = await shop.link(), await shop.link(amount=BEYOND), await shop.link()
    wallet = await shop.start(started)
    (waiting,) = await shop.payments(started)
    await shop.withdraw(over)
    failed = await shop.link(amount=BEYOND, lineItems=[])
    attempt = await shop.attempt(await shop.link())
    failure = (await shop.submit(failed["url"], attempt=attempt)).place
    two = await twice_saved(shop)
    paid, expired = await ended(shop, "approve"), await ended(shop, "expire")
    refused, cancelled = await ended(shop, "refuse"), await ended(shop, "cancel")
    empty = await refused_for(shop, "Not enough balance", "12")
    above = await refused_for(shop, "Withdrawal amount exceeded", "28")
    assert wallet
    return [
        Shown("form", plain["url"], "Valid until"),
        Shown("form-dear", dear["url"], "Rp19.999.999"),
        Shown("form-started", started["url"], "Continue in GoPay"),
        Shown("form-two-saved", two["url"], "Since"),
        Shown("remove", two["remove"], "Remove your saved GoPay?"),
        Shown("not-offered", beyond["url"], "not available for this order"),
        Shown("link-over", over["url"], "no longer valid"),
        Shown("not-found", f"{shop.house.kasir_url}/pay/NONE", "not found"),
        Shown("waiting", f"{started['url']}/payments/{waiting['id']}", "Waiting for word"),
        Shown("failed", shop.house.kasir_url + failure, "above what GoPay lets you pay"),
        Shown("paid", paid["url"], "Payment successful"),
        Shown("refused", refused["payment"], "Payment not successful"),
        Shown("refused-empty", empty["payment"], "balance is not enough"),
        Shown("refused-limit", above["payment"], "above what GoPay lets you pay"),
        Shown("cancelled", cancelled["payment"], "Payment cancelled"),
        Shown("expired", expired["payment"], "The time to pay ran out"),
    ]


def _dear_lines() -> list[dict[str, Any]]:
    return [
        {
            "description": "Mesin espresso dua grup dengan penggiling dan pemanas air",
            "quantity": 1,
            "amountIncludingTax": 14_999_999,
        },
        {"description": "Kopi Gayo", "quantity": 50, "amountIncludingTax": 100_000},
    ]


async def twins(shop: Shop) -> list[Shown]:
    """The wallet's pages."""

    async def at(do: str | None, **changes: Any) -> str:
        url = await shop.start(await shop.link(**changes))
        if do:
            await shop.shopper(url, do)
        page = await shop.visit(url)
        return shop.house.twin_url + page.place

    shopper = f"shopper-{secrets.token_hex(4)}"
    saving = {
        "shopperReference": shopper,
        "storePaymentMethodMode": "enabled",
        "recurringProcessingModel": "CardOnFile",
    }
    first = await at("approve", **saving)

    async def linked() -> Any:
        return (await shop.twin("GET", f"tokens?shopperReference={shopper}"))["tokens"]

    await until(linked, bool, "a token")
    app = (await shop.twin("GET", f"wallets/{shopper}"))["app"]
    nobody = (await shop.twin("GET", "wallets/nobody"))["app"]
    waiting = await at(None, amount=DEAR, lineItems=_dear_lines())
    return [
        Shown("gopay-waiting", waiting, "Pay with GoPay"),
        Shown("gopay-phone", f"{waiting}/phone", "Enter your GoPay PIN"),
        Shown("gopay-paid", f"{first}/phone", "Payment successful"),
        Shown("gopay-refused", f"{await at('refuse')}/phone", "Payment refused"),
        Shown("gopay-cancelled", f"{await at('cancel')}/phone", "Payment cancelled"),
        Shown("gopay-expired", f"{await at('expire')}/phone", "The time to pay ran out"),
        Shown("gopay-unknown", f"{shop.house.twin_url}/gopay/none", "was not found"),
        Shown("gopay-app", app, "Linked shops"),
        Shown("gopay-app-empty", nobody, "No shop is linked."),
    ]


async def shops(shop: Shop) -> list[Shown]:
    """The demo shop's pages."""
    url = shop.house.shop_url
    order = await shop.visit(f"{url}/checkout", "POST", {"gayo": "1", "way": "direct"})
    reference = await _reference(shop, order.place)
    return [
        Shown("shop", url, "Pay with GoPay"),
        Shown("shop-waiting", f"{url}/orders/{reference}", "Waiting for the final word"),
        Shown("shop-unknown", f"{url}/orders/none", "There is no such order"),
    ]


async def _reference(shop: Shop, wallet: str) -> str:
    payments = (await shop.twin("GET", "payments"))["payments"]
    assert "redirectData" in wallet
    found = next(one for one in payments if one["merchantReference"].startswith("WK-"))
    reference: str = found["merchantReference"]
    return reference


@asynccontextmanager
async def elsewhere(shop: Shop) -> AsyncIterator[list[Shown]]:
    """Pages that are only there while Adyen misbehaves."""
    lost = await shop.link()
    faults = (
        {"fault": "lose_reply_after", "call": "payments", "reference": lost["reference"]},
        {"fault": "error_503", "call": "paymentMethods"},
    )
    attempt = await shop.attempt(lost)
    async with shop.faults(*faults):
        place = (await shop.submit(lost["url"], attempt=attempt)).place
        silent = await shop.link()
        yield [
            Shown("checking", shop.house.kasir_url + place, "We are checking your payment"),
            Shown("no-answer", silent["url"], "cannot be reached just now"),
        ]

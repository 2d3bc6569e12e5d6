"""Journeys on a merchant account that others use too: whose money is it?"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from kasir.demo.client import Walker, expect, reference, until

_AMOUNT: Final = 25_000


async def stranger_pays(walker: Walker) -> None:
    """Others pay under our reference, any amount, before our shopper does: ours stays unpaid."""
    order = reference("stranger")
    action = (await walker.pay(order)).json["action"]
    for value in (1, 0, _AMOUNT, 99_000):
        await walker.notice(await walker.foreign(order, amount=_money(value)), ["foreign"])
    wrong = await walker.foreign(order, amount=_money(1), paymentMethod="gopay_wallet")
    await walker.notice(wrong, ["foreign"])
    await walker.status(order, "awaiting_shopper")
    expect(await walker.events(order), [], "events before our shopper pays")
    await walker.shopper(action, "approve_without_return")
    payment = await walker.status(order, "authorised")
    expect(payment["captured"], _AMOUNT, "captured")


async def result_of_another(walker: Walker) -> None:
    """The result of a cheap payment is used at an expensive one, which stays unpaid."""
    cheap, expensive = reference("cheap"), reference("expensive")
    links = {
        order: await walker.link(order, amount=_money(value))
        for order, value in ((cheap, 1), (expensive, 900_000))
    }
    pages = {order: await walker.wallet_of(link) for order, link in links.items()}
    body = {"url": pages[cheap], "do": "approve"}
    query = urlsplit((await walker.twin("POST", "/twin/wallet", body))["location"]).query
    payment = (await walker.newest(expensive))["id"]
    await walker.visit("GET", f"/pay/{links[expensive]['id']}/return/{payment}?{query}")
    await walker.status(cheap, "authorised")
    await walker.status(expensive, "awaiting_shopper")
    for order, wanted in ((cheap, "completed"), (expensive, "active")):
        link = await walker.call("GET", f"/v72/paymentLinks/{links[order]['id']}")
        expect(link.json["status"], wanted, "a link's status")


async def late_money(walker: Walker) -> None:
    """Money arrives after the end, and nothing proves whose it is: held, with an event."""
    order = reference("late")
    action = (await walker.pay(order)).json["action"]
    await walker.shopper(action, "refuse")
    await walker.status(order, "refused")
    psp = await walker.foreign(order, paymentMethod="gopay_wallet")
    held = await walker.notice(psp, ["held"])
    expect(bool(held["why"]), True, "a reason")

    async def types() -> list[str]:
        return [event["type"] for event in await walker.events(order)]

    await until(types, lambda found: "payment.needs_attention" in found, "an event")
    expect((await walker.newest(order))["status"], "refused", "the payment")


def _money(value: int) -> dict[str, Any]:
    return {"currency": "IDR", "value": value}


JOURNEYS: Final = {
    "strangers pay under our reference": stranger_pays,
    "a result taken to another payment": result_of_another,
    "late money is held and told": late_money,
}

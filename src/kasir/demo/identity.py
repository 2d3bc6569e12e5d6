"""Journeys on a merchant account that other systems also use: no payment gets another's money."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from kasir.demo.client import JourneyClient, expect, reference, until

_AMOUNT: Final = 25_000


async def others_pay(client: JourneyClient) -> None:
    """Others pay various amounts under our reference: our payment waits for our own shopper."""
    order = reference("others")
    action = (await client.pay(order)).json["action"]
    for value in (1, 0, _AMOUNT, 99_000):
        await client.notice(await client.foreign(order, amount=_money(value)), ["foreign"])
    # Our payment method, but another amount.
    psp_reference = await client.foreign(order, amount=_money(1), paymentMethod="gopay_wallet")
    await client.notice(psp_reference, ["foreign"])
    await client.status(order, "awaiting_shopper")
    expect(await client.events(order), [], "events before our shopper pays")
    await client.shopper(action, "approve_without_return")
    payment = await client.status(order, "authorised")
    expect(payment["captured"], _AMOUNT, "captured")


async def result_of_another(client: JourneyClient) -> None:
    """The result of a cheap payment is used for an expensive one, which stays unpaid."""
    cheap, expensive = reference("cheap"), reference("expensive")
    links = {
        order: await client.link(order, amount=_money(value))
        for order, value in ((cheap, 1), (expensive, 900_000))
    }
    pages = {order: await client.wallet_of(link) for order, link in links.items()}
    body = {"url": pages[cheap], "do": "approve"}
    query = urlsplit((await client.twin("POST", "/twin/wallet", body))["location"]).query
    payment = (await client.newest(expensive))["id"]
    await client.visit("GET", f"/pay/{links[expensive]['id']}/return/{payment}?{query}")
    await client.status(cheap, "authorised")
    await client.status(expensive, "awaiting_shopper")
    for order, wanted in ((cheap, "completed"), (expensive, "active")):
        link = await client.call("GET", f"/v72/paymentLinks/{links[order]['id']}")
        expect(link.json["status"], wanted, "a link's status")


async def late_money(client: JourneyClient) -> None:
    """Money arrives after a refusal, without proof of its payment: it is held, with an event."""
    order = reference("late")
    action = (await client.pay(order)).json["action"]
    await client.shopper(action, "refuse")
    await client.status(order, "refused")
    psp = await client.foreign(order, paymentMethod="gopay_wallet")
    held = await client.notice(psp, ["held"])
    expect(bool(held["why"]), True, "a reason")

    async def types() -> list[str]:
        return [event["type"] for event in await client.events(order)]

    await until(types, lambda event_types: "payment.needs_attention" in event_types, "an event")
    expect((await client.newest(order))["status"], "refused", "the payment")


def _money(value: int) -> dict[str, Any]:
    return {"currency": "IDR", "value": value}


JOURNEYS: Final = {
    "others pay under our reference": others_pay,
    "a result sent for another payment": result_of_another,
    "late money is held, with an event": late_money,
}

"""Journeys on a merchant account that others use too: whose money is it?"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from kasir.demo.walker import Walker, expect, reference, until

_AMOUNT: Final = 25_000
_WORKS: Final = 201


async def stranger_pays(walker: Walker) -> None:
    """Others pay under our reference, in any amount, before our shopper does: ours stays unpaid."""
    order = reference("stranger")
    action = (await walker.pay(order)).json["action"]
    for value in (1, 0, _AMOUNT, 99_000):
        amount = {"currency": "IDR", "value": value}
        await walker.notice(await walker.foreign(order, amount=amount), ["foreign"])
    wrong = await walker.foreign(
        order, amount={"currency": "IDR", "value": 1}, paymentMethod="gopay_wallet"
    )
    await walker.notice(wrong, ["foreign"])
    await walker.status(order, "awaiting_shopper")
    expect(await walker.events(order), [], "events before our shopper pays")
    await walker.shopper(action, "approve_without_return")
    payment = await walker.status(order, "authorised")
    expect(payment["captured"], _AMOUNT, "captured")


async def result_of_another(walker: Walker) -> None:
    """A cheap payment's result is taken to a dear one's address: the dear one stays unpaid."""
    cheap, dear = reference("cheap"), reference("dear")
    cheap_id, cheap_url = await _started(walker, cheap, 1)
    dear_id, _ = await _started(walker, dear, 900_000)
    body = {"url": cheap_url, "do": "approve"}
    query = urlsplit((await walker.twin("POST", "/twin/wallet", body))["location"]).query
    payment = (await walker.newest(dear))["id"]
    await walker.visit("GET", f"/pay/{dear_id}/return/{payment}?{query}")
    await walker.status(cheap, "authorised")
    await walker.status(dear, "awaiting_shopper")
    for link_id, wanted in ((cheap_id, "completed"), (dear_id, "active")):
        link = await walker.call("GET", f"/v72/paymentLinks/{link_id}")
        expect(link.json["status"], wanted, f"the link of {wanted}")


async def late_money(walker: Walker) -> None:
    """Money comes after the end, and nothing says that it is ours: held, shown, told."""
    order = reference("late")
    action = (await walker.pay(order)).json["action"]
    await walker.shopper(action, "refuse")
    await walker.status(order, "refused")
    psp = await walker.foreign(order, paymentMethod="gopay_wallet")
    held = await walker.notice(psp, ["held"])
    expect(bool(held["why"]), True, "a reason")

    async def told() -> list[str]:
        return [event["type"] for event in await walker.events(order)]

    await until(told, lambda types: "payment.needs_attention" in types, "an event")
    expect((await walker.newest(order))["status"], "refused", "the payment")


async def _started(walker: Walker, order: str, value: int) -> tuple[str, str]:
    """A link whose form was opened and whose button was pressed; its id, and the wallet's page."""
    body = {
        "reference": order,
        "amount": {"currency": "IDR", "value": value},
        "returnUrl": f"https://shop.example/return?order={order}",
    }
    made = await walker.call("POST", "/v72/paymentLinks", body)
    expect(made.status, _WORKS, "making a link")
    link_id: str = made.json["id"]
    form = await walker.visit("GET", f"/pay/{link_id}")
    attempt = form.partition('name="attempt" value="')[2].partition('"')[0]
    page = await walker.visit("POST", f"/pay/{link_id}", {"attempt": attempt})
    return link_id, page


JOURNEYS: Final = {
    "strangers pay under our reference": stranger_pays,
    "a result taken to another payment": result_of_another,
    "late money is held and told": late_money,
}

"""Journeys of subscriptions: a year in seconds, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kasir.demo.client import BROWSER_INFO, Walker, expect, reference, until

DAY_S: Final = 86_400
_YEAR_DAYS: Final = 365
MONTH_DAYS: Final = 31
_AMOUNT: Final = 50_000
_CREATED: Final = 201
_SETTLED_S: Final = 60  # The twin tells of a token when its payment has settled.
_TWELVE: Final = 12


async def a_year(walker: Walker) -> None:
    """Subscribe; the clock goes a year on; twelve charges, in order, each told by webhook."""
    order = reference("year")
    it = await subscribed(walker, order)
    await walker.advance(_YEAR_DAYS * DAY_S)
    it = await renewed(walker, it, _TWELVE)
    expect([one["period"] for one in it["renewals"]], [*range(2, 14)], "the periods, in order")
    charges = [await _charges(walker, one["reference"]) for one in it["renewals"]]
    expect(charges, [1] * _TWELVE, "charges at the twin, per period")
    told = [event["type"] for event in await walker.events(order)]
    expect(told.count("renewal.succeeded"), _TWELVE, "events of success")


async def no_balance(walker: Walker) -> None:
    """No balance in month 3: past due, asked again on day 1 and day 3, and recovered."""
    order = reference("no-balance")
    it = await subscribed(walker, order)
    await walker.advance(2 * MONTH_DAYS * DAY_S)
    await renewed(walker, it, 2)
    await set_wallet(walker, it, {"state": "no_balance"})
    await walker.advance(MONTH_DAYS * DAY_S)
    await standing(walker, it, "past_due")
    await walker.advance(DAY_S)
    await standing(walker, it, "past_due")
    await set_wallet(walker, it, {"state": "ok"})
    await walker.advance(2 * DAY_S)
    await standing(walker, it, "active")
    it = await renewed(walker, it, 3)
    told = {event["type"] for event in await walker.events(order)}
    wanted = {"subscription.past_due", "renewal.failed", "subscription.recovered"}
    expect(wanted - told, set(), "events that are missing")


async def relinked(walker: Walker) -> None:
    """The token is disabled: the shopper is asked to link again, pays what is owed, and is back."""
    order = reference("relink")
    it = await subscribed(walker, order)
    await disabled(walker, it)
    await walker.advance(MONTH_DAYS * DAY_S)
    it = await standing(walker, it, "past_due")
    link = it["renewals"][-1]["linkUrl"]
    expect(f"{walker.made.kasir_url}/pay/" in link, True, "a link to pay and link again")
    body = {"channel": "Web", "browserInfo": BROWSER_INFO, "returnUrl": _back(order)}
    reply = await walker.call("POST", f"/api/subscriptions/{it['id']}/payment", body)
    await walker.details(await walker.shopper(reply.json["action"], "approve"))
    await standing(walker, it, "active")
    await walker.advance(MONTH_DAYS * DAY_S)
    await renewed(walker, it, 2)


async def cancelled_at_period_end(walker: Walker) -> None:
    """Cancelled at the end of the period: paid for until then, and charged no more."""
    order = reference("cancel-end")
    it = await subscribed(walker, order)
    path = f"/api/subscriptions/{it['id']}/cancel"
    reply = await walker.call("POST", path, {"at": "periodEnd"})
    expect((reply.status, reply.json["status"]), (200, "active"), "until then")
    await walker.advance(2 * MONTH_DAYS * DAY_S)
    it = await standing(walker, it, "cancelled")
    expect(it.get("renewals", []), [], "renewals")


async def paused_and_resumed(walker: Walker) -> None:
    """Paused for two months, nothing is charged; resumed, a new period begins at once."""
    order = reference("pause")
    it = await subscribed(walker, order)
    await walker.call("POST", f"/api/subscriptions/{it['id']}/pause")
    await walker.advance(2 * MONTH_DAYS * DAY_S)
    it = await standing(walker, it, "paused")
    expect(it.get("renewals", []), [], "renewals while paused")
    reply = await walker.call("POST", f"/api/subscriptions/{it['id']}/resume")
    expect((reply.status, reply.json["status"]), (200, "active"), "resumed")
    await renewed(walker, it, 1)


async def amount_changed(walker: Walker) -> None:
    """Another amount from the next period on."""
    order = reference("amount")
    it = await subscribed(walker, order)
    change = {"amount": {"currency": "IDR", "value": 75_000}}
    await walker.call("PATCH", f"/api/subscriptions/{it['id']}", change)
    await walker.advance(MONTH_DAYS * DAY_S)
    it = await renewed(walker, it, 1)
    truth = await walker.twin("GET", f"/twin/payments?reference={it['renewals'][0]['reference']}")
    expect(truth["payments"][0]["amount"]["value"], 75_000, "the amount at the twin")


async def subscribed(walker: Walker, order: str, **plan: Any) -> dict[str, Any]:
    """A subscription whose first period is paid and whose token is there."""
    made = await walker.call("POST", "/api/plans", plan_of(order, **plan))
    expect(made.status, _CREATED, "the plan")
    body = {
        "plan": made.json["id"],
        "reference": order,
        "shopperReference": f"shopper-{order}",
        "returnUrl": _back(order),
        "channel": "Web",
        "browserInfo": BROWSER_INFO,
    }
    reply = await walker.call("POST", "/api/subscriptions", body, key=order)
    expect((reply.status, reply.json["status"]), (_CREATED, "incomplete"), "the sign-up")
    await walker.details(await walker.shopper(reply.json["payment"]["action"], "approve"))
    await walker.advance(_SETTLED_S)
    return await standing(walker, reply.json, "trialing" if plan.get("trialDays") else "active")


def plan_of(order: str, **more: Any) -> dict[str, Any]:
    """A plan of 50,000 rupiah a month."""
    return {
        "reference": f"plan-{order}",
        "amount": {"currency": "IDR", "value": _AMOUNT},
        "interval": {"unit": "month", "count": 1},
        **more,
    }


async def standing(walker: Walker, it: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """Wait until a subscription stands where it should; give it."""

    async def look() -> dict[str, Any]:
        found: dict[str, Any] = (await walker.call("GET", f"/api/subscriptions/{it['id']}")).json
        return found

    return await until(look, lambda found: found["status"] == wanted, f"status {wanted}")


async def renewed(walker: Walker, it: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Wait until a subscription has that many renewals, all of them paid; give it."""

    async def look() -> dict[str, Any]:
        found: dict[str, Any] = (await walker.call("GET", f"/api/subscriptions/{it['id']}")).json
        return found

    def is_paid(found: dict[str, Any]) -> bool:
        paid = [one["status"] for one in found.get("renewals", [])]
        return paid == ["authorised"] * count

    return await until(look, is_paid, f"{count} renewals paid")


async def disabled(walker: Walker, it: Mapping[str, Any]) -> None:
    """Have the shopper's tokens disabled at the twin, and wait until Kasir has heard of it."""
    of_shopper = await walker.twin("GET", f"/twin/tokens?shopperReference={_shopper(it)}")
    for token in of_shopper["tokens"]:
        path = f"/twin/tokens/{token['storedPaymentMethodId']}"
        await walker.twin("POST", path, {"do": "disable"})

    async def look() -> list[str]:
        told = (await walker.every_event())[-20:]
        gone = [event["data"] for event in told if event["type"] == "token.disabled"]
        return [data["shopperReference"] for data in gone]

    await until(look, lambda gone: _shopper(it) in gone, "token.disabled")


async def _charges(walker: Walker, order: str) -> int:
    truth = await walker.twin("GET", f"/twin/payments?reference={order}")
    return len(truth["payments"])


async def set_wallet(walker: Walker, it: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    """Change what the shopper's wallet can do at the twin."""
    await walker.twin("PUT", f"/twin/wallets/{_shopper(it)}", change)


def _shopper(it: Mapping[str, Any]) -> str:
    return str(it["shopperReference"])


def _back(order: str) -> str:
    return f"https://shop.example/return?order={order}"


JOURNEYS: Final = {
    "subscription: a year in seconds": a_year,
    "subscription: no balance, recovered on day 3": no_balance,
    "subscription: token disabled, relinked": relinked,
    "subscription: cancelled at period end": cancelled_at_period_end,
    "subscription: paused and resumed": paused_and_resumed,
    "subscription: amount changed": amount_changed,
}

"""Journeys of subscriptions: a year of renewals, a refusal, a new token, a cancel, a pause."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from kasir.demo.client import BROWSER_INFO, JourneyClient, expect, reference, until

DAY_S: Final = 86_400
_YEAR_DAYS: Final = 365
MONTH_DAYS: Final = 31
_AMOUNT: Final = 50_000
_CREATED: Final = 201
_SETTLED_S: Final = 60  # The twin sends the token webhook when the payment has settled.
_RENEWALS_A_YEAR: Final = 12


async def a_year(client: JourneyClient) -> None:
    """Subscribe and advance the clock by a year: twelve charges, in order, an event for each."""
    order = reference("year")
    subscription = await subscribed(client, order)
    await client.advance(_YEAR_DAYS * DAY_S)
    subscription = await renewed(client, subscription, _RENEWALS_A_YEAR)
    expect(
        [renewal["period"] for renewal in subscription["renewals"]],
        [*range(2, 2 + _RENEWALS_A_YEAR)],  # The sign-up paid period 1.
        "the periods, in order",
    )
    references = [renewal["reference"] for renewal in subscription["renewals"]]
    charges = [await _count_charges(client, name) for name in references]
    expect(charges, [1] * _RENEWALS_A_YEAR, "charges at the twin, per period")
    types = [event["type"] for event in await client.events(order)]
    expect(types.count("renewal.succeeded"), _RENEWALS_A_YEAR, "events of success")


async def no_balance(client: JourneyClient) -> None:
    """No balance in month 3: past due, charged again on day 1 and day 3, and recovered."""
    order = reference("no-balance")
    subscription = await subscribed(client, order)
    await client.advance(2 * MONTH_DAYS * DAY_S)
    await renewed(client, subscription, 2)
    await set_wallet(client, subscription, {"state": "no_balance"})
    await client.advance(MONTH_DAYS * DAY_S)
    await in_state(client, subscription, "past_due")
    await client.advance(DAY_S)
    await in_state(client, subscription, "past_due")
    await set_wallet(client, subscription, {"state": "ok"})
    await client.advance(2 * DAY_S)
    await in_state(client, subscription, "active")
    subscription = await renewed(client, subscription, 3)
    types = {event["type"] for event in await client.events(order)}
    wanted = {"subscription.past_due", "renewal.failed", "subscription.recovered"}
    expect(wanted - types, set(), "events that are missing")


async def relinked(client: JourneyClient) -> None:
    """The token is disabled; the shopper saves the wallet again by paying: active again."""
    order = reference("relink")
    subscription = await subscribed(client, order)
    await disabled(client, subscription)
    await client.advance(MONTH_DAYS * DAY_S)
    subscription = await in_state(client, subscription, "past_due")
    link = subscription["renewals"][-1]["linkUrl"]
    expect(f"{client.made.kasir_url}/pay/" in link, True, "a link to pay and link again")
    body = {"channel": "Web", "browserInfo": BROWSER_INFO, "returnUrl": _return_url(order)}
    reply = await client.call("POST", f"/api/subscriptions/{subscription['id']}/payment", body)
    await client.details(await client.shopper(reply.json["action"], "approve"))
    await in_state(client, subscription, "active")
    await client.advance(MONTH_DAYS * DAY_S)
    await renewed(client, subscription, 2)


async def cancelled_at_period_end(client: JourneyClient) -> None:
    """Cancelled at period end: active until then, and not charged again."""
    order = reference("cancel-end")
    subscription = await subscribed(client, order)
    path = f"/api/subscriptions/{subscription['id']}/cancel"
    reply = await client.call("POST", path, {"at": "periodEnd"})
    expect((reply.status, reply.json["status"]), (200, "active"), "until then")
    await client.advance(2 * MONTH_DAYS * DAY_S)
    subscription = await in_state(client, subscription, "cancelled")
    expect(subscription.get("renewals", []), [], "renewals")


async def paused_and_resumed(client: JourneyClient) -> None:
    """During a pause of two months nothing is charged; on resume a new period begins at once."""
    order = reference("pause")
    subscription = await subscribed(client, order)
    await client.call("POST", f"/api/subscriptions/{subscription['id']}/pause")
    await client.advance(2 * MONTH_DAYS * DAY_S)
    subscription = await in_state(client, subscription, "paused")
    expect(subscription.get("renewals", []), [], "renewals while paused")
    reply = await client.call("POST", f"/api/subscriptions/{subscription['id']}/resume")
    expect((reply.status, reply.json["status"]), (200, "active"), "resumed")
    await renewed(client, subscription, 1)


async def amount_changed(client: JourneyClient) -> None:
    """A changed amount is charged from the next period on."""
    order = reference("amount")
    subscription = await subscribed(client, order)
    change = {"amount": {"currency": "IDR", "value": 75_000}}
    await client.call("PATCH", f"/api/subscriptions/{subscription['id']}", change)
    await client.advance(MONTH_DAYS * DAY_S)
    subscription = await renewed(client, subscription, 1)
    at_twin = await client.twin(
        "GET", f"/twin/payments?reference={subscription['renewals'][0]['reference']}"
    )
    expect(at_twin["payments"][0]["amount"]["value"], 75_000, "the amount at the twin")


async def subscribed(client: JourneyClient, order: str, **plan: Any) -> dict[str, Any]:
    """Sign a shopper up; return the subscription, once the first period is paid."""
    plan_reply = await client.call("POST", "/api/plans", plan_of(order, **plan))
    expect(plan_reply.status, _CREATED, "the plan")
    body = {
        "plan": plan_reply.json["id"],
        "reference": order,
        "shopperReference": f"shopper-{order}",
        "returnUrl": _return_url(order),
        "channel": "Web",
        "browserInfo": BROWSER_INFO,
    }
    reply = await client.call("POST", "/api/subscriptions", body, key=order)
    expect((reply.status, reply.json["status"]), (_CREATED, "incomplete"), "the sign-up")
    await client.details(await client.shopper(reply.json["payment"]["action"], "approve"))
    await client.advance(_SETTLED_S)
    return await in_state(client, reply.json, "trialing" if plan.get("trialDays") else "active")


def plan_of(order: str, **more: Any) -> dict[str, Any]:
    """Return the request for a plan of 50,000 rupiah a month."""
    return {
        "reference": f"plan-{order}",
        "amount": {"currency": "IDR", "value": _AMOUNT},
        "interval": {"unit": "month", "count": 1},
        **more,
    }


async def in_state(
    client: JourneyClient, subscription: Mapping[str, Any], wanted: str
) -> dict[str, Any]:
    """Wait until a subscription has this status; return the subscription."""
    read = partial(_read_subscription, client, subscription)
    return await until(
        read, lambda subscription_now: subscription_now["status"] == wanted, f"status {wanted}"
    )


async def renewed(
    client: JourneyClient, subscription: Mapping[str, Any], count: int
) -> dict[str, Any]:
    """Wait until a subscription has `count` renewals, all paid; return the subscription."""

    def is_paid(subscription_now: dict[str, Any]) -> bool:
        statuses = [renewal["status"] for renewal in subscription_now.get("renewals", [])]
        return statuses == ["authorised"] * count

    read = partial(_read_subscription, client, subscription)
    return await until(read, is_paid, f"{count} renewals paid")


async def _read_subscription(
    client: JourneyClient, subscription: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the subscription as the API shows it now."""
    reply = await client.call("GET", f"/api/subscriptions/{subscription['id']}")
    subscription_now: dict[str, Any] = reply.json
    return subscription_now


async def disabled(client: JourneyClient, subscription: Mapping[str, Any]) -> None:
    """Disable the shopper's tokens at the twin, and wait for Kasir's event."""
    of_shopper = await client.twin("GET", f"/twin/tokens?shopperReference={_shopper(subscription)}")
    for token in of_shopper["tokens"]:
        path = f"/twin/tokens/{token['storedPaymentMethodId']}"
        await client.twin("POST", path, {"do": "disable"})

    async def read() -> list[str]:
        newest = (await client.every_event())[-20:]
        disabled_tokens = [event["data"] for event in newest if event["type"] == "token.disabled"]
        return [token["shopperReference"] for token in disabled_tokens]

    await until(read, lambda shoppers: _shopper(subscription) in shoppers, "token.disabled")


async def _count_charges(client: JourneyClient, order: str) -> int:
    """Count the payments of a reference at the twin."""
    at_twin = await client.twin("GET", f"/twin/payments?reference={order}")
    return len(at_twin["payments"])


async def set_wallet(
    client: JourneyClient, subscription: Mapping[str, Any], change: Mapping[str, Any]
) -> None:
    """Change what the shopper's wallet can do at the twin."""
    await client.twin("PUT", f"/twin/wallets/{_shopper(subscription)}", change)


def _shopper(subscription: Mapping[str, Any]) -> str:
    return str(subscription["shopperReference"])


def _return_url(order: str) -> str:
    return f"https://shop.example/return?order={order}"


JOURNEYS: Final = {
    "subscription: a year in seconds": a_year,
    "subscription: no balance, recovered on day 3": no_balance,
    "subscription: token disabled, relinked": relinked,
    "subscription: cancelled at period end": cancelled_at_period_end,
    "subscription: paused and resumed": paused_and_resumed,
    "subscription: amount changed": amount_changed,
}

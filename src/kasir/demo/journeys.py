"""The journeys of `kasir demo --check`: everything that Kasir does, over real HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from kasir.demo import (
    desk_check,
    doctor_check,
    ends,
    field_faults,
    identity,
    node_library,
    reconciled,
    relayed,
    renewal_run,
    saved,
    setup_check,
    shop_look,
    subscription_commands,
    subscriptions,
    sums,
    two_accounts,
)
from kasir.demo.client import JourneyClient, JourneyError, NotRun, expect, reference, until
from kasir.demo.processes import RunningDemo

Journey = Callable[[JourneyClient], Awaitable[None]]


async def methods_listed(client: JourneyClient) -> None:
    """GoPay is listed when the request has only a channel and a value."""
    reply = await client.call(
        "POST", "/v72/paymentMethods", {"channel": "Web", "amount": {"value": 25_000}}
    )
    types = [method["type"] for method in reply.json["paymentMethods"]]
    expect("gopay_wallet" in types, True, f"GoPay among {types}")


async def approved(client: JourneyClient) -> None:
    """The shopper pays: `/payments/details` reports it, and the notification confirms it."""
    order = reference("approved")
    action = (await client.pay(order)).json["action"]
    reply = await client.details(await client.shopper(action, "approve"))
    expect(reply.json["resultCode"], "Authorised", "the result code")
    payment = await client.status(order, "authorised")
    expect(payment["captured"], 25_000, "captured")


async def refused(client: JourneyClient) -> None:
    """The wallet refuses the payment."""
    order = reference("refused")
    action = (await client.pay(order)).json["action"]
    reply = await client.details(await client.shopper(action, "refuse"))
    expect(reply.json["resultCode"], "Refused", "the result code")
    expect((await client.status(order, "refused"))["captured"], 0, "captured")


async def cancelled(client: JourneyClient) -> None:
    """The shopper cancels at the wallet."""
    order = reference("cancelled")
    action = (await client.pay(order)).json["action"]
    reply = await client.details(await client.shopper(action, "cancel"))
    expect(reply.json["resultCode"], "Cancelled", "the result code")
    await client.status(order, "cancelled")


async def never_returned(client: JourneyClient) -> None:
    """The shopper pays and closes the page: the notification alone completes the payment."""
    order = reference("no-return")
    action = (await client.pay(order)).json["action"]
    await client.shopper(action, "approve_without_return")
    await client.status(order, "authorised")


async def returned_twice(client: JourneyClient) -> None:
    """The return page is loaded twice: both times the reply is the same, never error 704."""
    order = reference("twice")
    action = (await client.pay(order)).json["action"]
    result = await client.shopper(action, "approve")
    first, second = await client.details(result), await client.details(result)
    expect((second.status, second.json), (first.status, first.json), "the second answer")
    expect(second.json["resultCode"], "Authorised", "the result code")


async def same_key_twice(client: JourneyClient) -> None:
    """The shop sends a key twice: one payment, one reply. With another body it is refused."""
    order = reference("same-key")
    first = await client.pay(order, key=order)
    second = await client.pay(order, key=order)
    expect((second.status, second.json), (first.status, first.json), "the second answer")
    other = await client.pay(order, key=order, amount={"currency": "IDR", "value": 26_000})
    expect(other.status, 422, "another body")
    at_twin = await client.twin("GET", f"/twin/payments?reference={order}")
    expect(len(at_twin["payments"]), 1, "payments at the twin")


async def link_expired(client: JourneyClient) -> None:
    """A payment link expires: its status is `expired`, and its form takes no payment."""
    link = await client.link(reference("link"))
    path = f"/v72/paymentLinks/{link['id']}"
    expect((await client.call("GET", path)).json["status"], "active", "the new link")
    # Longer than a link is valid by default.
    await client.twin("POST", "/twin/clock", {"advance_s": 25 * 3600})

    async def read() -> object:
        return (await client.call("GET", path)).json["status"]

    await until(read, lambda status: status == "expired", "an expired link")
    form = await client.call("GET", f"/pay/{link['id']}")
    expect(form.status, 410, "its form")


async def from_an_app(client: JourneyClient) -> None:
    """An app sends no browserInfo, and the shopper returns to the app's own address."""
    order = reference("app")
    body = client.payment(order, channel="Android", returnUrl=f"shop-app://return/{order}")
    del body["browserInfo"]
    reply = await client.call("POST", "/v72/payments", body)
    expect(reply.status, 200, "the status of the answer")
    reply = await client.details(await client.shopper(reply.json["action"], "approve"))
    expect(reply.json["resultCode"], "Authorised", "the result code")
    await client.status(order, "authorised")


JOURNEYS: Final[dict[str, Journey]] = {
    "methods listed": methods_listed,
    "approved": approved,
    "refused": refused,
    "cancelled": cancelled,
    "paid but never returned": never_returned,
    "returned twice": returned_twice,
    "same idempotency key twice": same_key_twice,
    "link expired": link_expired,
    "an app's payment without browserInfo": from_an_app,
    **field_faults.JOURNEYS,
    **sums.JOURNEYS,
    **ends.JOURNEYS,
    **saved.JOURNEYS,
    **relayed.JOURNEYS,
    **shop_look.JOURNEYS,
    **desk_check.JOURNEYS,
    **reconciled.JOURNEYS,  # Before the doctor, who reports open cases.
    **doctor_check.JOURNEYS,
    **identity.JOURNEYS,  # After the doctor, because they leave a held notice.
    **two_accounts.JOURNEYS,  # After the doctor, who misses its token notifications.
    **subscriptions.JOURNEYS,
    **subscription_commands.JOURNEYS,
    **renewal_run.JOURNEYS,
    **node_library.JOURNEYS,
    **setup_check.JOURNEYS,  # Last, because the webhook sends one event more from then on.
}


async def run_all(demo: RunningDemo) -> int:
    """Run every journey and print a row for each; 0 if none failed, 1 if not.

    The last line counts the journeys that were not run, because a program is not installed.

    During a journey the twin gives no more information than Adyen must give. After the journey,
    another system on the merchant account sends notifications with the journey's reference.
    """
    failures = not_run = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=demo.tls or True)) as http:
        client = JourneyClient(demo, http)
        for name, journey in JOURNEYS.items():
            await client.knobs()
            try:
                await journey(client)
                await client.faults()
                await client.other_system()
            except NotRun as reason:
                not_run += 1
                print(f"skip  {name}: not run, {reason}", flush=True)
            except (JourneyError, aiohttp.ClientError, KeyError, TimeoutError) as error:
                failures += 1
                print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)
            else:
                print(f"ok    {name}", flush=True)
            await client.faults()
    passed = len(JOURNEYS) - failures - not_run
    print(f"{passed} of {len(JOURNEYS)} journeys{f', {not_run} not run' if not_run else ''}")
    return 1 if failures else 0

"""A journey of two merchant accounts whose shops use the same references and idempotency keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kasir.demo.client import JourneyClient, expect, reference, until
from kasir.demo.processes import SECOND_ACCOUNT

#: The settings that the second account has in common with the first: the twin has one key of each.
_SHARED: Final = (
    "ADYEN_API_KEY",
    "ADYEN_HMAC_KEY",
    "ADYEN_TOKEN_HMAC_KEY",
    "KASIR_WEBHOOK_USER",
    "KASIR_WEBHOOK_PASSWORD",
)
_AMOUNT: Final = {"currency": "IDR", "value": 30_000}


async def nothing_crosses(client: JourneyClient) -> None:
    """Two accounts pay under one reference and one key; each sees and changes only its own."""
    other = await _with_second_account(client)
    try:
        await _pay_in_both(client, other)
    finally:
        await client.kasir("account", "disable", SECOND_ACCOUNT)


async def _pay_in_both(client: JourneyClient, other: JourneyClient) -> None:
    order = reference("two-accounts")
    ours, theirs = await client.pay(order, key=order), await other.pay(order, key=order)
    expect((ours.status, theirs.status), (200, 200), "the payments of both accounts")
    named = await other.pay(order, merchantAccount=client.payment(order)["merchantAccount"])
    expect((named.status, named.json["errorCode"]), (403, "901"), "the first account's name")

    await client.shopper(ours.json["action"], "approve_without_return")
    ours_paid = await client.status(order, "authorised")
    expect((await other.newest(order))["status"], "awaiting_shopper", "the second's payment")
    await other.shopper(theirs.json["action"], "refuse")
    theirs_refused = await other.status(order, "refused")

    expect([*await _ids(client, order)], [ours_paid["id"]], "the first account's payments")
    expect([*await _ids(other, order)], [theirs_refused["id"]], "the second account's payments")
    read = await other.call("GET", f"/api/payments/{ours_paid['id']}")
    expect(read.status, 404, "the first account's payment, read with the second's key")
    refund = await other.call(
        "POST",
        f"/v72/payments/{ours_paid['pspReference']}/refunds",
        {
            "merchantAccount": SECOND_ACCOUNT,
            "amount": ours_paid["amount"],
            "reference": order,
        },
    )
    expect(400 <= refund.status < 500, True, "the second's refund of it is refused")  # noqa: PLR2004
    expect((await client.newest(order)).get("refunded", 0), 0, "refunded by the first account")
    names = [event["type"] for event in await other.events(order)]
    expect([name for name in names if "authorised" in name], [], "the first account's events")


JOURNEYS: Final = {"two accounts, same references, nothing crosses": nothing_crosses}


async def _ids(client: JourneyClient, order: str) -> list[str]:
    reply = await client.call("GET", f"/api/payments?reference={order}")
    return [payment["id"] for payment in reply.json["payments"]]


async def _with_second_account(client: JourneyClient) -> JourneyClient:
    """Add the second account, or enable it; return the client of its shop."""
    shared = [name for name in _SHARED if client.made.environment.get(name)]
    listed = await client.kasir("account", "list")
    if SECOND_ACCOUNT in listed:
        await client.kasir("account", "change", SECOND_ACCOUNT, *shared, "--enable")
    else:
        await client.kasir("account", "add", SECOND_ACCOUNT, *shared)
    name = reference("shop")
    key = (await client.kasir("apikey", "create", name, "--account", SECOND_ACCOUNT)).split()[-1]
    environment = {
        **client.made.environment,
        "ADYEN_MERCHANT_ACCOUNT": SECOND_ACCOUNT,
        "KASIR_API_KEY": key,
    }
    other = JourneyClient(replace(client.made, environment=environment), client.http)

    async def status() -> int:
        return (await other.call("GET", "/api/plans")).status

    await until(status, lambda found: found == 200, "the server has the account")  # noqa: PLR2004
    return other

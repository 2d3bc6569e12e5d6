"""A journey of Adyen's reports: a batch is closed, and its report agrees with Kasir."""

from __future__ import annotations

from typing import Any, Final

from kasir.demo.client import JourneyClient, expect, reference, until

_GROSS: Final = 25_000
_REFUND: Final = 10_000
#: The twin's commission of GoPay, in percent.
_COMMISSION: Final = 2
#: From the close of a batch until its reports are announced, with some time to spare.
_REPORTED_S: Final = 3 * 3600


async def reconciled(client: JourneyClient) -> None:
    """A batch of every payment so far is paid out: its report is fetched and opens no case."""
    order = reference("reconciled")
    action = (await client.pay(order)).json["action"]
    await client.details(await client.shopper(action, "approve"))
    payment = await client.status(order, "authorised")
    body = {
        "merchantAccount": client.made.environment["ADYEN_MERCHANT_ACCOUNT"],
        "amount": {"currency": "IDR", "value": _REFUND},
    }
    await client.call("POST", f"/v72/payments/{payment['pspReference']}/refunds", body)
    await client.wait_for_sum(order, "refunded", _REFUND)
    closed = (await client.twin("POST", "/twin/reports/close"))["reports"]
    name = next(each["name"] for each in closed if each["kind"] == "settlement_details")
    await client.advance(_REPORTED_S)

    async def read() -> dict[str, Any]:
        reply = await client.call("GET", f"/api/payments/{payment['id']}")
        payout: dict[str, Any] = reply.json.get("payout", {})
        return payout

    payout = await until(read, lambda found: "batch" in found, f"the payout of {name}")
    net = _GROSS - _GROSS * _COMMISSION // 100 - _REFUND
    expect(payout["net"]["value"], net, "what was paid out for the payment")
    (batch,) = (await client.call("GET", f"/api/payouts/{payout['batch']}")).json["payouts"]
    expect((batch["report"], batch["addsUp"]), (name, True), "the batch")
    cases = (await client.call("GET", "/api/cases?state=open")).json["cases"]
    expect([(case["kind"], case["reason"]) for case in cases], [], "open cases")


JOURNEYS: Final = {"a batch is reconciled with its report": reconciled}

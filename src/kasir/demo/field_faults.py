"""Journeys through faults seen in production: webhooks out of order, lost replies, refunds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kasir.demo.client import JourneyClient, Reply, expect, reference, until

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_AMOUNT: Final = 25_000


async def duplicate_webhook(client: JourneyClient) -> None:
    """The same notification arrives three times: one payment, paid once, one event to the shop."""
    order = reference("duplicate")
    # Two copies, in addition to the first notification.
    await client.faults({"fault": "duplicate_notice", "reference": order, "copies": 2})
    payment = await _pay_and_approve(client, order)
    expect(payment["captured"], _AMOUNT, "captured")
    await _wait_for_deliveries(client, order, 3)
    types = [event["type"] for event in await client.events(order)]
    expect(types, ["payment.authorised"], "events")


async def false_then_true(client: JourneyClient) -> None:
    """A refusal is notified, then a success: the payment is authorised, with only that event."""
    order = reference("false-true")
    # The two notifications have different pspReferences, so only our own id shows which payment the
    # second one belongs to.
    await client.knobs(authorisationMetadata=True)
    await client.faults({"fault": "false_then_true", "reference": order})
    action = (await client.pay(order)).json["action"]
    await client.shopper(action, "approve_without_return")
    await client.status(order, "authorised")
    types = [event["type"] for event in await client.events(order)]
    expect(types, ["payment.authorised"], "events")


async def webhook_first(client: JourneyClient) -> None:
    """The notification arrives before the reply to `/payments/details`."""
    order = reference("webhook-first")
    fault = {"fault": "notice_before_reply", "call": "details", "reference": order}
    await client.faults(fault)
    action = (await client.pay(order)).json["action"]
    reply = await client.details(await client.shopper(action, "approve"))
    expect(reply.json["resultCode"], "Authorised", "the result code")
    payment = await client.status(order, "authorised")
    expect(payment["captured"], _AMOUNT, "captured")


async def reply_lost(client: JourneyClient) -> None:
    """Adyen creates the payment and its reply is lost: one payment at Adyen, not two."""
    order = reference("reply-lost")
    await client.faults({"fault": "lose_reply_after", "call": "payments", "reference": order})
    first = await client.pay(order, key=order)
    expect((first.status, first.headers.get("transient-error")), (503, "true"), "the answer")
    await client.faults()
    again = await _pay_until_answered(client, order)
    await client.shopper(again.json["action"], "approve")
    await client.status(order, "authorised")
    expect(await _payments_at_the_twin(client, order), 1, "payments at the twin")


async def twin_down(client: JourneyClient) -> None:
    """Adyen is unreachable for a minute: the status is unknown, then one payment is created."""
    order = reference("down")
    await client.faults({"fault": "lose_reply_before", "reference": order})
    first = await client.pay(order, key=order)
    expect(first.status, 503, "the answer meanwhile")
    await client.status(order, "unknown")
    await client.advance(_MINUTE_S)
    expect(await _payments_at_the_twin(client, order), 0, "payments at the twin meanwhile")
    await client.faults()
    await client.status(order, "awaiting_shopper")  # A worker repeats the call.
    again = await _pay_until_answered(client, order)
    await client.shopper(again.json["action"], "approve")
    await client.status(order, "authorised")
    expect(await _payments_at_the_twin(client, order), 1, "payments at the twin")


async def refund_full(client: JourneyClient) -> None:
    """A full refund; one rupiah more is refused before Adyen is called."""
    order = reference("refund")
    payment = await _pay_and_approve(client, order)
    reply = await _refund(client, payment, _AMOUNT, key=f"{order}-refund")
    expect((reply.status, reply.json["status"]), (201, "received"), "the answer")
    again = await _refund(client, payment, _AMOUNT, key=f"{order}-refund")
    expect(again.json, reply.json, "the answer to the same key")
    more = await _refund(client, payment, 1)
    expect((more.status, more.json["errorCode"]), (422, "137"), "one rupiah more")
    await client.wait_for_sum(order, "refunded", _AMOUNT)
    types = [event["type"] for event in await client.events(order)]
    expect(types, ["payment.authorised", "refund.succeeded"], "events")


async def refund_partial(client: JourneyClient) -> None:
    """Two partial refunds succeed, and a third is refused."""
    order = reference("refund-parts")
    payment = await _pay_and_approve(client, order)
    for _ in range(2):
        expect((await _refund(client, payment, 10_000)).status, 201, "a part")
    expect((await _refund(client, payment, 10_000)).status, 422, "a third part")
    await client.wait_for_sum(order, "refunded", 20_000)


async def refund_fails_later(client: JourneyClient) -> None:
    """A refund succeeds and fails an hour later: the sums are corrected, with an event."""
    order = reference("refund-bounced")
    await client.faults(
        {"fault": "refund_fails_later", "reference": order, "seconds": float(_HOUR_S)}
    )
    payment = await _pay_and_approve(client, order)
    await _refund(client, payment, _AMOUNT)
    await client.wait_for_sum(order, "refunded", _AMOUNT)
    await client.advance(_HOUR_S + _MINUTE_S)
    await client.wait_for_sum(order, "refunded", 0)
    types = [event["type"] for event in await client.events(order)]
    expect(types, ["payment.authorised", "refund.succeeded", "refund.failed"], "events")


async def cancel(client: JourneyClient) -> None:
    """The shop cancels a payment before the shopper pays: it cannot be paid any more."""
    order = reference("cancel")
    await client.pay(order)
    body = {"paymentReference": order}
    reply = await client.call("POST", "/v72/cancels", body, key=f"{order}-cancel")
    expect((reply.status, reply.json["status"]), (201, "received"), "the answer")
    await client.status(order, "cancelled")
    at_twin = await client.twin("GET", f"/twin/payments?reference={order}")
    expect(at_twin["payments"][0]["status"], "cancelled", "the payment at the twin")


async def abandoned(client: JourneyClient) -> None:
    """The shopper leaves a payment: Kasir cancels it at Adyen, so that it cannot be paid later."""
    order = reference("abandoned")
    await client.knobs(paymentExpiryS=10 * _HOUR_S)
    await client.pay(order)
    await client.advance(_HOUR_S + _MINUTE_S)
    await client.status(order, "cancelled")
    at_twin = await client.twin("GET", f"/twin/payments?reference={order}")
    expect(at_twin["payments"][0]["status"], "cancelled", "the payment at the twin")
    await client.knobs()


async def _pay_and_approve(client: JourneyClient, order: str) -> dict[str, Any]:
    """Pay; return the authorised payment, once its notification was read."""
    action = (await client.pay(order)).json["action"]
    await client.details(await client.shopper(action, "approve"))
    await client.status(order, "authorised")
    return await _wait_for_notification(client, order)


async def _wait_for_notification(client: JourneyClient, order: str) -> dict[str, Any]:
    """Wait until the newest payment has a fact from a notification; return the payment."""

    def is_notified(payment: dict[str, Any]) -> bool:
        return any(fact["source"] == "notification" for fact in payment["facts"])

    return await until(lambda: client.newest(order), is_notified, "a notification")


async def _refund(
    client: JourneyClient, payment: Mapping[str, Any], value: int, *, key: str | None = None
) -> Reply:
    path = f"/v72/payments/{payment['pspReference']}/refunds"
    return await client.call("POST", path, {"amount": {"currency": "IDR", "value": value}}, key=key)


async def _pay_until_answered(client: JourneyClient, order: str) -> Reply:
    """Repeat the shop's first call with the same key until the reply is 200; return the reply."""

    async def pay_again() -> Reply:
        return await client.pay(order, key=order)

    return await until(pay_again, lambda reply: reply.status == 200, "an answer")  # noqa: PLR2004


async def _payments_at_the_twin(client: JourneyClient, order: str) -> int:
    """Count the payments of a reference at the twin."""
    at_twin = await client.twin("GET", f"/twin/payments?reference={order}")
    return len(at_twin["payments"])


async def _wait_for_deliveries(client: JourneyClient, order: str, wanted: int) -> None:
    """Wait until Kasir has accepted this many notifications of a reference."""

    async def read() -> int:
        at_twin = await client.twin("GET", f"/twin/deliveries?reference={order}")
        return sum(1 for delivery in at_twin["deliveries"] if delivery["accepted"])

    await until(read, lambda count: count >= wanted, f"{wanted} deliveries")


JOURNEYS: Final = {
    "duplicate webhook": duplicate_webhook,
    "false then true": false_then_true,
    "webhook first": webhook_first,
    "reply lost after acting": reply_lost,
    "twin down for a minute": twin_down,
    "refund full": refund_full,
    "refund partial": refund_partial,
    "refund failed later": refund_fails_later,
    "cancel": cancel,
    "abandoned and closed": abandoned,
}

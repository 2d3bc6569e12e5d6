"""Journeys in which money would be paid back twice, if Kasir ignored reversals or chargebacks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from kasir.adyen.notifications import item_from
from kasir.adyen.signing import key_from_hex, sign, signed_text
from kasir.demo.client import JourneyClient, Reply, expect, reference, until

_HOUR_S: Final = 3600
_AMOUNT: Final = 25_000


async def early_reversal(client: JourneyClient) -> None:
    """While a reversal is open, the captured sum can be neither captured nor refunded again."""
    order = reference("early-reversal")
    await client.knobs(capture="manual")
    await client.faults(
        {
            "fault": "delay_notice",
            "eventCode": "CANCEL_OR_REFUND",
            "reference": order,
            "seconds": float(_HOUR_S),
        }
    )
    payment = await _pay_and_approve(client, order, additionalData={"manualCapture": "true"})
    await client.knobs()
    for change, body in (("captures", _body_with_amount()), ("reversals", {})):
        expect((await _request_change(client, payment, change, body)).status, 201, change)
    await client.wait_for_sum(order, "captured", _AMOUNT)
    again = await _request_change(client, payment, "captures", _body_with_amount())
    expect((again.status, again.json["errorCode"]), (422, "137"), "a second capture")
    refund = await _request_change(client, payment, "refunds", _body_with_amount())
    expect((refund.status, refund.json["errorCode"]), (422, "137"), "a refund meanwhile")
    held = f"{_AMOUNT} are held by a reversal whose end is not known yet"
    expect(held in refund.json["message"], True, f"what holds it, in {refund.json['message']!r}")
    await client.faults()
    await client.advance(_HOUR_S + 1)
    await client.wait_for_sum(order, "refunded", _AMOUNT)


async def charged_back(client: JourneyClient) -> None:
    """A sum that was charged back can be refunded only after the chargeback is reversed."""
    order = reference("charged-back")
    payment = await _pay_and_approve(client, order)
    dispute = secrets.token_hex(8).upper()
    await _notify(client, payment, "CHARGEBACK", dispute)
    await client.wait_for_sum(order, "chargedBack", _AMOUNT)
    refund = await _request_change(client, payment, "refunds", _body_with_amount())
    expect((refund.status, refund.json["errorCode"]), (422, "137"), "a refund")
    message = "at most 0 IDR can still be refunded"
    expect(message in refund.json["message"], True, f"what is left, in {refund.json['message']!r}")
    await _notify(client, payment, "CHARGEBACK_REVERSED", dispute)
    await client.wait_for_sum(order, "chargedBack", 0)
    refund = await _request_change(client, payment, "refunds", _body_with_amount())
    expect(refund.status, 201, "a refund after the reversal")
    await client.wait_for_sum(order, "refunded", _AMOUNT)


async def capture_then_dispute(client: JourneyClient) -> None:
    """The shop gets the events of a capture and of a dispute; the dispute has a deadline."""
    order = reference("disputed")
    await client.knobs(capture="manual")
    payment = await _pay_and_approve(client, order, additionalData={"manualCapture": "true"})
    expect(
        (await _request_change(client, payment, "captures", _body_with_amount())).status,
        201,
        "the capture",
    )
    await _wait_for_event(client, order, "capture.succeeded")
    path = f"/twin/payments/{payment['pspReference']}/disputes"
    dispute = (await client.twin("POST", path, {"reason": "No coffee"}))["pspReference"]
    await _wait_for_event(client, order, "payment.dispute_opened")
    (shown,) = (await client.newest(order))["disputes"]
    seen = (shown["reference"], shown["status"], shown["reason"], "deadline" in shown)
    expect(seen, (dispute, "open", "No coffee", True), "the dispute")
    await client.twin("POST", path, {"event": "CHARGEBACK"})
    await _wait_for_event(client, order, "payment.charged_back")
    (shown,) = (await client.newest(order))["disputes"]
    expect((shown["reference"], shown["status"]), (dispute, "charged_back"), "the same dispute")


async def _wait_for_event(client: JourneyClient, order: str, kind: str) -> None:
    """Wait until there is an event of this type."""

    async def read() -> list[str]:
        return [event["type"] for event in await client.events(order)]

    await until(read, lambda types: kind in types, f"the event {kind}")


def _body_with_amount() -> dict[str, Any]:
    """The body of a request to capture or refund the whole payment."""
    return {"amount": {"currency": "IDR", "value": _AMOUNT}}


async def _pay_and_approve(client: JourneyClient, order: str, **more: Any) -> dict[str, Any]:
    """Pay; return the authorised payment. `more` is added to the payment request."""
    action = (await client.pay(order, **more)).json["action"]
    await client.shopper(action, "approve_without_return")
    return await client.status(order, "authorised")


async def _request_change(
    client: JourneyClient, payment: Mapping[str, Any], change: str, body: Mapping[str, Any]
) -> Reply:
    path = f"/v72/payments/{payment['pspReference']}/{change}"
    return await client.call("POST", path, body)


async def _notify(
    client: JourneyClient, payment: Mapping[str, Any], code: str, dispute: str
) -> None:
    """Post the notification of a dispute as Adyen does, signed."""
    env = client.made.environment
    item: dict[str, Any] = {
        "pspReference": dispute,
        "originalReference": payment["pspReference"],
        "merchantAccountCode": env["ADYEN_MERCHANT_ACCOUNT"],
        "merchantReference": payment["reference"],
        "amount": {"currency": "IDR", "value": _AMOUNT},
        "eventCode": code,
        "eventDate": datetime.now(UTC).isoformat(timespec="seconds"),
        "paymentMethod": "gopay_wallet",
        "reason": "",
        "success": "true",
    }
    text = signed_text(item_from(json.dumps(item).encode())).encode()
    key = key_from_hex(env["ADYEN_HMAC_KEY"].split(",")[0])
    item["additionalData"] = {"hmacSignature": sign(text, key)}
    body = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    user, password = env.get("KASIR_WEBHOOK_USER", ""), env.get("KASIR_WEBHOOK_PASSWORD", "")
    auth = aiohttp.BasicAuth(user, password) if user else None
    url = f"{client.made.kasir_url}/webhooks/adyen"
    async with client.http.post(url, json=body, auth=auth) as response:
        expect(response.status, 202, f"{code} posted")


JOURNEYS: Final = {
    "reversal before the capture is notified": early_reversal,
    "charged back, and refunded too": charged_back,
    "captured, then disputed": capture_then_dispute,
}

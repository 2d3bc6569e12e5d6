"""Journeys in which a payment ends late: Adyen's webhooks are late, or a link is opened again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from kasir.demo.client import JourneyClient, expect, reference, until

_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S


async def late_webhooks(client: JourneyClient) -> None:
    """Adyen's webhooks are hours late while a shopper pays: the only event is `authorised`."""
    order = reference("behind")
    key = client.made.environment["ADYEN_HMAC_KEY"].split(",")[0]
    url = f"{client.made.kasir_url}/webhooks/adyen"
    action = (await client.pay(order)).json["action"]
    # Kasir does not serve this path, so the twin must send the notification again later.
    await client.twin("PUT", "/twin/webhooks/standard", {"url": f"{url}/shut", "hmacKey": key})
    await client.shopper(action, "approve_without_return")
    await client.advance(2.2 * _HOUR_S)
    await client.twin("PUT", "/twin/webhooks/standard", {"url": url, "hmacKey": key})
    # Kasir holds back the event of any other status for eight hours at most (`behind_max_s`).
    for hours in (0.5, 8):
        await client.advance(hours * _HOUR_S)
    await client.status(order, "authorised")
    types = [event["type"] for event in await client.events(order)]
    expect(types, ["payment.authorised"], "events")


async def link_reopened(client: JourneyClient) -> None:
    """A link is opened, left, opened the next day and paid; another link is withdrawn."""
    await client.knobs(extraEvents=[])  # The twin sends no OFFER_CLOSED.
    now = datetime.fromisoformat((await client.twin("GET", "/twin/clock"))["now"])
    expires_at = (now + timedelta(days=3)).isoformat(timespec="seconds")
    link = await client.link(reference("link-reopened"), expiresAt=expires_at)
    first = await client.wallet_of(link)
    await client.advance(_DAY_S)
    # Once Adyen has reported the end of the first attempt, money can only be the second's.
    path = f"/twin/deliveries?reference={link['reference']}"
    await until(lambda: client.twin("GET", path), lambda sent: sent["count"] > 0, "a notification")
    await client.advance(_HOUR_S / 3)
    await client.status(link["reference"], "expired")
    second = await client.wallet_of(link)
    expect(second != first, True, "another page at the wallet")
    await client.shopper({"url": second}, "approve_without_return")
    await client.status(link["reference"], "authorised")
    withdrawn = await client.link(reference("link-withdrawn"))
    await client.wallet_of(withdrawn)
    path = f"/v72/paymentLinks/{withdrawn['id']}"
    expect((await client.call("PATCH", path, {"status": "expired"})).status, 200, "withdrawing")
    await client.status(withdrawn["reference"], "cancelled")


JOURNEYS: Final = {
    "webhooks hours late, paid and never expired": late_webhooks,
    "link reopened the next day, and withdrawn": link_reopened,
}

"""A journey about what the form shows of the shop."""

from __future__ import annotations

from typing import Any, Final

from kasir.demo.client import JourneyClient, expect, reference
from kasir.guessable import TWIN_MERCHANT

_IDENTITY: Final = {
    "kasirShopName": "Kopi & Co",
    "kasirShopColour": "#ffd400",
    "kasirShopLogo": "https://cdn.shop.example/logo.png",
    "kasirShopSupport": "+62 21 555 0100",
    "kasirShopTerms": "https://shop.example/terms",
}
#: What the form's HTML contains for it.
_SHOWN: Final = (
    "Kopi &amp; Co",
    'href="/pay/colour/ffd400.css?v=',
    'src="https://cdn.shop.example/logo.png"',
    'href="tel:+62215550100"',
    'href="https://shop.example/terms"',
)


async def own_look(client: JourneyClient) -> None:
    """The form and the receipt show the shop's name, colours and contacts, not its account."""
    order = reference("look")
    misspelt: dict[str, Any] = {
        "reference": order,
        "amount": {"currency": "IDR", "value": 25_000},
        "metadata": {"kasirShopColor": "#ffd400"},
    }
    refused = await client.call("POST", "/v72/paymentLinks", misspelt)
    expect(refused.status, 422, "a link with a misspelt key")
    link = await client.link(order, metadata=_IDENTITY | {"basket": "7"})
    form = await client.call("GET", f"/pay/{link['id']}")
    _expect_look(form.json, "the form")
    policy = form.headers["Content-Security-Policy"]
    expect("https://cdn.shop.example;" in policy, True, "the logo's origin in the policy")
    sheet = await client.call("GET", "/pay/colour/ffd400.css")
    expect((sheet.status, "#ffd400" in sheet.json), (200, True), "the colour's style sheet")
    await client.twin(
        "POST", "/twin/wallet", {"url": await client.wallet_of(link), "do": "approve"}
    )
    await client.status(order, "authorised")
    _expect_look((await client.call("GET", f"/pay/{link['id']}")).json, "the receipt")


def _expect_look(page: str, what: str) -> None:
    missing = [part for part in _SHOWN if part not in page]
    expect(missing, [], f"what {what} does not show")
    expect(TWIN_MERCHANT in page, False, f"the merchant account on {what}")


JOURNEYS: Final = {"a link with the shop's own name and colours": own_look}

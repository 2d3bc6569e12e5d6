"""What the form offers: the wallet, if Adyen lists it for this order, and the saved wallets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from kasir.adyen.calls import OWN_VERSION
from kasir.browser_requests import client_key
from kasir.gateway.methods import GOPAY
from kasir.http_types import AnyRequest
from kasir.payment_form.rate_limits import visitor_limits
from kasir.payment_form.saved_methods import SavedWallet, list_saved
from kasir.requests.payment_links import OpenLink
from kasir.wiring import Parts

#: The fields of a link's request that restrict the payment methods.
_FILTERS: Final = ("allowedPaymentMethods", "blockedPaymentMethods")


class Offer(StrEnum):
    """Whether Adyen offers the wallet. The keys of the form's texts begin with these values."""

    LISTED = "listed"
    #: Adyen does not offer the wallet for this amount or to this shop.
    NOT_OFFERED = "not_offered"
    #: Adyen did not answer in time, or its answer was not a list.
    NO_ANSWER = "no_answer"


async def find_offer(
    request: AnyRequest, parts: Parts, open_link: OpenLink
) -> tuple[Offer, Sequence[SavedWallet]]:
    """Ask Adyen for the offer and for the saved wallets.

    Above the rate limit Adyen is not called; the wallet is offered, and no saved wallets are.
    """
    now = parts.clock.now()
    if not visitor_limits(request).allow_offer(open_link.link.id, client_key(request), now):
        return Offer.LISTED, ()
    return await asyncio.gather(_ask_adyen(parts, open_link), list_saved(parts, open_link))


async def _ask_adyen(parts: Parts, open_link: OpenLink) -> Offer:
    request = open_link.link.request
    body = {
        "amount": request["amount"],
        "countryCode": GOPAY.country,
        "channel": "Web",
        **{name: request[name] for name in _FILTERS if isinstance(request.get(name), list)},
    }
    call = parts.checkout.methods(body, OWN_VERSION)
    try:
        answer = await asyncio.wait_for(call, parts.settings.limits.form_wait_s)
    except TimeoutError:
        return Offer.NO_ANSWER
    listed = answer.json().get("paymentMethods")
    if answer.status != HTTPStatus.OK or not isinstance(listed, list):
        return Offer.NO_ANSWER
    types = {row.get("type") for row in listed if isinstance(row, dict)}
    return Offer.LISTED if GOPAY.type in types else Offer.NOT_OFFERED

"""Finds the payment link, the visit and the payment of a request to the form."""

from __future__ import annotations

import re
from typing import Final

from kasir.errors import NotFound
from kasir.http_types import AnyRequest
from kasir.ids import PaymentId
from kasir.payment_form.pages import Visit
from kasir.payments.payment import Payment
from kasir.requests.payment_links import OpenLink
from kasir.wiring import Parts

#: What the id of a payment may look like; no other text is looked up in the database.
_PAYMENT_ID: Final = re.compile(r"[0-9A-Za-z_]{1,64}")


async def find_link(request: AnyRequest, parts: Parts, link_id: str) -> tuple[Visit, OpenLink]:
    """Find a payment link, and make the visit in its locale, with its identity.

    Raises:
        NotFound: There is no link with this id.
    """
    open_link = await parts.links.find(link_id)
    visit = Visit.of(request, parts, open_link.locale, open_link.link.request)
    return visit, open_link


async def find_payment(
    request: AnyRequest, parts: Parts, link_id: str, payment_id: str
) -> tuple[Visit, OpenLink, Payment]:
    """Find a payment and its link, and make the visit in the link's locale.

    Raises:
        NotFound: There is no such link, or the link has no such payment.
    """
    visit, open_link = await find_link(request, parts, link_id)
    return visit, open_link, await payment_of(parts, open_link, payment_id)


async def payment_of(parts: Parts, open_link: OpenLink, payment_id: str) -> Payment:
    """Find a payment of a link.

    Raises:
        NotFound: There is no payment with this id, or it belongs to another link.
    """
    payments = (each for each in open_link.payments if each.intent.id == payment_id)
    payment = next(payments, None)
    if payment is None and _PAYMENT_ID.fullmatch(payment_id):
        payment = await parts.payments.payment(PaymentId(payment_id))
    if payment is None or payment.intent.link_id != open_link.link.id:
        raise NotFound("payment", payment_id)
    return payment

"""What Kasir knows of payments: `/api/payments`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.params import FromPath, QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurKasir
from kasir.ids import PaymentId
from kasir.shop_events.shapes import PaymentOut, shown
from kasir.web.keys import KEYED, needs_key
from kasir.web.parameters import NONE, refuse_all_but

_LISTED_MAX = 100


class PaymentsOut(msgspec.Struct):
    """Payments, newest first."""

    payments: list[PaymentOut]


Reference = Annotated[
    str | None,
    QueryParameter(name="reference", max_length=80, description="The shop's own reference."),
]

_KNOWN: Final = frozenset({"reference"})


@get("/api/payments")
async def get_payments(
    request: AnyRequest, kasir: OurKasir, reference: Reference = None
) -> PaymentsOut:
    """Give the payments of a reference, newest first."""
    # Here and not by Litestar, which would name the missing parameter and not the misspelt one.
    await refuse_all_but(request, _KNOWN)
    if reference is None:
        raise InvalidRequest([Fault("reference", "give your own reference of the payments.")])
    found = await kasir.payments.payments_of(reference, _LISTED_MAX)
    return PaymentsOut([shown(payment) for payment in found])


@get("/api/payments/{payment_id:str}")
async def get_payment(
    request: AnyRequest, kasir: OurKasir, payment_id: FromPath[str]
) -> PaymentOut:
    """Give one payment with all its facts."""
    await refuse_all_but(request, NONE)
    payment = await kasir.payments.payment(PaymentId(payment_id))
    if payment is None:
        raise NotFound("payment", payment_id)
    return shown(payment)


ROUTES = Router(
    path="/",
    before_request=needs_key,
    security=KEYED,
    tags=["Kasir"],
    route_handlers=[get_payments, get_payment],
)

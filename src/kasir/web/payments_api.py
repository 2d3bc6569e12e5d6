"""Payments with their status and facts: `/api/payments`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.ids import PaymentId
from kasir.shop_events.shapes import PaymentOut, shown
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters_and_no_body

_LISTED_MAX: Final = 100


class PaymentsOut(msgspec.Struct):
    """Payments, newest first."""

    payments: list[PaymentOut]


Reference = Annotated[
    str | None,
    QueryParameter(name="reference", max_length=80, description="The shop's own reference."),
]

_PARAMETERS: Final = frozenset({"reference"})


@get("/api/payments")
async def get_payments(
    request: AnyRequest, parts: OurParts, reference: Reference = None
) -> PaymentsOut:
    """List the payments with a given reference, newest first."""
    # `reference` is optional for Litestar and checked below, so that a misspelt parameter is named
    # first.
    await check_parameters_and_no_body(request, _PARAMETERS)
    if reference is None:
        raise InvalidRequest([Fault("reference", "give your own reference of the payments.")])
    payments = await parts.payments.payments_of(reference, _LISTED_MAX)
    return PaymentsOut([shown(payment) for payment in payments])


@get("/api/payments/{payment_id:str}")
async def get_payment(
    request: AnyRequest, parts: OurParts, payment_id: FromPath[str]
) -> PaymentOut:
    """Return one payment with all its facts."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    payment = await parts.payments.payment(PaymentId(payment_id))
    if payment is None:
        raise NotFound("payment", payment_id)
    return shown(payment)


ROUTES: Final = keyed_router("Kasir", [get_payments, get_payment])

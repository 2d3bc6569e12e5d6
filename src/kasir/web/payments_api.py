"""What Kasir knows of payments: `/api/payments`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import Parameter

from kasir.errors import NotFound
from kasir.ids import PaymentId
from kasir.money import Money
from kasir.payments.facts import Fact
from kasir.payments.payment import Payment
from kasir.web.keys import KEYED, needs_key
from kasir.wiring import Kasir

_LISTED_MAX = 100


class AmountOut(msgspec.Struct):
    """An amount as Adyen writes it: minor units, of which the rupiah has none."""

    currency: str
    value: int


class FactOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """One thing learnt of a payment, and where from."""

    at: datetime
    source: str
    says: str
    psp_reference: str = ""
    amount: AmountOut | None = None
    words: str = ""


class PaymentOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """A payment as it now stands, with all its facts."""

    id: str
    reference: str
    status: str
    amount: AmountOut
    captured: int
    refunded: int
    created_at: datetime
    facts: list[FactOut]
    psp_reference: str = ""
    shopper_reference: str = ""
    link_id: str = ""


class PaymentsOut(msgspec.Struct):
    """Payments, newest first."""

    payments: list[PaymentOut]


Reference = Annotated[
    str, Parameter(query="reference", max_length=80, description="The shop's own reference.")
]


@get("/api/payments")
async def get_payments(kasir: Kasir, reference: Reference) -> PaymentsOut:
    """Give the payments of a reference, newest first."""
    found = [] if "\0" in reference else await kasir.payments.payments_of(reference, _LISTED_MAX)
    return PaymentsOut([shown(payment) for payment in found])


@get("/api/payments/{payment_id:str}")
async def get_payment(kasir: Kasir, payment_id: str) -> PaymentOut:
    """Give one payment with all its facts."""
    payment = None
    if "\0" not in payment_id:
        payment = await kasir.payments.payment(PaymentId(payment_id))
    if payment is None:
        raise NotFound("payment", payment_id)
    return shown(payment)


def shown(payment: Payment) -> PaymentOut:
    """A payment in the shape that shops read."""
    intent = payment.intent
    return PaymentOut(
        id=intent.id,
        reference=intent.reference,
        status=payment.status,
        amount=_amount(intent.amount),
        captured=payment.captured.minor_units,
        refunded=payment.refunded.minor_units,
        created_at=intent.created_at,
        facts=[_fact(fact) for fact in payment.facts],
        psp_reference=payment.psp_reference,
        shopper_reference=intent.shopper_reference,
        link_id=intent.link_id or "",
    )


def _fact(fact: Fact) -> FactOut:
    return FactOut(
        at=fact.at,
        source=fact.source,
        says=fact.says,
        psp_reference=fact.psp_reference,
        amount=_amount(fact.amount) if fact.amount else None,
        words=fact.words,
    )


def _amount(money: Money) -> AmountOut:
    return AmountOut(money.currency, money.minor_units)


ROUTES = Router(
    path="/",
    guards=[needs_key],
    security=KEYED,
    tags=["Kasir"],
    route_handlers=[get_payments, get_payment],
)

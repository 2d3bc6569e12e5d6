"""Payments and tokens in the shapes that shops read, both over HTTP and in events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from kasir.money import Money
from kasir.payments.disputes import Dispute
from kasir.payments.facts import Fact
from kasir.payments.payment import Payment
from kasir.payments.refunds import Refund
from kasir.tokens.model import Token

#: A time with its offset. The constraint gives it the format `date-time` in the OpenAPI document.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class AmountOut(msgspec.Struct):
    """An amount as Adyen writes it: in minor units; for IDR, whole rupiah."""

    currency: str
    value: int


class FactOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """One fact of a payment, and its source."""

    at: Moment
    source: str
    says: str
    psp_reference: str = ""
    modification: str = ""
    amount: AmountOut | None = None
    words: str = ""


class RefundOut(msgspec.Struct, rename="camel"):
    """One refund: requested, succeeded, failed or reversed."""

    reference: str
    amount: AmountOut
    status: str


class DisputeOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """One dispute: open, charged_back, reversed or lost. A field that Adyen did not send is empty.

    Empty fields are left out of the JSON.
    """

    reference: str
    amount: AmountOut
    status: str
    opened_at: Moment
    psp_reference: str = ""
    reason: str = ""
    reason_code: str = ""
    deadline: Moment | None = None
    #: The dispute's state at Adyen, by Adyen's name.
    dispute_status: str = ""


class PaymentOut(msgspec.Struct, rename="camel", omit_defaults=True):
    """A payment: its status, its sums in minor units, and all its facts."""

    id: str
    reference: str
    status: str
    amount: AmountOut
    captured: int
    refunded: int
    created_at: Moment
    facts: list[FactOut]
    psp_reference: str = ""
    shopper_reference: str = ""
    link_id: str = ""
    charged_back: int = 0
    refunds: list[RefundOut] = []
    disputes: list[DisputeOut] = []


class TokenOut(msgspec.Struct, rename="camel"):
    """A shopper's saved wallet. Anybody with its `storedPaymentMethodId` can charge it."""

    id: str
    stored_payment_method_id: str
    shopper_reference: str
    type: str
    state: str
    recurring_processing_model: str
    psp_reference: str
    created_at: Moment

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"TokenOut(id={self.id!r}, state={self.state!r})"


def shown_token(token: Token) -> TokenOut:
    """A token in the shape that shops read."""
    return TokenOut(
        id=token.id,
        stored_payment_method_id=token.name.stored_id,
        shopper_reference=token.name.shopper_reference,
        type=token.method,
        state=token.summary.state,
        recurring_processing_model=token.model,
        psp_reference=token.summary.first_psp_reference,
        created_at=token.summary.created_at,
    )


def shown(payment: Payment) -> PaymentOut:
    """A payment in the shape that shops read."""
    intent, summary = payment.intent, payment.summary
    return PaymentOut(
        id=intent.id,
        reference=intent.reference,
        status=summary.status,
        amount=_amount(intent.amount),
        captured=summary.captured.minor_units,
        refunded=summary.refunded.minor_units,
        created_at=intent.created_at,
        facts=[_fact(fact) for fact in payment.facts],
        psp_reference=summary.psp_reference,
        shopper_reference=intent.shopper_reference,
        link_id=intent.link_id or "",
        charged_back=summary.charged_back.minor_units,
        refunds=[_refund(refund) for refund in summary.refunds],
        disputes=[_dispute(dispute) for dispute in summary.disputes],
    )


def _refund(refund: Refund) -> RefundOut:
    return RefundOut(refund.name, _amount(refund.amount), refund.status)


def _dispute(dispute: Dispute) -> DisputeOut:
    return DisputeOut(
        reference=dispute.name,
        amount=_amount(dispute.amount),
        status=dispute.status,
        opened_at=dispute.opened_at,
        psp_reference=dispute.attempt or "",
        reason=dispute.reason,
        reason_code=dispute.reason_code,
        deadline=dispute.deadline,
        dispute_status=dispute.provider_status,
    )


def _fact(fact: Fact) -> FactOut:
    return FactOut(
        at=fact.at,
        source=fact.source,
        says=fact.says,
        psp_reference=fact.psp_reference,
        modification=fact.modification,
        amount=_amount(fact.amount) if fact.amount else None,
        words=fact.words,
    )


def _amount(money: Money) -> AmountOut:
    return AmountOut(money.currency, money.minor_units)

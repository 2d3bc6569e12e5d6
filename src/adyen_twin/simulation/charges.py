"""Payments with a token: Subscription without the shopper, CardOnFile with their PIN.

Source: Adyen's page on GoPay. A Subscription payment has no redirect; its answer has a
resultCode, and AUTHORISATION is final. A CardOnFile payment redirects to GoPay.
"""

from __future__ import annotations

from typing import Any

from adyen_twin.core.state import Payment, Status, Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors
from adyen_twin.protocol.limits import GOPAY
from adyen_twin.protocol.rules import Body
from adyen_twin.simulation import payments, tokens


def chargeable(twin: Twin, body: Body, token_id: str) -> Token:
    """Return the token, if this shopper can be charged with it in this model.

    Raises:
        AdyenError: The token is unknown or disabled, another shopper's, or for another model.

    """
    token = tokens.find(twin, body["merchantAccount"], body["shopperReference"], token_id)
    if body["recurringProcessingModel"] not in tokens.models(twin, token):
        raise errors.no_contract()  # GUESS: the code.
    return token


def start(twin: Twin, body: Body, token: Token) -> Payment:
    """Create a payment that charges a token; a Subscription is decided without the shopper."""
    payment = payments.create(twin, body)
    payment.token, payment.charges = token.id, True
    if body["recurringProcessingModel"] == "CardOnFile":
        payments.await_shopper(twin, payment)
    elif twin.knobs.charge_result == "decided":
        payments.decide_by_wallet(twin, payment)
    else:
        twin.schedule(
            "decide_charge",
            twin.now() + twin.knobs.charge_s,
            reference=payment.reference,
            psp_reference=payment.psp_reference,
        )
    return payment


def decide_if_open(twin: Twin, *, psp_reference: str) -> None:
    """Decide a charge that was left open, unless it was cancelled meanwhile."""
    payment = twin.memory.payment(psp_reference)
    if payment is not None and payment.status is Status.AWAITING:
        payments.decide_by_wallet(twin, payment)


def reply_body(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return what /payments answers to a Subscription charge.

    GUESS: that a refusal has its reason and code in full here.
    """
    body: dict[str, Any] = {
        "pspReference": payment.psp_reference,
        "merchantReference": payment.reference,
        "amount": {"currency": payment.amount.currency, "value": payment.amount.value},
    }
    if payment.status is Status.AWAITING:
        return body | {"resultCode": twin.knobs.charge_result}
    if payment.refusal is None:
        return body | {"resultCode": "Authorised", "paymentMethod": {"type": GOPAY}}
    reason, code = payment.refusal.reason, payment.refusal.code
    return body | {
        "resultCode": "Refused",
        "refusalReason": reason,
        "refusalReasonCode": code,
    }

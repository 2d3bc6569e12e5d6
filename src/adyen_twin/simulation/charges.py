"""Payments with a token: Subscription without the shopper, CardOnFile with the shopper's PIN.

Source: Adyen's page on GoPay. A Subscription payment has no redirect: the answer has a
resultCode, but only AUTHORISATION is final. A CardOnFile payment redirects to GoPay.
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
    """Return the token that a payment charges.

    Raises:
        AdyenError: The token is unknown or disabled, or for another shopper or model.

    """
    token = tokens.find(twin, body["merchantAccount"], body["shopperReference"], token_id)
    if body["recurringProcessingModel"] not in tokens.models(twin, token):
        raise errors.no_contract()  # GUESS: the error code.
    return token


def start(twin: Twin, body: Body, token: Token) -> Payment:
    """Create a payment that charges a token; a Subscription needs no decision of the shopper."""
    payment = payments.create(twin, body)
    payment.token, payment.is_token_charge = token.id, True
    if body.get("shopperInteraction") != "ContAuth":
        payment.warnings.append("shopperInteraction is not ContAuth, as Adyen's GoPay page has it")
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
    """Decide a charge if it is still open, because it may have been cancelled."""
    payment = twin.memory.payment(psp_reference)
    if payment is not None and payment.status is Status.AWAITING:
        payments.decide_by_wallet(twin, payment)


def reply_body(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return the body of the answer to a Subscription charge.

    GUESS: the refusalReason and the refusalReasonCode.
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

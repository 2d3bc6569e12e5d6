"""Payments with a token: Subscription without the shopper, CardOnFile with their PIN.

Source: Adyen's page on GoPay. A Subscription payment has no redirect; its answer bears a
resultCode and AUTHORISATION is final. A CardOnFile payment redirects to GoPay.
"""

from typing import Any

from adyen_twin.core.state import Payment, Status, Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors
from adyen_twin.protocol.limits import GOPAY
from adyen_twin.protocol.rules import Body
from adyen_twin.simulation import payments, tokens, wallets


def token_named(body: Body) -> str | None:
    """Return the token that a payment is to charge, if it names one."""
    method = body["paymentMethod"]
    # The second name is what older versions called it; Adyen still takes it.
    named = method.get("storedPaymentMethodId") or method.get("recurringDetailReference")
    return named if isinstance(named, str) else None


def chargeable(twin: Twin, body: Body, name: str) -> Token:
    """Return the token, if this shopper may be charged by it in this model."""
    token = tokens.found(twin, body["merchantAccount"], body["shopperReference"], name)
    if body["recurringProcessingModel"] not in tokens.models(twin, token):
        raise errors.no_contract()  # GUESS: the code.
    return token


def start(twin: Twin, body: Body, token: Token) -> Payment:
    """Make a payment that charges a token; a Subscription is decided without the shopper."""
    payment = payments.made(twin, body)
    payment.token, payment.charges = token.id, True
    if body["recurringProcessingModel"] == "CardOnFile":
        payments.wait_for_shopper(twin, payment)
    elif twin.knobs.charge_result == "decided":
        decide(twin, payment)
    else:
        due_at, name = twin.now() + twin.knobs.charge_s, payment.psp_reference
        twin.later("decide_charge", due_at, reference=payment.reference, psp_reference=name)
    return payment


def decide_charge(twin: Twin, *, psp_reference: str) -> None:
    """Decide a charge that was left open, unless it was cancelled meanwhile."""
    payment = twin.memory.payment(psp_reference)
    if payment is not None and payment.status is Status.AWAITING:
        decide(twin, payment)


def decide(twin: Twin, payment: Payment) -> None:
    """Charge the token's wallet."""
    wallet = wallets.of_payment(twin, payment)
    payment.wallet_account = wallet.account
    refusal = wallets.refusal(twin, wallet, payment)
    status = Status.AUTHORISED if refusal is None else Status.REFUSED
    payments.decide(twin, payment, status, refusal)


def answer(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return what /payments says of a Subscription charge.

    GUESS: that a refusal here bears its reason and code in full.
    """
    said: dict[str, Any] = {
        "pspReference": payment.psp_reference,
        "merchantReference": payment.reference,
        "amount": {"currency": payment.amount.currency, "value": payment.amount.value},
    }
    if payment.status is Status.AWAITING:
        return said | {"resultCode": twin.knobs.charge_result}
    if payment.refusal is None:
        return said | {"resultCode": "Authorised", "paymentMethod": {"type": GOPAY}}
    reason, code = payment.refusal.reason, payment.refusal.code
    return said | {
        "resultCode": "Refused",
        "refusalReason": reason,
        "refusalReasonCode": code,
    }

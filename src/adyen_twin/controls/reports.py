"""What the twin knows, told to whoever steers it. The words are the controls' own."""

from collections.abc import Sequence
from typing import Any

import msgspec

from adyen_twin.core.clock import spelled_utc
from adyen_twin.core.state import Attempt, Modification, Payment, Token
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import modifications, wallets


def of_payment(payment: Payment) -> dict[str, Any]:
    """Return the truth about a payment."""
    return {
        "pspReference": payment.psp_reference,
        "offerReference": payment.offer_reference,
        "merchantAccount": payment.merchant_account,
        "merchantReference": payment.reference,
        "amount": {"currency": payment.amount.currency, "value": payment.amount.value},
        "status": payment.status,
        "refusal": payment.refusal,
        "captured": modifications.captured(payment),
        "refunded": modifications.refunded(payment),
        "modifications": [_of_modification(mod) for mod in payment.modifications],
        "createdAt": spelled_utc(payment.created_at),
        "expiresAt": spelled_utc(payment.expires_at),
        "detailsAsked": payment.details_asked,
        "shopperReference": payment.shopper_reference,
        "storedPaymentMethodId": payment.token,
        "savedAs": payment.saved_as,
        "account": payment.wallet_account or None,
        "metadata": payment.metadata,
        "events": [
            {
                "at": spelled_utc(event.at),
                "eventCode": event.code,
                "success": event.success,
                "pspReference": event.psp_reference,
                "value": event.value,
                "reason": event.reason,
                "originalReference": event.original_reference,
            }
            for event in payment.events
        ],
        "warnings": payment.warnings,
    }


def _of_modification(mod: Modification) -> dict[str, Any]:
    return {
        "pspReference": mod.psp_reference,
        "kind": mod.kind,
        "amount": {"currency": mod.amount.currency, "value": mod.amount.value},
        "at": spelled_utc(mod.at),
        "reference": mod.reference,
        "outcome": mod.outcome,
        "reason": mod.reason,
        "action": mod.action,
        "automatic": mod.automatic,
    }


def of_payments(payments: Sequence[Payment]) -> dict[str, Any]:
    """Return the truth about payments, newest first."""
    told = [of_payment(payment) for payment in reversed(payments)]
    return {"count": len(told), "payments": told}


def of_deliveries(twin: Twin, reference: str | None, endpoint: str | None) -> dict[str, Any]:
    """Return every try to deliver a webhook, oldest first, and what waits to be tried."""
    tries: list[Attempt] = [
        attempt
        for attempt in twin.state.attempts
        if reference in (None, attempt.reference) and endpoint in (None, attempt.endpoint)
    ]
    waiting = [
        {
            "endpoint": name,
            "notice": notice.id,
            "eventCode": notice.says,
            "pspReference": notice.psp_reference,
            "reference": notice.reference,
            "tries": notice.tries,
            "dueAt": spelled_utc(notice.due_at),
            "body": notice.letter.body,
        }
        for name, queue in twin.state.queues.items()
        for notice in queue
        if reference in (None, notice.reference) and endpoint in (None, name)
    ]
    return {"count": len(tries), "deliveries": tries, "waiting": waiting}


def of_wallet(twin: Twin, shopper_reference: str) -> dict[str, Any]:
    """Return a shopper's wallet."""
    wallet = wallets.of_shopper(twin, shopper_reference)
    return {
        "shopperReference": shopper_reference,
        "account": wallet.account,
        "state": wallet.state,
        "balance": wallets.balance(twin, wallet),
    }


def of_token(token: Token) -> dict[str, Any]:
    """Return a token, disabled or not."""
    return {
        "storedPaymentMethodId": token.id,
        "merchantAccount": token.merchant_account,
        "shopperReference": token.shopper_reference,
        "account": token.wallet_account,
        "models": token.models,
        "firstPspReference": token.first_psp_reference,
        "createdAt": spelled_utc(token.created_at),
        "active": token.active,
    }


def of_tokens(twin: Twin, shopper_reference: str | None) -> dict[str, Any]:
    """Return all tokens, or one shopper's."""
    told = [
        of_token(token)
        for token in twin.state.tokens.values()
        if shopper_reference in (None, token.shopper_reference)
    ]
    return {"count": len(told), "tokens": told}


def of_faults(twin: Twin) -> dict[str, Any]:
    """Return the planned faults."""
    told = [
        {**msgspec.to_builtins(plan.fault), "met": plan.met, "struck": plan.struck}
        for plan in twin.state.faults
    ]
    return {"faults": told}


def of_clock(twin: Twin) -> dict[str, Any]:
    """Return what time it is, and how far it was advanced."""
    return {"now": spelled_utc(twin.now()), "advanced_s": round(twin.clock.advanced_s, 3)}

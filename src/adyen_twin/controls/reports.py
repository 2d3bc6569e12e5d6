"""The JSON answers of the controls: reports on payments, webhooks, wallets, tokens and more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from adyen_twin.core.clock import format_utc
from adyen_twin.core.state import Attempt, Modification, Payment, Token
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import modifications, wallets


def of_payment(payment: Payment) -> dict[str, Any]:
    """Return the report on a payment."""
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
        "createdAt": format_utc(payment.created_at),
        "expiresAt": format_utc(payment.expires_at),
        "detailsAsked": payment.details_asked,
        "shopperReference": payment.shopper_reference,
        "storedPaymentMethodId": payment.token,
        "savedAs": payment.saved_as,
        "account": payment.wallet_account or None,
        "metadata": payment.metadata,
        "events": [
            {
                "at": format_utc(event.at),
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
        "at": format_utc(mod.at),
        "reference": mod.reference,
        "outcome": mod.outcome,
        "reason": mod.reason,
        "action": mod.action,
        "automatic": mod.automatic,
    }


def of_payments(payments: Sequence[Payment]) -> dict[str, Any]:
    """Return the report on payments, newest first."""
    reports = [of_payment(payment) for payment in reversed(payments)]
    return {"count": len(reports), "payments": reports}


def of_deliveries(twin: Twin, reference: str | None, endpoint: str | None) -> dict[str, Any]:
    """Return the report on the attempts to deliver webhooks, oldest first, and on the queues.

    If `reference` or `endpoint` is None, the report does not filter by it.
    """
    attempts: list[Attempt] = [
        attempt
        for attempt in twin.state.attempts
        if reference in (None, attempt.reference) and endpoint in (None, attempt.endpoint)
    ]
    waiting = [
        {
            "endpoint": name,
            "notice": webhook.id,
            "eventCode": webhook.event_code,
            "pspReference": webhook.psp_reference,
            "reference": webhook.reference,
            "tries": webhook.tries,
            "dueAt": format_utc(webhook.due_at),
            "body": webhook.message.body,
        }
        for name, queue in twin.state.queues.items()
        for webhook in queue
        if reference in (None, webhook.reference) and endpoint in (None, name)
    ]
    return {"count": len(attempts), "deliveries": attempts, "waiting": waiting}


def of_wallet(twin: Twin, shopper_reference: str) -> dict[str, Any]:
    """Return the report on a shopper's wallet."""
    wallet = wallets.of_shopper(twin, shopper_reference)
    return {
        "shopperReference": shopper_reference,
        "account": wallet.account,
        "state": wallet.state,
        "balance": wallets.balance(twin, wallet),
    }


def of_token(token: Token) -> dict[str, Any]:
    """Return the report on a token, active or disabled."""
    return {
        "storedPaymentMethodId": token.id,
        "merchantAccount": token.merchant_account,
        "shopperReference": token.shopper_reference,
        "account": token.wallet_account,
        "models": token.models,
        "firstPspReference": token.first_psp_reference,
        "createdAt": format_utc(token.created_at),
        "active": token.active,
    }


def of_tokens(twin: Twin, shopper_reference: str | None) -> dict[str, Any]:
    """Return the report on all tokens, or on the tokens of one shopper."""
    reports = [
        of_token(token)
        for token in twin.state.tokens.values()
        if shopper_reference in (None, token.shopper_reference)
    ]
    return {"count": len(reports), "tokens": reports}


def of_faults(twin: Twin) -> dict[str, Any]:
    """Return the report on the planned faults."""
    reports = [
        {**msgspec.to_builtins(plan.fault), "met": plan.match_count, "struck": plan.trigger_count}
        for plan in twin.state.faults
    ]
    return {"faults": reports}


def of_clock(twin: Twin) -> dict[str, Any]:
    """Return the report on the clock: its time, and by how many seconds it was advanced."""
    return {"now": format_utc(twin.now()), "advanced_s": round(twin.clock.advanced_s, 3)}

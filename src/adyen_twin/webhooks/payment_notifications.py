"""The standard webhooks: one function per event, and the JSON of a notification.

Each event is stored with its payment, even if no webhook is configured. Source of the
format: Adyen's OpenAPI file of webhooks and Adyen's examples.
"""

from __future__ import annotations

import json
from typing import Any, Final

from adyen_twin.core import names
from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import (
    STANDARD,
    Amount,
    Event,
    Message,
    Modification,
    Outcome,
    Payment,
    Refusal,
    Token,
)
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import signing
from adyen_twin.protocol.limits import CURRENCY, GOPAY
from adyen_twin.webhooks import outbox

#: The possible modifications of an authorised payment; Adyen calls this field experimental.
OPERATIONS: Final = ("CANCEL", "CAPTURE", "REFUND")

#: The events whose schema has no `additionalData.paymentMethodVariant`.
WITHOUT_VARIANT: Final = ("OFFER_CLOSED", "RECURRING_CONTRACT")

#: An event -> its reason in Adyen's examples.
REASONS_UNDONE: Final = {
    "CAPTURE_FAILED": "Capture Failed",
    "REFUND_FAILED": "Refund Failed",
    "REFUNDED_REVERSED": "",
}


def authorisation(twin: Twin, payment: Payment) -> None:
    """Send AUTHORISATION with the decision about a payment."""
    _send_authorisation(twin, payment, payment.psp_reference, payment.refusal)


def earlier_refusal(twin: Twin, payment: Payment, *, same_psp_reference: bool) -> None:
    """Notify the shop that an earlier attempt at the same order was refused."""
    psp_reference = payment.psp_reference if same_psp_reference else names.psp_reference()
    _send_authorisation(twin, payment, psp_reference, Refusal("Refused", "2"))


def offer_closed(twin: Twin, payment: Payment) -> None:
    """Notify the shop that the offer closed without a payment, if the shop enabled this event."""
    if outbox.is_enabled(twin, "OFFER_CLOSED"):
        _send(twin, payment, _event(twin, payment, "OFFER_CLOSED", payment.offer_reference))


def authorisation_expired(twin: Twin, payment: Payment) -> None:
    """Notify the shop that the uncaptured rest expired; the event has the payment's amount.

    Adyen's published example has no originalReference, but its schema has the field. GUESS: that
    without it the pspReference is the payment's.
    """
    event = _event(twin, payment, "EXPIRE", payment.psp_reference)
    if twin.knobs.expire_references == "own":
        event.psp_reference = names.psp_reference()
        event.original_reference = payment.psp_reference
    _send(twin, payment, event)


def modification(twin: Twin, payment: Payment, mod: Modification, code: str) -> None:
    """Send the outcome of a modification."""
    event = _event(twin, payment, code, mod.psp_reference, mod.amount.value)
    event.original_reference = payment.psp_reference
    event.success = mod.outcome is Outcome.SUCCEEDED
    event.reason = mod.reason
    additional_data: dict[str, str] = {"modification.action": mod.action} if mod.action else {}
    _send(twin, payment, event, additional_data, reference=_reference_of(twin, payment, mod))


def undone(twin: Twin, payment: Payment, mod: Modification, code: str) -> None:
    """Notify the shop that a successful modification failed later.

    The event has the pspReference of the modification.
    """
    event = _event(twin, payment, code, mod.psp_reference, mod.amount.value)
    event.original_reference = payment.psp_reference
    event.reason = REASONS_UNDONE[code]
    _send(twin, payment, event, reference=_reference_of(twin, payment, mod))


def nothing_to_cancel(
    twin: Twin, account: str, reference: str, psp_reference: str, reason: str
) -> None:
    """Notify the shop that no payment has the merchantReference to cancel. GUESS: the fields."""
    event = Event(
        at=twin.now(),
        code="TECHNICAL_CANCEL",
        success=False,
        psp_reference=psp_reference,
        value=0,
        reason=reason,
    )
    item = _item(event, Amount(CURRENCY, 0), account=account, reference=reference)
    _enqueue(twin, item, {}, reference=reference)


def other_system(twin: Twin, event: Event, amount: Amount, *, reference: str, method: str) -> None:
    """Send an event of another system on the same merchant account. The event is not stored."""
    item = _item(event, amount, account=twin.settings.merchant_account, reference=reference)
    _enqueue(twin, item | {"paymentMethod": method}, {}, reference=reference)


def dispute(twin: Twin, payment: Payment, event: Event, additional_data: dict[str, str]) -> None:
    """Send an event of a dispute."""
    _send(twin, payment, event, additional_data)


def recurring_contract(twin: Twin, payment: Payment, token: Token) -> None:
    """Send the older webhook about a new token, if the shop enabled it.

    The event has the token as its pspReference.
    """
    if not outbox.is_enabled(twin, "RECURRING_CONTRACT"):
        return
    event = _event(twin, payment, "RECURRING_CONTRACT", token.id, 0)
    event.original_reference = payment.psp_reference
    additional_data = {
        "recurring.recurringDetailReference": token.id,
        "recurring.shopperReference": token.shopper_reference,
        "shopperReference": token.shopper_reference,
        "GoPay.gopayAccountId": token.wallet_account,
    }
    _send(twin, payment, event, additional_data, extra={"originalPsp": payment.psp_reference})


def tokenization(twin: Twin, payment: Payment) -> dict[str, str]:
    """Return the additionalData about the token that a payment saved, if a knob enables it."""
    operation, token = payment.saved_as, payment.token
    if not twin.knobs.tokens_in_authorisation or operation is None or token is None:
        return {}
    return {
        "tokenization.storedPaymentMethodId": token,
        "tokenization.shopperReference": payment.shopper_reference or "",
        "tokenization.store.operationType": operation,
    }


def message(item: dict[str, Any], additional_data: dict[str, str], key: str | None) -> Message:
    """Return a standard notification, signed with this HMAC key; None: not signed."""
    if key is not None:
        additional_data = additional_data | {"hmacSignature": signing.sign_item(item, key)}
    if additional_data:
        item = {"additionalData": additional_data, **item}
    envelope = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    return Message(json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))


def _send_authorisation(
    twin: Twin, payment: Payment, psp_reference: str, refusal: Refusal | None
) -> None:
    event = _event(twin, payment, "AUTHORISATION", psp_reference)
    event.success = refusal is None
    event.reason = refusal.reason if refusal else ""
    additional_data: dict[str, str] = {}
    if twin.knobs.authorisation_metadata:
        additional_data |= {f"metadata.{key}": value for key, value in payment.metadata.items()}
    if payment.wallet_account:
        additional_data["GoPay.gopayAccountId"] = payment.wallet_account
    if refusal is None:
        additional_data |= tokenization(twin, payment)
    operations = {} if refusal else {"operations": list(OPERATIONS)}
    _send(twin, payment, event, additional_data, extra=operations)


def _event(
    twin: Twin, payment: Payment, code: str, psp_reference: str, value: int | None = None
) -> Event:
    return Event(
        at=twin.now(),
        code=code,
        success=True,
        psp_reference=psp_reference,
        value=payment.amount.value if value is None else value,
    )


def _reference_of(twin: Twin, payment: Payment, mod: Modification) -> str:
    """Return the merchantReference of a modification's event, by the knob `modificationReference`.

    GUESS: the default of the knob.
    """
    if twin.knobs.modification_reference == "modification" and mod.reference:
        return mod.reference
    return payment.reference


def _send(
    twin: Twin,
    payment: Payment,
    event: Event,
    additional_data: dict[str, str] | None = None,
    *,
    extra: dict[str, Any] | None = None,
    reference: str | None = None,
) -> None:
    """Store an event with its payment, and send it; `extra` has more fields of the item."""
    payment.events.append(event)
    item = _item(
        event,
        Amount(payment.amount.currency, event.value),
        account=payment.merchant_account,
        reference=reference or payment.reference,
    )
    more = _variant(twin, event.code) | (additional_data or {})
    _enqueue(twin, item | (extra or {}), more, reference=payment.reference)


def _variant(twin: Twin, code: str) -> dict[str, str]:
    """Return the additionalData with the variant of the payment method, if the event has one.

    Adyen's example of OFFER_CLOSED has the field, but its schema does not. GUESS: that GoPay's
    variant is its type.
    """
    in_schema = code not in WITHOUT_VARIANT
    has_it = {"schema": in_schema, "always": True, "never": False}
    return {"paymentMethodVariant": GOPAY} if has_it[twin.knobs.payment_method_variant] else {}


def _item(event: Event, amount: Amount, *, account: str, reference: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "amount": {"currency": amount.currency, "value": amount.value},
        "eventCode": event.code,
        "eventDate": format_adyen(event.at),
        "merchantAccountCode": account,
        "merchantReference": reference,
        "paymentMethod": GOPAY,
        "pspReference": event.psp_reference,
        "reason": event.reason,
        "success": "true" if event.success else "false",
    }
    if event.original_reference is not None:
        item["originalReference"] = event.original_reference
    return item


def _enqueue(
    twin: Twin, item: dict[str, Any], additional_data: dict[str, str], *, reference: str
) -> None:
    subject = outbox.Subject(
        event_code=item["eventCode"], psp_reference=item["pspReference"], reference=reference
    )
    outbox.send(twin, STANDARD, subject, lambda key: message(item, additional_data, key))

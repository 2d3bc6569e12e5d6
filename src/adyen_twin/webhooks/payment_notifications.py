"""What the twin tells the shop by standard webhooks, and how it is put.

An event is written down on its payment whether or not anybody listens. Source of the
form: Adyen's OpenAPI file of webhooks and the examples in it; `live` and `success` are
strings, absent fields are left out.
"""

import json
from typing import Any

from adyen_twin.core import names
from adyen_twin.core.clock import spelled
from adyen_twin.core.state import (
    Amount,
    EndpointName,
    Event,
    Letter,
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

#: What may be done with an authorised payment; Adyen calls the field experimental.
OPERATIONS = ("CANCEL", "CAPTURE", "REFUND")
STANDARD: EndpointName = "standard"

#: The reasons of Adyen's own examples.
REASONS_UNDONE = {
    "CAPTURE_FAILED": "Capture Failed",
    "REFUND_FAILED": "Refund Failed",
    "REFUNDED_REVERSED": "",
}


def authorisation(twin: Twin, payment: Payment) -> None:
    """Tell how the wallet decided."""
    refusal = payment.refusal
    _tell_authorisation(twin, payment, payment.psp_reference, refusal)


def earlier_refusal(twin: Twin, payment: Payment, *, same_psp_reference: bool) -> None:
    """Tell that an earlier attempt at the same order was refused."""
    psp_reference = payment.psp_reference if same_psp_reference else names.psp_reference()
    _tell_authorisation(twin, payment, psp_reference, Refusal("Refused", "2"))


def offer_closed(twin: Twin, payment: Payment) -> None:
    """Tell that the shopper let the offer go by; only where the shop asked for this event."""
    if "OFFER_CLOSED" in twin.knobs.extra_events:
        _tell(twin, payment, _event(twin, payment, "OFFER_CLOSED", payment.offer_reference))


def authorisation_expired(twin: Twin, payment: Payment) -> None:
    """Tell that what was left uncaptured ran out. The amount is what was authorised."""
    event = _event(twin, payment, "EXPIRE", names.psp_reference())
    event.original_reference = payment.psp_reference
    _tell(twin, payment, event)


def modification(twin: Twin, payment: Payment, mod: Modification, code: str) -> None:
    """Tell what came of a modification."""
    event = _event(twin, payment, code, mod.psp_reference, mod.amount.value)
    event.original_reference = payment.psp_reference
    event.success = mod.outcome is Outcome.SUCCEEDED
    event.reason = mod.reason
    additional: dict[str, str] = {"modification.action": mod.action} if mod.action else {}
    _tell(twin, payment, event, additional, reference=_reference_told(twin, payment, mod))


def undone(twin: Twin, payment: Payment, mod: Modification, code: str) -> None:
    """Tell that what succeeded failed after all. The pspReference is the modification's."""
    event = _event(twin, payment, code, mod.psp_reference, mod.amount.value)
    event.original_reference = payment.psp_reference
    event.reason = REASONS_UNDONE[code]
    _tell(twin, payment, event, reference=_reference_told(twin, payment, mod))


def nothing_to_cancel(twin: Twin, reference: str, psp_reference: str, reason: str) -> None:
    """Tell that no payment has the reference that was to be cancelled. GUESS: all of it."""
    event = Event(
        at=twin.now(),
        code="TECHNICAL_CANCEL",
        success=False,
        psp_reference=psp_reference,
        value=0,
        reason=reason,
    )
    account = twin.settings.merchant_account
    item = _item(event, Amount(CURRENCY, 0), account=account, reference=reference)
    _post(twin, item, {}, reference=reference)


def foreign(twin: Twin, event: Event, amount: Amount, *, reference: str, method: str) -> None:
    """Tell of what another system on the same account did; it is on no payment of the twin's."""
    item = _item(event, amount, account=twin.settings.merchant_account, reference=reference)
    _post(twin, item | {"paymentMethod": method}, {}, reference=reference)


def disputed(twin: Twin, payment: Payment, event: Event, additional: dict[str, str]) -> None:
    """Tell of a stage of a dispute."""
    _tell(twin, payment, event, additional)


def recurring_contract(twin: Twin, payment: Payment, token: Token) -> None:
    """Tell of a token the older way: the token is the pspReference of the event."""
    event = _event(twin, payment, "RECURRING_CONTRACT", token.id, 0)
    event.original_reference = payment.psp_reference
    additional = {
        "recurring.recurringDetailReference": token.id,
        "recurring.shopperReference": token.shopper_reference,
        "shopperReference": token.shopper_reference,
        "GoPay.gopayAccountId": token.wallet_account,
    }
    _tell(twin, payment, event, additional, more={"originalPsp": payment.psp_reference})


def tokenization(twin: Twin, payment: Payment) -> dict[str, str]:
    """Return what a payment's additionalData says of the token it saved, where so set."""
    operation, token = payment.saved_as, payment.token
    if not twin.knobs.tokens_in_authorisation or operation is None or token is None:
        return {}
    return {
        "tokenization.storedPaymentMethodId": token,
        "tokenization.shopperReference": payment.shopper_reference or "",
        "tokenization.store.operationType": operation,
    }


def _tell_authorisation(
    twin: Twin, payment: Payment, psp_reference: str, refusal: Refusal | None
) -> None:
    event = _event(twin, payment, "AUTHORISATION", psp_reference)
    event.success = refusal is None
    event.reason = refusal.reason if refusal else ""
    additional: dict[str, str] = {}
    if twin.knobs.authorisation_metadata:
        additional |= {f"metadata.{key}": value for key, value in payment.metadata.items()}
    if payment.wallet_account:
        additional["GoPay.gopayAccountId"] = payment.wallet_account
    if refusal is None:
        additional |= tokenization(twin, payment)
    operations = {} if refusal else {"operations": list(OPERATIONS)}
    _tell(twin, payment, event, additional, more=operations)


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


def _reference_told(twin: Twin, payment: Payment, mod: Modification) -> str:
    """Return whose reference is told. GUESS: the payment's, as the schema describes it."""
    if twin.knobs.modification_reference == "modification" and mod.reference:
        return mod.reference
    return payment.reference


def _tell(
    twin: Twin,
    payment: Payment,
    event: Event,
    additional: dict[str, str] | None = None,
    *,
    more: dict[str, Any] | None = None,
    reference: str | None = None,
) -> None:
    payment.events.append(event)
    item = _item(
        event,
        Amount(payment.amount.currency, event.value),
        account=payment.merchant_account,
        reference=reference or payment.reference,
    )
    _post(twin, item | (more or {}), additional or {}, reference=payment.reference)


def _item(event: Event, amount: Amount, *, account: str, reference: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "amount": {"currency": amount.currency, "value": amount.value},
        "eventCode": event.code,
        "eventDate": spelled(event.at),
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


def _post(twin: Twin, item: dict[str, Any], additional: dict[str, str], *, reference: str) -> None:
    about = outbox.About(
        says=item["eventCode"], psp_reference=item["pspReference"], reference=reference
    )
    outbox.post(twin, STANDARD, about, lambda key: letter(item, additional, key))


def letter(item: dict[str, Any], additional: dict[str, str], key: str | None) -> Letter:
    """Return a standard notification, sealed with a key or with none."""
    if key is not None:
        additional = additional | {"hmacSignature": signing.seal_of_item(item, key)}
    if additional:
        item = {"additionalData": additional, **item}
    envelope = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    return Letter(json.dumps(envelope, ensure_ascii=False, separators=(",", ":")))

"""What the twin tells the shop's webhook endpoints, and how it is put.

A notification is written down on its payment whether or not anybody listens, then
queued for the standard endpoint if there is one. Source of the form: Adyen's OpenAPI
file of webhooks; `live` and `success` are strings, absent fields are left out.
"""

import json
from typing import Any

from adyen_twin import seals
from adyen_twin.clock import spelled
from adyen_twin.limits import GOPAY
from adyen_twin.state import Amount, Endpoint, Event, Notice, Payment
from adyen_twin.twin import Twin

#: What may be done with an authorised payment; Adyen calls the field experimental.
OPERATIONS = ("CANCEL", "CAPTURE", "REFUND")


def authorisation(twin: Twin, payment: Payment) -> None:
    """Tell how the wallet decided."""
    success = payment.refusal is None
    additional = {f"metadata.{key}": value for key, value in payment.metadata.items()}
    if payment.wallet_account:
        additional["GoPay.gopayAccountId"] = payment.wallet_account
    _tell(
        twin,
        payment,
        Event(
            at=twin.now(),
            code="AUTHORISATION",
            success=success,
            psp_reference=payment.psp_reference,
            value=payment.amount.value,
            reason=payment.refusal.reason if payment.refusal else "",
        ),
        additional=additional,
        more={"operations": list(OPERATIONS)} if success else {},
    )


def offer_closed(twin: Twin, payment: Payment) -> None:
    """Tell that the shopper let the offer go by; only where the shop asked for this event."""
    if "OFFER_CLOSED" not in twin.knobs.extra_events:
        return
    event = Event(
        at=twin.now(),
        code="OFFER_CLOSED",
        success=True,
        psp_reference=payment.offer_reference,
        value=payment.amount.value,
    )
    _tell(twin, payment, event)


def _tell(
    twin: Twin,
    payment: Payment,
    event: Event,
    *,
    additional: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
) -> None:
    payment.events.append(event)
    endpoint = twin.state.endpoints.get("standard")
    if endpoint is None:
        return
    item = _item(payment, event) | (more or {})
    notice = _standard_notice(twin, endpoint, item, additional or {})
    twin.state.queues.setdefault("standard", []).append(notice)
    twin.bell()


def _item(payment: Payment, event: Event) -> dict[str, Any]:
    return {
        "amount": _spelled(Amount(payment.amount.currency, event.value)),
        "eventCode": event.code,
        "eventDate": spelled(event.at),
        "merchantAccountCode": payment.merchant_account,
        "merchantReference": payment.reference,
        "paymentMethod": GOPAY,
        "pspReference": event.psp_reference,
        "reason": event.reason,
        "success": "true" if event.success else "false",
    }


def _standard_notice(
    twin: Twin, endpoint: Endpoint, item: dict[str, Any], additional: dict[str, str]
) -> Notice:
    # Sealed when it is made: after a key is rotated, what was queued bears the older seal.
    if endpoint.hmac_key is not None:
        additional = additional | {"hmacSignature": seals.seal_of_item(item, endpoint.hmac_key)}
    if additional:
        item = {"additionalData": additional, **item}
    envelope = {"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}
    return Notice(
        id=twin.memory.next_number(),
        body=json.dumps(envelope, ensure_ascii=False, separators=(",", ":")),
        headers={},
        says=item["eventCode"],
        psp_reference=item["pspReference"],
        reference=item["merchantReference"],
        due_at=twin.now(),
    )


def _spelled(amount: Amount) -> dict[str, Any]:
    return {"currency": amount.currency, "value": amount.value}

"""Another system that uses the same merchant account, and perhaps the same merchantReferences.

Shops use their other payment methods at Adyen too, with the same order numbers, and one
webhook endpoint receives the notifications of all methods. The twin has no such payments,
but it sends the notifications that Adyen would send, and its reports have their money.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from adyen_twin.core import names
from adyen_twin.core.books import Entry, Record
from adyen_twin.core.state import Amount, Event
from adyen_twin.core.twin import Twin
from adyen_twin.protocol.limits import CURRENCY
from adyen_twin.settlement import journal
from adyen_twin.webhooks import payment_notifications

#: An event -> what the reports record of it; a cancelled payment was never captured.
RECORDS: Final = {
    "AUTHORISATION": Record.SETTLED,
    "REFUND": Record.REFUNDED,
    "CHARGEBACK": Record.CHARGEBACK,
    "CAPTURE_FAILED": Record.CAPTURE_FAILED,
}


class OtherAmount(msgspec.Struct, forbid_unknown_fields=True):
    """An amount of the other system, in minor units; it can be any whole number."""

    currency: str
    value: int


class OtherSystemEvent(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An event of the other system, as the body of a control call."""

    reference: Annotated[str, msgspec.Meta(min_length=1)]
    #: A number without a currency is in rupiah.
    amount: int | OtherAmount
    payment_method: Annotated[str, msgspec.Meta(min_length=1)] = "visa"
    event: Literal["AUTHORISATION", "REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"] = (
        "AUTHORISATION"
    )
    success: bool = True
    #: The pspReference of the changed payment; None: a random pspReference.
    original_reference: Annotated[str, msgspec.Meta(min_length=1)] | None = None


def send(twin: Twin, other: OtherSystemEvent) -> str:
    """Send an event of the other system; return the event's pspReference."""
    amount = _amount(other)
    event = Event(
        at=twin.now(),
        code=other.event,
        success=other.success,
        psp_reference=names.psp_reference(),
        value=amount.value,
        reason="" if other.success else "Refused",
        original_reference=_original(other),
    )
    payment_notifications.other_system(
        twin, event, amount, reference=other.reference, method=other.payment_method
    )
    if other.success and amount.value > 0 and other.event in RECORDS:
        journal.by_other_system(twin, _entry(event, amount, other))
    return event.psp_reference


def _entry(event: Event, amount: Amount, other: OtherSystemEvent) -> Entry:
    return Entry(
        at=event.at,
        record=RECORDS[other.event],
        psp_reference=event.original_reference or event.psp_reference,
        reference=other.reference,
        method=other.payment_method,
        currency=amount.currency,
        value=amount.value,
        created_at=event.at,
        modification=event.psp_reference,
        modification_reference=journal.AUTOMATIC if other.event == "AUTHORISATION" else "",
    )


def _amount(other: OtherSystemEvent) -> Amount:
    if isinstance(other.amount, int):
        return Amount(CURRENCY, other.amount)
    return Amount(other.amount.currency, other.amount.value)


def _original(other: OtherSystemEvent) -> str | None:
    """Return the originalReference; a random one if a modification has none."""
    if other.original_reference is not None or other.event == "AUTHORISATION":
        return other.original_reference
    return names.psp_reference()

"""Another system that uses the same merchant account, and perhaps the same references.

Shops have their other payment methods at Adyen too, under the same order numbers, and one
webhook endpoint gets the notifications of all. The twin does not make such payments; it
sends the notifications that Adyen would send.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from adyen_twin.core import names
from adyen_twin.core.state import Amount, Event
from adyen_twin.core.twin import Twin
from adyen_twin.protocol.limits import CURRENCY
from adyen_twin.webhooks import payment_notifications


class OtherAmount(msgspec.Struct, forbid_unknown_fields=True):
    """An amount of the other system: any whole number, as a test of the shop."""

    currency: str
    value: int


class OtherSystemEvent(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An event of the other system, as a control call gives it."""

    reference: Annotated[str, msgspec.Meta(min_length=1)]
    #: A plain number is in rupiah.
    amount: int | OtherAmount
    payment_method: Annotated[str, msgspec.Meta(min_length=1)] = "visa"
    event: Literal["AUTHORISATION", "REFUND", "CHARGEBACK", "CANCELLATION", "CAPTURE_FAILED"] = (
        "AUTHORISATION"
    )
    success: bool = True
    #: The payment that is changed; None: a payment of the other system.
    original_reference: Annotated[str, msgspec.Meta(min_length=1)] | None = None


def send(twin: Twin, other: OtherSystemEvent) -> str:
    """Send an event of the other system; return its pspReference."""
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
    return event.psp_reference


def _amount(other: OtherSystemEvent) -> Amount:
    if isinstance(other.amount, int):
        return Amount(CURRENCY, other.amount)
    return Amount(other.amount.currency, other.amount.value)


def _original(other: OtherSystemEvent) -> str | None:
    """Return the originalReference; for a change without one, a payment unknown to the shop."""
    if other.original_reference is not None or other.event == "AUTHORISATION":
        return other.original_reference
    return names.psp_reference()

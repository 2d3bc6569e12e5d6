"""Disputes of a payment: what the shopper's side does, told as Adyen tells it.

All events of one dispute bear one pspReference, and name the payment as their original (Adyen's
page on dispute notifications; its Webhooks schema for the additional data). GUESS: that GoPay has
disputes at all, and which status goes with which event.
"""

from typing import Final

from adyen_twin.controls.requests import DisputeOrder
from adyen_twin.core import names
from adyen_twin.core.clock import spelled
from adyen_twin.core.state import Event, Payment
from adyen_twin.core.twin import Twin
from adyen_twin.webhooks import payment_notifications

_A_DAY_S: Final = 86_400

#: The status that goes with an event, where none is told.
STATUSES: Final = {
    "NOTIFICATION_OF_CHARGEBACK": "Unresponded",
    "CHARGEBACK": "Undefended",
    "INFORMATION_SUPPLIED": "Pending",
    "DISPUTE_DEFENSE_PERIOD_ENDED": "Expired",
    "CHARGEBACK_REVERSED": "Pending",
    "SECOND_CHARGEBACK": "Lost",
    "PREARBITRATION_WON": "Won",
    "PREARBITRATION_LOST": "Lost",
}


def act(twin: Twin, payment: Payment, order: DisputeOrder) -> str:
    """Tell of a dispute; return its pspReference."""
    event = Event(
        at=twin.now(),
        code=order.event,
        success=True,
        psp_reference=order.psp_reference or _last(payment) or names.psp_reference(),
        value=payment.amount.value if order.value is None else order.value,
        reason=order.reason,
        original_reference=payment.psp_reference,
    )
    additional = {
        "chargebackReasonCode": order.reason_code,
        "disputeStatus": order.dispute_status or STATUSES[order.event],
        "defendable": "true",
        "defensePeriodEndsAt": spelled(twin.now() + order.defense_days * _A_DAY_S),
    }
    payment_notifications.disputed(twin, payment, event, additional)
    return event.psp_reference


def _last(payment: Payment) -> str | None:
    """Return the name of the payment's newest dispute, if it has one."""
    found = (event.psp_reference for event in reversed(payment.events) if event.code in STATUSES)
    return next(found, None)

"""Disputes of a payment: the notifications that Adyen sends about a dispute.

All events of one dispute have the same pspReference; the originalReference is the payment's.
Source: Adyen's page on dispute notifications, and its Webhooks schema for
additionalData. GUESS: that GoPay has disputes, and the status of each event.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from adyen_twin.core import names
from adyen_twin.core.books import Record
from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import Event, Payment
from adyen_twin.core.twin import Twin
from adyen_twin.settlement import journal
from adyen_twin.webhooks import payment_notifications

_DAY_S: Final = 86_400

#: An event -> the status of the dispute after it, if the control call gives no other status.
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
#: The events that move money, and their records in the reports. GUESS: that no other does.
RECORDS: Final = {
    "CHARGEBACK": Record.CHARGEBACK,
    "CHARGEBACK_REVERSED": Record.CHARGEBACK_REVERSED,
    "SECOND_CHARGEBACK": Record.SECOND_CHARGEBACK,
}


class DisputeEvent(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An event of a dispute, as the body of a control call."""

    event: Literal[
        "NOTIFICATION_OF_CHARGEBACK",
        "CHARGEBACK",
        "INFORMATION_SUPPLIED",
        "DISPUTE_DEFENSE_PERIOD_ENDED",
        "CHARGEBACK_REVERSED",
        "SECOND_CHARGEBACK",
        "PREARBITRATION_WON",
        "PREARBITRATION_LOST",
    ] = "NOTIFICATION_OF_CHARGEBACK"
    #: The dispute's pspReference; None: the payment's newest dispute, or a new dispute.
    psp_reference: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    #: In minor units; None: the amount of the payment.
    value: Annotated[int, msgspec.Meta(ge=0)] | None = None
    reason: str = "Goods or Services Not Provided"
    reason_code: str = "13.1"
    #: The number of days from now in which the shop can defend itself.
    defense_days: Annotated[float, msgspec.Meta(ge=0, le=366)] = 14.0
    #: Adyen's name of the dispute's status; None: the status in STATUSES.
    dispute_status: str | None = None


def send(twin: Twin, payment: Payment, dispute: DisputeEvent) -> str:
    """Send an event of a dispute; return the dispute's pspReference."""
    event = Event(
        at=twin.now(),
        code=dispute.event,
        success=True,
        psp_reference=dispute.psp_reference or _newest(payment) or names.psp_reference(),
        value=payment.amount.value if dispute.value is None else dispute.value,
        reason=dispute.reason,
        original_reference=payment.psp_reference,
    )
    additional_data = {
        "chargebackReasonCode": dispute.reason_code,
        "disputeStatus": dispute.dispute_status or STATUSES[dispute.event],
        "defendable": "true",
        "defensePeriodEndsAt": format_adyen(twin.now() + dispute.defense_days * _DAY_S),
    }
    if event.code in RECORDS:
        journal.disputed(
            twin,
            payment,
            RECORDS[event.code],
            psp_reference=event.psp_reference,
            value=event.value,
        )
    payment_notifications.dispute(twin, payment, event, additional_data)
    return event.psp_reference


def _newest(payment: Payment) -> str | None:
    """Return the pspReference of the payment's newest dispute, if it has one."""
    references = (
        event.psp_reference for event in reversed(payment.events) if event.code in STATUSES
    )
    return next(references, None)

"""Another system that uses the same merchant account, and perhaps the same references.

Shops keep their other ways to pay at Adyen, under the same order numbers, and one address hears of
all of them. The twin takes no such payments; it tells of them as Adyen would.
"""

from adyen_twin.controls.requests import ForeignOrder
from adyen_twin.core import names
from adyen_twin.core.state import Amount, Event
from adyen_twin.core.twin import Twin
from adyen_twin.protocol.limits import CURRENCY
from adyen_twin.webhooks import payment_notifications


def act(twin: Twin, order: ForeignOrder) -> str:
    """Tell of what the other system did; return the pspReference of it."""
    amount = _amount(order)
    event = Event(
        at=twin.now(),
        code=order.event,
        success=order.success,
        psp_reference=names.psp_reference(),
        value=amount.value,
        reason="" if order.success else "Refused",
        original_reference=_original(order),
    )
    payment_notifications.foreign(
        twin, event, amount, reference=order.reference, method=order.payment_method
    )
    return event.psp_reference


def _amount(order: ForeignOrder) -> Amount:
    if isinstance(order.amount, int):
        return Amount(CURRENCY, order.amount)
    return Amount(order.amount.currency, order.amount.value)


def _original(order: ForeignOrder) -> str | None:
    """Return whose change it is: of the payment named, else of one that the shop never saw."""
    if order.original_reference is not None or order.event == "AUTHORISATION":
        return order.original_reference
    return names.psp_reference()

"""One example of every event, as the outbox stores it, with only the required fields.

The types come from the enums in `src`, so a new type is included. `every_event` raises a KeyError
if the part of its name before the dot is not in `_DATA`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from fakes import NOW
from kasir.shop_events.event_policy import EventType
from kasir.shop_events.shapes import AmountOut, PaymentOut, TokenOut
from kasir.shop_events.subscription_shapes import IntervalOut, SubscriptionOut
from kasir.store.outbox import OutgoingEvent
from kasir.subscriptions.events import SubscriptionEvent

REFERENCE: Final = "ORDER-1001"
SHOPPER: Final = "shopper-77"
_AMOUNT: Final = AmountOut("IDR", 25_000)

_PAYMENT: Final = PaymentOut(
    id="pay_1",
    reference=REFERENCE,
    status="authorised",
    amount=_AMOUNT,
    captured=25_000,
    refunded=0,
    created_at=NOW,
    facts=[],
)
_TOKEN: Final = TokenOut(
    id="tok_1",
    stored_payment_method_id="M5N7TQ4TG5PFWR50",
    shopper_reference=SHOPPER,
    type="gopay_wallet",
    state="active",
    recurring_processing_model="",
    psp_reference="",
    created_at=NOW,
)
_SUBSCRIPTION: Final = SubscriptionOut(
    id="sub_1",
    reference=REFERENCE,
    status="active",
    plan="pln_1",
    shopper_reference=SHOPPER,
    amount=_AMOUNT,
    interval=IntervalOut("month", 1),
    time_zone="Asia/Jakarta",
    created_at=NOW,
)
#: The data of an event, by the first part of its type.
_DATA: Final[dict[str, msgspec.Struct]] = {
    **dict.fromkeys(("payment", "capture", "cancel", "refund"), _PAYMENT),
    "token": _TOKEN,
    **dict.fromkeys(("subscription", "renewal"), _SUBSCRIPTION),
}


def every_event() -> Iterator[OutgoingEvent]:
    """Each type of event once."""
    for event in (*EventType, *SubscriptionEvent):
        yield OutgoingEvent("subject", event, _DATA[event.partition(".")[0]])


def body_of(event: OutgoingEvent) -> bytes:
    """The JSON body with which Kasir delivers this event."""
    body = {"type": event.type, "timestamp": NOW, "data": event.data}
    return msgspec.json.encode(body)

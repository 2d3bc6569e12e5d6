"""Events, for shops that fetch them instead of receiving webhooks: `/api/events`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.params import QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.shop_events.shapes import Moment
from kasir.store.outbox import StoredEvent
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import check_parameters_and_no_body


class EventOut(msgspec.Struct):
    """An event: its id, and the content of its webhook."""

    id: str
    type: str
    timestamp: Moment
    data: dict[str, Any]


class _Body(msgspec.Struct):
    """The content of an event's webhook."""

    type: str
    timestamp: Moment
    data: dict[str, Any]


class EventsOut(msgspec.Struct):
    """A page of events in order; `next` is the `after` of the following page."""

    events: list[EventOut]
    next: str | None


After = Annotated[
    str | None,
    QueryParameter(name="after", required=False, description="The id of the last event you have."),
]

OfType = Annotated[str, QueryParameter(name="type", max_length=80, description="Their type.")]
OfPayment = Annotated[
    str, QueryParameter(name="payment", max_length=80, description="The id of their payment.")
]

_PARAMETERS: Final = frozenset({"after", "type", "payment"})


@get("/api/events")
async def get_events(
    request: AnyRequest,
    parts: OurParts,
    after: After = None,
    of_type: OfType = "",
    payment: OfPayment = "",
) -> EventsOut:
    """List the events after a given one, oldest first; of a type or a payment, if it is given."""
    await check_parameters_and_no_body(request, _PARAMETERS)
    try:
        most = parts.settings.limits.events_listed_max
        stored = await parts.events.after(after or None, most, of_type=of_type, subject=payment)
    except NotFound as error:
        cure = (
            "is not the id of an event, or the event was delivered long ago and is not stored any "
            "more; give the `next` of an earlier answer, or leave it out."
        )
        raise InvalidRequest([Fault("after", cure)]) from error
    events = [_event_out(event) for event in stored]
    return EventsOut(events=events, next=events[-1].id if events else after)


def _event_out(event: StoredEvent) -> EventOut:
    body = msgspec.json.decode(event.payload, type=_Body)
    return EventOut(id=event.name, type=body.type, timestamp=body.timestamp, data=body.data)


ROUTES: Final = keyed_router("Kasir", [get_events])

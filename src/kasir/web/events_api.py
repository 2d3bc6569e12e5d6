"""What the shop is told, for shops that rather fetch it: `/api/events`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurKasir
from kasir.store.outbox import StoredEvent
from kasir.web.keys import KEYED, needs_key
from kasir.web.parameters import refuse_all_but


class EventOut(msgspec.Struct):
    """An event: the body that a delivery carries, with its id."""

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


class _Body(msgspec.Struct):
    type: str
    timestamp: datetime
    data: dict[str, Any]


class EventsOut(msgspec.Struct):
    """Events in order. Ask again with `after` set to `next` for what comes later."""

    events: list[EventOut]
    next: str | None


After = Annotated[
    str | None,
    QueryParameter(name="after", required=False, description="The id of the last event you have."),
]

_KNOWN: Final = frozenset({"after"})


@get("/api/events")
async def get_events(request: AnyRequest, kasir: OurKasir, after: After = None) -> EventsOut:
    """Give the events after one you have, oldest first."""
    await refuse_all_but(request, _KNOWN)
    try:
        found = await kasir.events.after(after or None, kasir.settings.limits.events_listed_max)
    except NotFound as error:
        cure = (
            "is no event's id, or one's that was delivered long ago and is kept no more; give the "
            "`next` of an earlier answer, or leave it out."
        )
        raise InvalidRequest([Fault("after", cure)]) from error
    events = [_shown(event) for event in found]
    return EventsOut(events, events[-1].id if events else after)


def _shown(event: StoredEvent) -> EventOut:
    body = msgspec.json.decode(event.payload, type=_Body)
    return EventOut(event.name, body.type, body.timestamp, body.data)


ROUTES = Router(
    path="/", before_request=needs_key, security=KEYED, tags=["Kasir"], route_handlers=[get_events]
)

"""The status page of a payment, and the stream of server-sent events that keeps it up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from litestar import get, route
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from kasir.browser_requests import READ_METHODS, client_key
from kasir.clock import pause
from kasir.http_types import AnyRequest, OurParts
from kasir.payment_form.link_lookup import find_payment, payment_of
from kasir.payment_form.live_updates import ChangePollers
from kasir.payment_form.pages import Page, Visit
from kasir.payment_form.rate_limits import visitor_limits
from kasir.payment_form.status_views import (
    StatusView,
    status_page,
    status_part,
    status_view,
    title,
)
from kasir.payments.payment import Payment
from kasir.requests.payment_links import OpenLink
from kasir.shutdown import Shutdown
from kasir.store import database

#: A payment is read again this often even without a change, because its view also depends on the
#: time. If the view is the same, a comment is sent, so that proxies keep the idle connection open.
_READ_AGAIN_S: Final = 10.0
_CHECK_SHUTDOWN_S: Final = 1.0
_RECONNECT_MS: Final = 2000


@route(
    "/pay/{link_id:str}/payments/{payment_id:str}",
    http_method=READ_METHODS,
    include_in_schema=False,
)
async def get_payment(
    request: AnyRequest, parts: OurParts, link_id: FromPath[str], payment_id: FromPath[str]
) -> Page:
    """Show the status of a payment."""
    visit, open_link, payment = await find_payment(request, parts, link_id, payment_id)
    return status_page(visit, open_link, payment)


@get("/pay/{link_id:str}/payments/{payment_id:str}/events", include_in_schema=False)
async def get_events(
    request: AnyRequest, parts: OurParts, link_id: FromPath[str], payment_id: FromPath[str]
) -> ServerSentEvent:
    """Stream the status of a payment until it is final."""
    visit, open_link, payment = await find_payment(request, parts, link_id, payment_id)
    return ServerSentEvent(
        _stream(request, visit, open_link, payment),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    request: AnyRequest, visit: Visit, open_link: OpenLink, payment: Payment
) -> AsyncIterator[ServerSentEventMessage]:
    """Yield the view now and after each change, until it is final.

    If the stream ends before the final view, the browser reconnects. If too many streams are open,
    the stream ends after the first view, and the browser reconnects later than usual; so the page
    still shows every change, with a delay.
    """
    limits, view = visit.parts.settings.limits, status_view(open_link, payment)
    with visitor_limits(request).stream_slot(open_link.link.id, client_key(request)) as has_slot:
        retry_ms = _RECONNECT_MS if has_slot else int(limits.follow_again_s * 1000)
        yield ServerSentEventMessage(data=None, retry=retry_ms, comment="follow")
        yield _message(visit, open_link, payment, view)
        if not has_slot or view.is_final:
            return
        pollers: ChangePollers = request.app.state.changes
        async with pollers.of(visit.parts.pool).subscribe(
            open_link.link.id, payment.intent.id
        ) as changed:
            async for message in _changes(request, visit, open_link, payment, changed):
                yield message


async def _changes(
    request: AnyRequest, visit: Visit, open_link: OpenLink, payment: Payment, changed: asyncio.Event
) -> AsyncIterator[ServerSentEventMessage]:
    """Yield a message for each new view, until a view is final or after `follow_s` seconds."""
    parts, shown = visit.parts, status_view(open_link, payment)
    shutdown: Shutdown = request.app.state.shutdown
    for _ in range(int(parts.settings.limits.follow_s / _READ_AGAIN_S)):
        if not await _wait_for_change(changed, shutdown):
            return
        try:
            open_link = await parts.links.find(open_link.link.id)
            payment = await payment_of(parts, open_link, payment.intent.id)
        except database.DRIVER_ERRORS:
            return  # The browser reconnects, and its next request gets the error.
        view = status_view(open_link, payment)
        if view == shown:
            yield ServerSentEventMessage(data=None, comment="still here")
            continue
        yield _message(visit, open_link, payment, view)
        shown = view
        if view.is_final:
            return


async def _wait_for_change(changed: asyncio.Event, shutdown: Shutdown) -> bool:
    """Wait for a change, at most `_READ_AGAIN_S`; False if the server is shutting down."""
    for _ in range(int(_READ_AGAIN_S / _CHECK_SHUTDOWN_S)):
        await pause(_CHECK_SHUTDOWN_S, changed)
        if shutdown.is_requested:
            return False
        if changed.is_set():
            changed.clear()
            break
    return True


def _message(
    visit: Visit, open_link: OpenLink, payment: Payment, view: StatusView
) -> ServerSentEventMessage:
    data = {
        "sign": view.key,
        "title": title(visit, view),
        "final": view.is_final,
        "html": status_part(visit, open_link, payment),
    }
    return ServerSentEventMessage(event="standing", data=msgspec.json.encode(data))

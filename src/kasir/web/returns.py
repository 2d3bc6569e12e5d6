"""The shopper is back from the wallet: ask what became of it, and follow it to its final word.

The return only hurries the outcome; where asking fails, the notification brings it all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from litestar import HttpMethod, get, route
from litestar.params import FromPath
from litestar.response import ServerSentEvent, ServerSentEventMessage

from kasir.adyen.calls import OWN_VERSION
from kasir.errors import KasirError
from kasir.gateway.links import OpenLink
from kasir.ids import PaymentId
from kasir.payments.facts import returned
from kasir.payments.payment import Payment
from kasir.web.handed import AnyRequest, OurKasir
from kasir.web.pages import SHOWN, Page, Visit, pairs, posted
from kasir.web.stopping import Stopping
from kasir.web.views import Standing, payment_of, standing, status_page, status_part, title
from kasir.wiring import Kasir

_LOOK_S: Final = 1.0
#: A line that says nothing, so that no proxy takes the silence for the end.
_ALIVE_EVERY: Final = 15
_RECONNECT_MS: Final = 2000

_log = structlog.get_logger("kasir.web")


@route(
    "/pay/{link_id:str}/return/{payment_id:str}",
    http_method=[*SHOWN, HttpMethod.POST],
    status_code=200,
    include_in_schema=False,
)
async def come_back(
    request: AnyRequest, kasir: OurKasir, link_id: FromPath[str], payment_id: FromPath[str]
) -> Page:
    """Take the redirectResult, by GET or by POST, and go on to how the payment stands."""
    visit = Visit.of(request, kasir)
    found = await kasir.links.find(link_id)
    payment = await payment_of(kasir, found, payment_id)
    brought = dict(pairs(request.scope["query_string"]))
    if request.method == "POST":
        brought |= await posted(request)
    result = brought.get("redirectResult", "")
    if result and request.method != "HEAD":
        await _finish(kasir, result, payment.intent.id)
    return visit.to(visit.address(link_id, "payments", payment.intent.id))


async def _finish(kasir: Kasir, result: str, payment_id: PaymentId) -> None:
    """Ask Adyen what became of it. Whatever goes wrong, the page that follows waits for news.

    The result may be another payment's, so the answer is given to whose it is. That somebody came
    back to this payment is noted; its page then waits for the notification.
    """
    body = msgspec.json.encode({"details": {"redirectResult": result}})
    try:
        answer = await kasir.checkout.details(body, OWN_VERSION)
    except KasirError as error:
        _log.warning("return without details", payment=payment_id, why=str(error))
        return
    if answer.status == HTTPStatus.OK:
        await kasir.payments.add_facts(payment_id, [returned(kasir.clock.now())])


@route(
    "/pay/{link_id:str}/payments/{payment_id:str}",
    http_method=SHOWN,
    include_in_schema=False,
)
async def get_payment(
    request: AnyRequest, kasir: OurKasir, link_id: FromPath[str], payment_id: FromPath[str]
) -> Page:
    """Show how a payment stands now."""
    found = await kasir.links.find(link_id)
    payment = await payment_of(kasir, found, payment_id)
    return status_page(Visit.of(request, kasir, found.locale), found, payment)


@get("/pay/{link_id:str}/payments/{payment_id:str}/events", include_in_schema=False)
async def get_events(
    request: AnyRequest, kasir: OurKasir, link_id: FromPath[str], payment_id: FromPath[str]
) -> ServerSentEvent:
    """Tell the page whenever the payment stands otherwise, until its final word."""
    found = await kasir.links.find(link_id)
    payment = await payment_of(kasir, found, payment_id)
    visit = Visit.of(request, kasir, found.locale)
    return ServerSentEvent(
        _follow(visit, found, payment, _goes_on(request)),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _goes_on(request: AnyRequest) -> Callable[[], bool]:
    """Whether the server means to go on; a stop waits for every answer that is under way."""
    stopping: Stopping = request.app.state.stopping
    return lambda: not stopping.is_asked


async def _follow(
    visit: Visit, found: OpenLink, payment: Payment, goes_on: Callable[[], bool]
) -> AsyncIterator[ServerSentEventMessage]:
    """How it stands, and again whenever that changes. Ends; the browser then connects anew."""
    kasir, shown = visit.kasir, None
    yield ServerSentEventMessage(data=None, retry=_RECONNECT_MS, comment="follow")
    for look in range(1, int(kasir.settings.limits.follow_s / _LOOK_S) + 1):
        stands = standing(found, payment)
        if stands != shown:
            yield _news(visit, found, payment, stands)
            shown = stands
        elif look % _ALIVE_EVERY == 0:
            yield ServerSentEventMessage(data=None, comment="still here")
        if stands.is_final or not goes_on():
            return
        await asyncio.sleep(_LOOK_S)
        found = await kasir.links.find(found.link.id)
        payment = await payment_of(kasir, found, payment.intent.id)


def _news(
    visit: Visit, found: OpenLink, payment: Payment, stands: Standing
) -> ServerSentEventMessage:
    told = {
        "sign": stands.sign,
        "title": title(visit, stands),
        "final": stands.is_final,
        "html": status_part(visit, found, payment),
    }
    return ServerSentEventMessage(event="standing", data=msgspec.json.encode(told))

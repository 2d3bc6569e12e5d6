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
from kasir.adyen.replies import ResultCode
from kasir.clock import pause
from kasir.errors import KasirError
from kasir.http_types import AnyRequest, OurKasir
from kasir.ids import PaymentId
from kasir.payment_form.following import Following
from kasir.payment_form.pages import SHOWN, Page, Visit, pairs, posted
from kasir.payment_form.views import Standing, payment_of, standing, status_page, status_part, title
from kasir.payment_form.visitors import address_of, visitors_of
from kasir.payments.facts import returned
from kasir.payments.payment import Payment
from kasir.requests.payment_links import OpenLink
from kasir.stopping import Stopping
from kasir.store import database
from kasir.wiring import Kasir

#: What changes with the time alone is looked for this often; without news, a line that says
#: nothing is sent then, so that no proxy takes the silence for the end.
_LOOK_ANYWAY_S: Final = 10.0
_STOPS_S: Final = 1.0
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
        await _finish(request, kasir, result, payment.intent.id)
    return visit.to(visit.address(link_id, "payments", payment.intent.id))


async def _finish(request: AnyRequest, kasir: Kasir, result: str, payment_id: PaymentId) -> None:
    """Ask Adyen what became of it. Whatever goes wrong, the page that follows waits for news.

    The result may be another payment's, so the answer is given to whose it is. That somebody came
    back to this payment is noted; its page then waits for the notification.

    Anybody can make results up, and each is a call to Adyen that is kept. After some of which
    Adyen knew nothing, it is not asked for a while: the notification tells all the same.
    """
    visitors, address, now = visitors_of(request), address_of(request), kasir.clock.now()
    if not visitors.returns_from.take(address, now):
        return
    if not visitors.returns.take(payment_id, now):
        return
    if await _is_known(kasir, result, payment_id):
        visitors.returns_from.give_back(address)
        visitors.returns.give_back(payment_id)
    elif visitors.returns.is_spent(payment_id):
        _log.warning("too many returns with unknown results", payment=payment_id)


async def _is_known(kasir: Kasir, result: str, payment_id: PaymentId) -> bool:
    """Ask Adyen; gives whether it knew the result."""
    try:
        answer = await kasir.checkout.finish({"details": {"redirectResult": result}}, OWN_VERSION)
    except KasirError as error:
        _log.warning("return without details", payment=payment_id, why=str(error))
        return False
    if answer.status != HTTPStatus.OK:
        return False
    await kasir.payments.add_facts(payment_id, [returned(kasir.clock.now())])
    # Which is also what is said where Adyen did not answer.
    return answer.json().get("resultCode") != ResultCode.RECEIVED


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
        _follow(request, visit, found, payment),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _goes_on(request: AnyRequest) -> Callable[[], bool]:
    """Whether the server means to go on; a stop waits for every answer that is under way."""
    stopping: Stopping = request.app.state.stopping
    return lambda: not stopping.is_asked


async def _follow(
    request: AnyRequest, visit: Visit, found: OpenLink, payment: Payment
) -> AsyncIterator[ServerSentEventMessage]:
    """How it stands, and again whenever that changes. Ends; the browser then connects anew.

    Where too many follow already, it ends at once and the browser looks again after a while: the
    page works as before, and is a little later.
    """
    limits, stands = visit.kasir.settings.limits, standing(found, payment)
    with visitors_of(request).streaming(found.link.id, address_of(request)) as is_free:
        retry_ms = _RECONNECT_MS if is_free else int(limits.follow_again_s * 1000)
        yield ServerSentEventMessage(data=None, retry=retry_ms, comment="follow")
        yield _news(visit, found, payment, stands)
        if not is_free or stands.is_final:
            return
        following: Following = request.app.state.following
        async with following.news(found.link.id, payment.intent.id) as news:
            async for message in _changes(request, visit, found, payment, news):
                yield message


async def _changes(
    request: AnyRequest, visit: Visit, found: OpenLink, payment: Payment, news: asyncio.Event
) -> AsyncIterator[ServerSentEventMessage]:
    """How a payment stands otherwise than before, whenever it does; until its final word."""
    kasir, shown, goes_on = visit.kasir, standing(found, payment), _goes_on(request)
    for _ in range(int(kasir.settings.limits.follow_s / _LOOK_ANYWAY_S)):
        if not await _heard(news, goes_on):
            return
        try:
            found = await kasir.links.find(found.link.id)
            payment = await payment_of(kasir, found, payment.intent.id)
        except database.TROUBLE:
            return  # The page asks again, and that request says what is wrong.
        stands = standing(found, payment)
        if stands == shown:
            yield ServerSentEventMessage(data=None, comment="still here")
            continue
        yield _news(visit, found, payment, stands)
        shown = stands
        if stands.is_final:
            return


async def _heard(news: asyncio.Event, goes_on: Callable[[], bool]) -> bool:
    """Wait for news, or for as long as it is to be looked for anyway; False: the server stops."""
    for _ in range(int(_LOOK_ANYWAY_S / _STOPS_S)):
        await pause(_STOPS_S, news)
        if not goes_on():
            return False
        if news.is_set():
            news.clear()
            break
    return True


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

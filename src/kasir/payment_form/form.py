"""The hosted payment form: `/pay/{linkId}`, from the basket to the wallet.

A form posts one try at a link, by a name. Whoever posts again, by a double tap, a reload or from a
second window, goes on with the same payment: docs/payment-form.md says what is guaranteed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import structlog
from litestar import Response, post, route
from litestar.params import FromPath

from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.errors import InvalidRequest, StillRunning
from kasir.gateway.methods import GOPAY, METHODS
from kasir.http_types import AnyRequest, OurKasir
from kasir.ids import PaymentId
from kasir.payment_form.basket import basket
from kasir.payment_form.browser_info import browser_info
from kasir.payment_form.consent import agreed, consent_of
from kasir.payment_form.pages import SHOWN, Page, Visit, is_app, pairs, posted, scheme_of
from kasir.payment_form.saved import (
    SavedWallet,
    apart,
    chosen,
    is_gone,
    look_again,
    saved_of,
    was_gone,
)
from kasir.payment_form.views import closed, is_over, payment_of
from kasir.payment_form.visitors import address_of, refuse_other_origins, visitors_of
from kasir.payments.facts import has_returned
from kasir.payments.links import LinkStatus
from kasir.payments.payment import Payment
from kasir.payments.status import Status
from kasir.requests.payment_links import LinkAttempt, OpenLink
from kasir.wiring import Kasir

#: How long after each other those look who wait for an answer: later each time.
_LOOK_AGAIN_S: Final = 0.1
_LOOK_AGAIN_MAX_S: Final = 0.8

_log = structlog.get_logger("kasir.web")


class Offer(StrEnum):
    """Whether the wallet is on offer for this order, as far as Adyen said."""

    #: It is.
    LISTED = "listed"
    #: It is not: not for this amount, or not for this shop.
    NOT_OFFERED = "not_offered"
    #: Adyen did not answer, or not in time.
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved wallet on the form.

    Attributes:
        id: Kasir's name for it.
        told: What Adyen says of whose it is; empty where it says nothing.
        since: When it was saved, told so that no two on one form are told alike.
        remove: Where it is removed; empty where it may not be.
    """

    id: str
    told: str
    since: str
    remove: str


@route("/pay/{link_id:str}", http_method=SHOWN, include_in_schema=False)
async def get_form(request: AnyRequest, kasir: OurKasir, link_id: FromPath[str]) -> Page:
    """Show what is to be paid, and with what."""
    found = await kasir.links.find(link_id)
    visit = Visit.of(request, kasir, found.locale)
    if over := closed(visit, found):
        return over
    under_way = found.under_way
    if under_way and not _leads_to_wallet(found, under_way):
        return visit.to(visit.address(link_id, "payments", under_way.intent.id))
    if under_way:
        return _form(visit, found, Offer.LISTED, [])
    offer, saved = await _offered(request, kasir, found)
    said = dict(pairs(request.scope["query_string"])).get("said", "")
    return _form(visit, found, offer, saved, said if said in _SAID else "")


def _leads_to_wallet(found: OpenLink, payment: Payment) -> bool:
    """Whether the wallet's page of a payment is still to be paid on."""
    is_done = payment.intent.id in found.stale or has_returned(payment.facts)
    return payment.status is Status.AWAITING_SHOPPER and not is_done


@post("/pay/{link_id:str}", status_code=HTTPStatus.OK, include_in_schema=False)
async def post_form(request: AnyRequest, kasir: OurKasir, link_id: FromPath[str]) -> Page:
    """Start the payment, or go on with the one that was started."""
    refuse_other_origins(request, kasir)
    form = await posted(request)  # First: it may be long in coming, and what stands may change.
    found = await kasir.links.find(link_id)
    visit = Visit.of(request, kasir, found.locale)
    if over := closed(visit, found):
        return over
    visitors_of(request).refuse_too_many(link_id, address_of(request), kasir.clock.now())
    attempt = form.get("attempt", "")
    if found.under_way:
        return await _go_on(request, visit, found, found.under_way)
    if not attempt or (not found.reusable and attempt != kasir.links.attempt(found)):
        # A page from before the last try: show how that went, rather than pay anew unasked.
        tries = [payment.intent.id for payment in found.payments[:1]]
        return visit.to(visit.address(link_id, *(["payments", *tries] if tries else [])))
    method = form.get("method", GOPAY.type)
    charged = None if method in METHODS else await chosen(kasir, found, method)
    saves, consent = (False, "") if charged else agreed(visit, found, form.get("consent", ""))
    tried = LinkAttempt(
        name=attempt,
        browser_info=browser_info(form, request.headers),
        charged=charged,
        saves=saves,
        consent=consent,
    )
    return await _start(request, visit, found, tried)


@post(
    "/pay/{link_id:str}/payments/{payment_id:str}",
    status_code=HTTPStatus.OK,
    include_in_schema=False,
)
async def post_payment(
    kasir: OurKasir, request: AnyRequest, link_id: FromPath[str], payment_id: FromPath[str]
) -> Page:
    """Go on with a payment: to the wallet once more, or ask again what became of the asking."""
    refuse_other_origins(request, kasir)
    found = await kasir.links.find(link_id)
    visit = Visit.of(request, kasir, found.locale)
    payment = await payment_of(kasir, found, payment_id)
    visitors_of(request).refuse_too_many(link_id, address_of(request), kasir.clock.now())
    is_paid = found.status is LinkStatus.COMPLETED
    if payment.status not in _RESUMED or is_paid or is_over(found):
        return visit.to(visit.address(link_id, "payments", payment.intent.id))
    return await _go_on(request, visit, found, payment)


#: Where a payment may stand to be gone on with.
_RESUMED: Final = frozenset({Status.CREATED, Status.UNKNOWN, Status.AWAITING_SHOPPER})


async def _offered(
    request: AnyRequest, kasir: Kasir, found: OpenLink
) -> tuple[Offer, Sequence[SavedWallet]]:
    """What the form offers; where it was looked at too often, the wallet without asking Adyen."""
    now = kasir.clock.now()
    if not visitors_of(request).may_ask(found.link.id, address_of(request), now):
        return Offer.LISTED, ()
    return await asyncio.gather(_offer(kasir, found), saved_of(kasir, found))


async def _offer(kasir: Kasir, found: OpenLink) -> Offer:
    """Ask Adyen whether the wallet is on offer for this order, for as long as a shopper waits."""
    request = found.link.request
    asked = {
        "amount": request["amount"],
        "countryCode": GOPAY.country,
        "channel": "Web",
        **{name: request[name] for name in _FILTERS if isinstance(request.get(name), list)},
    }
    asking = kasir.checkout.methods(asked, OWN_VERSION)
    try:
        answer = await asyncio.wait_for(asking, kasir.settings.limits.form_wait_s)
    except TimeoutError:
        return Offer.NO_ANSWER
    listed = answer.json().get("paymentMethods")
    if answer.status != HTTPStatus.OK or not isinstance(listed, list):
        return Offer.NO_ANSWER
    types = {row.get("type") for row in listed if isinstance(row, dict)}
    return Offer.LISTED if GOPAY.type in types else Offer.NOT_OFFERED


_FILTERS: Final = ("allowedPaymentMethods", "blockedPaymentMethods")


#: What the form may be asked to say: what just became of a saved wallet.
_SAID: Final = ("gone", "removed")


def _form(
    visit: Visit, found: OpenLink, offer: Offer, saved: Sequence[SavedWallet], said: str = ""
) -> Response[str]:
    request = found.link.request
    started = found.under_way is not None
    return visit.page(
        "form.html",
        # A program that asks whether the form can be used is told; a shopper reads it.
        HTTPStatus.SERVICE_UNAVAILABLE if offer is Offer.NO_ANSWER else HTTPStatus.OK,
        address=visit.address(found.link.id),
        amount=request["amount"]["value"],
        attempt=visit.kasir.links.attempt(found),
        back=request["returnUrl"],
        consent=None if started else consent_of(visit, found),
        description=request.get("description", ""),
        lines=basket(request),
        offer=offer,
        reference=request["reference"],
        said=said,
        saved=_rows(visit, found, saved),
        started=started,
        until=visit.moment(found.link.expires_at),
    )


def _rows(visit: Visit, found: OpenLink, saved: Sequence[SavedWallet]) -> list[Saved]:
    sinces = apart(visit, [(one.told, one.token.standing.created_at) for one in saved])
    return [
        Saved(
            id=one.token.id,
            told=one.told,
            since=since,
            remove=visit.address(found.link.id, "saved", one.token.id) if found.lets_remove else "",
        )
        for one, since in zip(saved, sinces, strict=True)
    ]


async def _start(request: AnyRequest, visit: Visit, found: OpenLink, tried: LinkAttempt) -> Page:
    """Open a payment, and send the shopper to the wallet."""
    link = found.link

    async def ask() -> tuple[Answer, PaymentId]:
        return await visit.kasir.links.pay(
            link, tried, lambda payment_id: visit.public(link.id, "return", payment_id)
        )

    try:
        heard = await _patiently(request, visit.kasir, found, ask)
    except InvalidRequest as error:
        if tried.charged and was_gone(error):
            return visit.to(visit.address(link.id, said="gone"))
        _log.warning("link cannot be paid", link=link.id, why=str(error))
        return visit.message(
            "not_payable", HTTPStatus.UNPROCESSABLE_ENTITY, back=link.request["returnUrl"]
        )
    if heard is None:
        return _busy(visit, found, tried.name)
    answer, payment_id = heard
    if tried.charged and is_gone(answer):
        await look_again(visit.kasir, found)
        return visit.to(visit.address(link.id, said="gone"))
    return _onwards(visit, found, payment_id, answer)


async def _go_on(request: AnyRequest, visit: Visit, found: OpenLink, payment: Payment) -> Page:
    """Send the shopper to the wallet of a payment opened before; to its page if that is dead."""
    payment_id = payment.intent.id
    its_page = visit.address(found.link.id, "payments", payment_id)
    if payment.status is Status.AWAITING_SHOPPER and not _leads_to_wallet(found, payment):
        return visit.to(its_page)

    async def ask() -> tuple[Answer, PaymentId]:
        return await visit.kasir.checkout.resume(payment_id), payment_id

    heard = await _patiently(request, visit.kasir, found, ask)
    if heard is None or payment_id in found.stale:
        return visit.to(its_page)
    return _onwards(visit, found, payment_id, heard[0])


async def _patiently(
    request: AnyRequest,
    kasir: Kasir,
    found: OpenLink,
    ask: Callable[[], Awaitable[tuple[Answer, PaymentId]]],
) -> tuple[Answer, PaymentId] | None:
    """Ask; where somebody else is asking the same, wait for their answer.

    Returns:
        The answer, or None: it did not come, or too many wait for it already.
    """
    with suppress(StillRunning):
        return await ask()
    give_up_at = kasir.clock.now() + timedelta(seconds=kasir.settings.limits.adyen_timeout_s)
    gap_s = _LOOK_AGAIN_S
    with visitors_of(request).waiting(found.link.id) as may_wait:
        while may_wait and kasir.clock.now() < give_up_at:
            await asyncio.sleep(gap_s)
            gap_s = min(2 * gap_s, _LOOK_AGAIN_MAX_S)
            with suppress(StillRunning):
                return await ask()
    return None


def _busy(visit: Visit, found: OpenLink, attempt: str) -> Response[str]:
    """The same try is being made and has no answer: the button asks for that same try."""
    return visit.message(
        "checking",
        HTTPStatus.SERVICE_UNAVAILABLE,
        again=visit.address(found.link.id),
        attempt=attempt,
    )


def _onwards(visit: Visit, found: OpenLink, payment_id: PaymentId, answer: Answer) -> Page:
    """Where Adyen's answer leads: to the wallet as the action says, else to how it stands."""
    match answer.json().get("action"):
        case {"type": "redirect", "url": str(url), **more} if _is_web(url):
            if more.get("method") != "POST":
                return visit.to(url)
            data = more.get("data")
            return visit.page("leaving.html", url=url, data=data if isinstance(data, dict) else {})
        case {"type": "redirect", "url": str(url)} if is_app(url):
            # No browser follows a redirect from a form to an app everywhere; a link it does.
            its_page = visit.address(found.link.id, "payments", payment_id)
            return visit.page("app.html", url=url, its_page=its_page)
    return visit.to(visit.address(found.link.id, "payments", payment_id))


def _is_web(url: str) -> bool:
    return scheme_of(url) in ("http:", "https:")

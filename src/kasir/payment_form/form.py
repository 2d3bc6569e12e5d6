"""The hosted payment form, `/pay/{linkId}`: shows it, starts a payment, continues one.

Each form carries the name of an attempt at its link. Posting the same attempt again, by a double
tap, a reload or a second window, continues the same payment; docs/payment-form.md lists the
guarantees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import structlog
from litestar import Response, post, route
from litestar.params import FromPath

from kasir.adyen.replies import Answer
from kasir.browser_requests import (
    READ_METHODS,
    client_key,
    posted_fields,
    query_fields,
    require_same_origin,
)
from kasir.errors import InvalidRequest, StillRunning
from kasir.gateway.methods import GOPAY, METHODS
from kasir.http_types import AnyRequest, OurParts
from kasir.ids import PaymentId
from kasir.payment_form.browser_info import browser_info
from kasir.payment_form.consent import agreed, consent_of
from kasir.payment_form.line_items import line_items
from kasir.payment_form.link_lookup import find_link, find_payment
from kasir.payment_form.offers import Offer, find_offer
from kasir.payment_form.pages import Page, Visit
from kasir.payment_form.rate_limits import visitor_limits
from kasir.payment_form.saved_methods import (
    SavedWallet,
    distinct_dates,
    find_saved,
    is_token_gone,
    refresh_saved,
    was_token_gone,
)
from kasir.payment_form.status_views import closed_page, is_over
from kasir.payment_form.wallet_redirect import wallet_page
from kasir.payments.facts import has_returned
from kasir.payments.links import LinkStatus
from kasir.payments.payment import Payment
from kasir.payments.status import Status
from kasir.requests.payment_links import LinkAttempt, OpenLink
from kasir.wiring import Parts

#: The first and the longest interval between repeats while another request makes the same call.
#: Each interval is twice the one before.
_REPEAT_S: Final = 0.1
_REPEAT_MAX_S: Final = 0.8
#: The values of the query parameter `said`: what has just happened to a saved wallet.
_WALLET_CHANGES: Final = ("gone", "removed")
#: The statuses in which a payment can be continued.
_CONTINUED: Final = frozenset({Status.CREATED, Status.UNKNOWN, Status.AWAITING_SHOPPER})

_log = structlog.get_logger("kasir.web")


@dataclass(frozen=True, slots=True)
class SavedRow:
    """A saved wallet as the form shows it.

    Attributes:
        id: Kasir's id of the token.
        owner: A text about the wallet's owner from Adyen's list; may be empty.
        since: When the wallet was saved, written so that no two rows are the same.
        remove_url: The page that removes the wallet; empty if it may not be removed here.
    """

    id: str
    owner: str
    since: str
    remove_url: str


@route("/pay/{link_id:str}", http_method=READ_METHODS, include_in_schema=False)
async def get_form(request: AnyRequest, parts: OurParts, link_id: FromPath[str]) -> Page:
    """Show the order and the ways to pay it."""
    visit, open_link = await find_link(request, parts, link_id)
    if closed := closed_page(visit, open_link):
        return closed
    under_way = open_link.under_way
    if under_way and not _can_be_approved(open_link, under_way):
        return visit.redirect(visit.url(link_id, "payments", under_way.intent.id))
    if under_way:
        return _form_page(visit, open_link, Offer.LISTED, [])
    offer, saved = await find_offer(request, parts, open_link)
    change = query_fields(request).get("said", "")
    return _form_page(visit, open_link, offer, saved, change if change in _WALLET_CHANGES else "")


def _can_be_approved(open_link: OpenLink, payment: Payment) -> bool:
    """Whether the shopper can still approve a payment on the wallet's page."""
    is_done = payment.intent.id in open_link.stale or has_returned(payment.facts)
    return payment.status is Status.AWAITING_SHOPPER and not is_done


@post("/pay/{link_id:str}", status_code=HTTPStatus.OK, include_in_schema=False)
async def post_form(request: AnyRequest, parts: OurParts, link_id: FromPath[str]) -> Page:
    """Start a payment, or continue the one that was started."""
    require_same_origin(request, parts.settings.public_url)
    # Before the link is read, because the link may change while a slow body arrives.
    form = await posted_fields(request)
    visit, open_link = await find_link(request, parts, link_id)
    if closed := closed_page(visit, open_link):
        return closed
    visitor_limits(request).check_form(link_id, client_key(request), parts.clock.now())
    attempt = form.get("attempt", "")
    if open_link.under_way:
        return await _continue(request, visit, open_link, open_link.under_way)
    if not attempt or (not open_link.reusable and attempt != parts.links.attempt(open_link)):
        # The posted page is older than the last attempt: show that attempt, and do not pay again.
        last_ids = [payment.intent.id for payment in open_link.payments[:1]]
        return visit.redirect(visit.url(link_id, *(["payments", *last_ids] if last_ids else [])))
    method = form.get("method", GOPAY.type)
    # The value of `method` is a payment method, or Kasir's id of the token to charge.
    token = None if method in METHODS else await find_saved(parts, open_link, method)
    saves, consent = (False, "") if token else agreed(visit, open_link, form.get("consent", ""))
    link_attempt = LinkAttempt(
        name=attempt,
        browser_info=browser_info(form, request.headers),
        charged=token,
        saves=saves,
        consent=consent,
    )
    return await _start(request, visit, open_link, link_attempt)


@post(
    "/pay/{link_id:str}/payments/{payment_id:str}",
    status_code=HTTPStatus.OK,
    include_in_schema=False,
)
async def post_payment(
    parts: OurParts, request: AnyRequest, link_id: FromPath[str], payment_id: FromPath[str]
) -> Page:
    """Continue a payment: send the shopper to the wallet again, or repeat an unanswered call."""
    require_same_origin(request, parts.settings.public_url)
    visit, open_link, payment = await find_payment(request, parts, link_id, payment_id)
    visitor_limits(request).check_form(link_id, client_key(request), parts.clock.now())
    is_paid = open_link.status is LinkStatus.COMPLETED
    if payment.status not in _CONTINUED or is_paid or is_over(open_link):
        return visit.redirect(visit.url(link_id, "payments", payment.intent.id))
    return await _continue(request, visit, open_link, payment)


def _form_page(
    visit: Visit,
    open_link: OpenLink,
    offer: Offer,
    saved: Sequence[SavedWallet],
    wallet_change: str = "",
) -> Response[str]:
    request = open_link.link.request
    is_started = open_link.under_way is not None
    return visit.page(
        "form.html",
        # From the HTTP status a program sees whether the form can be used.
        HTTPStatus.SERVICE_UNAVAILABLE if offer is Offer.NO_ANSWER else HTTPStatus.OK,
        form_url=visit.url(open_link.link.id),
        amount=request["amount"]["value"],
        attempt=visit.parts.links.attempt(open_link),
        shop_url=open_link.shop_url,
        consent=None if is_started else consent_of(visit, open_link),
        description=request.get("description", ""),
        lines=line_items(request),
        offer=offer,
        reference=request["reference"],
        wallet_change=wallet_change,
        saved=_saved_rows(visit, open_link, saved),
        is_started=is_started,
        valid_until=visit.date_time(open_link.link.expires_at),
    )


def _saved_rows(visit: Visit, open_link: OpenLink, saved: Sequence[SavedWallet]) -> list[SavedRow]:
    dates = distinct_dates(
        visit, [(wallet.owner, wallet.token.summary.created_at) for wallet in saved]
    )
    return [
        SavedRow(
            id=wallet.token.id,
            owner=wallet.owner,
            since=since,
            remove_url=visit.url(open_link.link.id, "saved", wallet.token.id)
            if open_link.lets_remove
            else "",
        )
        for wallet, since in zip(saved, dates, strict=True)
    ]


async def _start(
    request: AnyRequest, visit: Visit, open_link: OpenLink, link_attempt: LinkAttempt
) -> Page:
    """Open a payment, and send the shopper to the wallet."""
    link = open_link.link

    async def pay() -> tuple[Answer, PaymentId]:
        return await visit.parts.links.pay(
            link, link_attempt, lambda payment_id: visit.absolute_url(link.id, "return", payment_id)
        )

    try:
        answered = await _until_answered(request, visit.parts, open_link, pay)
    except InvalidRequest as error:
        if link_attempt.charged and was_token_gone(error):
            return visit.redirect(visit.url(link.id, said="gone"))
        _log.warning("link cannot be paid", link=link.id, why=str(error))
        return visit.message_page(
            "not_payable", HTTPStatus.UNPROCESSABLE_ENTITY, shop_url=open_link.shop_url
        )
    if answered is None:
        return _still_running_page(visit, open_link, link_attempt.name)
    answer, payment_id = answered
    if link_attempt.charged and is_token_gone(answer):
        await refresh_saved(visit.parts, open_link)
        return visit.redirect(visit.url(link.id, said="gone"))
    return wallet_page(visit, open_link, payment_id, answer)


async def _continue(
    request: AnyRequest, visit: Visit, open_link: OpenLink, payment: Payment
) -> Page:
    """Send the shopper to the wallet; if the payment cannot be approved there, to its status."""
    payment_id = payment.intent.id
    status_url = visit.url(open_link.link.id, "payments", payment_id)
    if payment.status is Status.AWAITING_SHOPPER and not _can_be_approved(open_link, payment):
        return visit.redirect(status_url)

    async def resume() -> tuple[Answer, PaymentId]:
        return await visit.parts.checkout.resume(payment_id), payment_id

    answered = await _until_answered(request, visit.parts, open_link, resume)
    if answered is None or payment_id in open_link.stale:
        return visit.redirect(status_url)
    return wallet_page(visit, open_link, payment_id, answered[0])


async def _until_answered(
    request: AnyRequest,
    parts: Parts,
    open_link: OpenLink,
    call: Callable[[], Awaitable[tuple[Answer, PaymentId]]],
) -> tuple[Answer, PaymentId] | None:
    """Make a call; while another request is making the same call, repeat it.

    Returns:
        The answer and the payment; None without an answer in time, or if too many requests wait.
    """
    with suppress(StillRunning):
        return await call()
    give_up_at = parts.clock.now() + timedelta(seconds=parts.settings.limits.adyen_timeout_s)
    gap_s = _REPEAT_S
    with visitor_limits(request).waiting_slot(open_link.link.id) as may_wait:
        while may_wait and parts.clock.now() < give_up_at:
            await asyncio.sleep(gap_s)
            gap_s = min(2 * gap_s, _REPEAT_MAX_S)
            with suppress(StillRunning):
                return await call()
    return None


def _still_running_page(visit: Visit, open_link: OpenLink, attempt: str) -> Response[str]:
    """Show that the attempt has no answer yet, with a button that posts the same attempt."""
    return visit.message_page(
        "checking",
        HTTPStatus.SERVICE_UNAVAILABLE,
        retry_url=visit.url(open_link.link.id),
        attempt=attempt,
    )

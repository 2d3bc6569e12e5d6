"""Wallets that a returning shopper has saved: the form shows them first, and can remove them.

The form shows the tokens that Kasir has stored for the shopper and Adyen still lists. Pages contain
Kasir's id of a token; Adyen's `storedPaymentMethodId`, which a charge needs, never leaves the
server. No failure here may keep a shopper from paying without a saved wallet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar import Response, post, route
from litestar.params import FromPath

from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.browser_requests import READ_METHODS, client_key, require_same_origin
from kasir.errors import InvalidRequest, NotFound
from kasir.gateway.methods import GOPAY
from kasir.http_types import AnyRequest, OurParts
from kasir.payment_form.link_lookup import find_link
from kasir.payment_form.pages import Page, Visit
from kasir.payment_form.rate_limits import visitor_limits
from kasir.payment_form.status_views import closed_page
from kasir.requests.payment_links import CARD_ON_FILE, SUBSCRIPTION, OpenLink
from kasir.tokens.model import Token
from kasir.wiring import Parts

#: How long the form waits for Adyen's list; without it, the form shows no saved wallets.
_WAIT_S: Final = 4.0
#: Adyen's error codes for a token that does not exist or is another shopper's (docs/adyen.md).
_GONE: Final = frozenset({"800", "803"})
#: The fields in which Adyen may name the owner, by precedence.
_OWNERS: Final = ("label", "alias", "ownerName", "holderName")

_log = structlog.get_logger("kasir.web")


@dataclass(frozen=True, slots=True)
class SavedWallet:
    """A token, and a text about its owner from Adyen's list, which may be empty."""

    token: Token
    owner: str


async def list_saved(parts: Parts, open_link: OpenLink) -> Sequence[SavedWallet]:
    """List the saved wallets that can pay a link, newest first; none if Adyen does not answer."""
    if not open_link.returning_shopper:
        return []
    try:
        return await asyncio.wait_for(_listed_by_adyen(parts, open_link.returning_shopper), _WAIT_S)
    except TimeoutError:
        return []


def distinct_dates(visit: Visit, saved: Sequence[tuple[str, datetime]]) -> list[str]:
    """Write when each wallet was saved, so that wallets of the same owner get different texts.

    Each text is a date. If two are the same, all get the time too, and if necessary a number.

    Args:
        visit: The shopper's request.
        saved: The owner of each wallet, and when it was saved.
    """
    dates = [(owner, visit.date(at)) for owner, at in saved]
    if len(set(dates)) == len(dates):
        return [date for _, date in dates]
    times = [(owner, visit.date_time(at)) for owner, at in saved]
    has_same = len(set(times)) < len(times)
    return [
        f"{time} ({number})" if has_same else time
        for number, (_, time) in enumerate(times, start=1)
    ]


async def find_saved(parts: Parts, open_link: OpenLink, token_id: str) -> Token:
    """Find a saved wallet by Kasir's id, even if it can no longer be charged.

    Raises:
        NotFound: The shopper of this link has no such token.
    """
    for token in await _pin_tokens(parts, open_link.returning_shopper):
        if token.id == token_id:
            return token
    raise NotFound("saved wallet", token_id)


def is_token_gone(answer: Answer) -> bool:
    """Whether Adyen answered that the token does not exist."""
    if answer.status != HTTPStatus.UNPROCESSABLE_ENTITY:
        return False
    return answer.json().get("errorCode") in _GONE


def was_token_gone(error: InvalidRequest) -> bool:
    """Whether Kasir refused the charge itself because the token does not exist any more."""
    return any(fault.code in _GONE for fault in error.faults)


async def refresh_saved(parts: Parts, open_link: OpenLink) -> None:
    """Compare a shopper's tokens with Adyen's list; without an answer, a job does it later."""
    with suppress(TimeoutError):
        await asyncio.wait_for(parts.stored.reconcile(open_link.returning_shopper), _WAIT_S)


@route("/pay/{link_id:str}/saved/{token_id:str}", http_method=READ_METHODS, include_in_schema=False)
async def get_saved(
    request: AnyRequest, parts: OurParts, link_id: FromPath[str], token_id: FromPath[str]
) -> Page:
    """Ask the shopper to confirm the removal of a saved wallet."""
    visit, open_link = await find_link(request, parts, link_id)
    if closed := closed_page(visit, open_link):
        return closed
    token = await _removable(parts, open_link, token_id)
    return _confirmation_page(visit, open_link, token, HTTPStatus.OK)


@post(
    "/pay/{link_id:str}/saved/{token_id:str}",
    status_code=HTTPStatus.OK,
    include_in_schema=False,
)
async def post_saved(
    request: AnyRequest, parts: OurParts, link_id: FromPath[str], token_id: FromPath[str]
) -> Page:
    """Remove a saved wallet; a wallet that no longer exists counts as removed."""
    require_same_origin(request, parts.settings.public_url)
    visitor_limits(request).check_form(link_id, client_key(request), parts.clock.now())
    visit, open_link = await find_link(request, parts, link_id)
    if closed := closed_page(visit, open_link):
        return closed
    token = await _removable(parts, open_link, token_id)
    if token.is_active and not await _remove(parts, open_link, token):
        return _confirmation_page(visit, open_link, token, HTTPStatus.SERVICE_UNAVAILABLE)
    return visit.redirect(visit.url(link_id, said="removed"))


async def _remove(parts: Parts, open_link: OpenLink, token: Token) -> bool:
    """Ask Adyen to remove a token; return whether it is removed now."""
    shopper = {"shopperReference": open_link.returning_shopper}
    answer = await parts.stored.remove(token.name.stored_id, shopper, OWN_VERSION)
    if is_token_gone(answer):
        await refresh_saved(parts, open_link)
        return True
    if answer.status != HTTPStatus.NO_CONTENT:
        _log.warning("saved wallet not removed", token=token.id, status=answer.status)
        return False
    return True


async def _removable(parts: Parts, open_link: OpenLink, token_id: str) -> Token:
    """Find a saved wallet that the shopper of this link may remove."""
    if not open_link.lets_remove:
        raise NotFound("saved wallet", token_id)
    return await find_saved(parts, open_link, token_id)


def _confirmation_page(
    visit: Visit, open_link: OpenLink, token: Token, status: int
) -> Response[str]:
    return visit.page(
        "remove.html",
        status,
        has_failed=status != HTTPStatus.OK,
        date=visit.date_time(token.summary.created_at),
        form_url=visit.url(open_link.link.id),
        remove_url=visit.url(open_link.link.id, "saved", token.id),
    )


async def _listed_by_adyen(parts: Parts, shopper: str) -> Sequence[SavedWallet]:
    """List the tokens that both Kasir and Adyen have; first store those whose webhook was lost."""
    query = {"shopperReference": shopper, "type": GOPAY.type}
    answer = await parts.stored.list(query, OWN_VERSION)
    rows = answer.json().get("storedPaymentMethods")
    if answer.status != HTTPStatus.OK or not isinstance(rows, list):
        return []
    owners = {row["id"]: owner_of(row) for row in rows if _is_usable(row)}
    known = {token.name.stored_id for token in await parts.tokens.of(shopper)}
    if owners.keys() - known:
        await parts.stored.reconcile(shopper)
    tokens = await _pin_tokens(parts, shopper)
    return [
        SavedWallet(token, owners[token.name.stored_id])
        for token in tokens
        if token.is_active and token.name.stored_id in owners
    ]


def owner_of(row: Mapping[str, Any]) -> str:
    """Return a text by which the owner recognises the wallet, from a row of Adyen's list.

    Anybody with the link's URL can read the text, so most of an e-mail address is hidden.
    """
    texts = {name: value for name, value in row.items() if isinstance(value, str) and value.strip()}
    if last := texts.get("lastFour"):
        return f"•••• {last[-4:]}"
    if (email := texts.get("shopperEmail")) and "@" in email:
        name, _, host = email.rpartition("@")
        return f"{name[:1]}•••@{host}"
    owner = next((texts[name] for name in _OWNERS if name in texts), "")
    name = texts.get("name", "")
    is_generic = name.lower().replace(" ", "_") in {GOPAY.name.lower(), GOPAY.type}
    return owner or ("" if is_generic else name)


async def _pin_tokens(parts: Parts, shopper: str) -> Sequence[Token]:
    """Return a shopper's tokens that are charged with a PIN.

    Tokens of subscriptions are left out, because removing one would end the subscription.
    """
    account = parts.settings.merchant_account
    return [
        token
        for token in (await parts.tokens.of(shopper) if shopper else ())
        if token.method in (GOPAY.type, "")
        and token.name.merchant_account == account
        and token.model != SUBSCRIPTION
    ]


def _is_usable(row: Any) -> bool:
    """Whether a row of Adyen's list is a token that can be charged with a PIN."""
    match row:
        case {"id": str(), "supportedRecurringProcessingModels": [*models]}:
            return CARD_ON_FILE in models
        case {"id": str()}:
            return True
    return False

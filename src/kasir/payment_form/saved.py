"""Wallets that a returning shopper saved before: shown first on the form, and removed there.

Shown is what Kasir knows to be theirs and Adyen still lists. On a page a saved wallet goes by
Kasir's own name for it; Adyen's name, which charges it, never leaves the server. Nothing here may
keep a shopper from paying in the ordinary way.
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
from kasir.errors import InvalidRequest, NotFound
from kasir.gateway.methods import GOPAY
from kasir.http_types import AnyRequest, OurKasir
from kasir.payment_form.pages import SHOWN, Page, Visit
from kasir.payment_form.views import closed
from kasir.payment_form.visitors import address_of, refuse_other_origins, visitors_of
from kasir.requests.payment_links import CARD_ON_FILE, SUBSCRIPTION, OpenLink
from kasir.tokens.model import Token
from kasir.wiring import Kasir

#: How long the form waits for the list: the ordinary way is on it already.
_WAIT_S: Final = 4.0
#: Adyen's words for a token that is not there, or not this shopper's (docs/adyen.md).
_GONE: Final = frozenset({"800", "803"})
#: Where Adyen may name the owner, the wallet's own word first.
_OWNERS: Final = ("label", "alias", "ownerName", "holderName")

_log = structlog.get_logger("kasir.web")


@dataclass(frozen=True, slots=True)
class SavedWallet:
    """A saved wallet, and what Adyen tells of whose it is; empty where it tells nothing."""

    token: Token
    told: str


async def saved_of(kasir: Kasir, found: OpenLink) -> Sequence[SavedWallet]:
    """The saved wallets that may be used at a link, newest first; none if Adyen does not say."""
    if not found.returning_shopper:
        return []
    try:
        return await asyncio.wait_for(_listed(kasir, found.returning_shopper), _WAIT_S)
    except TimeoutError:
        return []


def apart(visit: Visit, saved: Sequence[tuple[str, datetime]]) -> list[str]:
    """When each was saved: the day; where two would be told alike, the time and a number too."""
    days = [(told, visit.day(at)) for told, at in saved]
    if len(set(days)) == len(days):
        return [day for _, day in days]
    times = [(told, visit.moment(at)) for told, at in saved]
    alike = len(set(times)) < len(times)
    return [
        f"{time} ({number})" if alike else time for number, (_, time) in enumerate(times, start=1)
    ]


async def chosen(kasir: Kasir, found: OpenLink, token_id: str) -> Token:
    """The saved wallet of that name, whether it may still be charged or not.

    Raises:
        NotFound: There is none at this link; it may be another shopper's.
    """
    for token in await _known(kasir, found.returning_shopper):
        if token.id == token_id:
            return token
    raise NotFound("saved wallet", token_id)


def is_gone(answer: Answer) -> bool:
    """Whether Adyen says that there is no such token."""
    if answer.status != HTTPStatus.UNPROCESSABLE_ENTITY:
        return False
    return answer.json().get("errorCode") in _GONE


def was_gone(error: InvalidRequest) -> bool:
    """Whether Kasir itself knew that there is no such token."""
    return any(fault.code in _GONE for fault in error.faults)


async def look_again(kasir: Kasir, found: OpenLink) -> None:
    """Learn from Adyen what became of a shopper's tokens; if it does not say, the job will."""
    with suppress(TimeoutError):
        await asyncio.wait_for(kasir.stored.reconcile(found.returning_shopper), _WAIT_S)


@route("/pay/{link_id:str}/saved/{token_id:str}", http_method=SHOWN, include_in_schema=False)
async def get_saved(
    request: AnyRequest, kasir: OurKasir, link_id: FromPath[str], token_id: FromPath[str]
) -> Page:
    """Ask whether a saved wallet is to be removed."""
    found = await kasir.links.find(link_id)
    visit = Visit.of(request, kasir, found.locale)
    if over := closed(visit, found):
        return over
    token = await _removable(kasir, found, token_id)
    return _asking(visit, found, token, HTTPStatus.OK)


@post(
    "/pay/{link_id:str}/saved/{token_id:str}",
    status_code=HTTPStatus.OK,
    include_in_schema=False,
)
async def post_saved(
    request: AnyRequest, kasir: OurKasir, link_id: FromPath[str], token_id: FromPath[str]
) -> Page:
    """Remove a saved wallet; one that is gone already counts as removed."""
    refuse_other_origins(request, kasir)
    visitors_of(request).refuse_too_many(link_id, address_of(request), kasir.clock.now())
    found = await kasir.links.find(link_id)
    visit = Visit.of(request, kasir, found.locale)
    if over := closed(visit, found):
        return over
    token = await _removable(kasir, found, token_id)
    if token.is_active and not await _remove(kasir, found, token):
        return _asking(visit, found, token, HTTPStatus.SERVICE_UNAVAILABLE)
    return visit.to(visit.address(link_id, said="removed"))


async def _remove(kasir: Kasir, found: OpenLink, token: Token) -> bool:
    whose = {"shopperReference": found.returning_shopper}
    answer = await kasir.stored.remove(token.name.stored_id, whose, OWN_VERSION)
    if is_gone(answer):
        await look_again(kasir, found)
        return True
    if answer.status != HTTPStatus.NO_CONTENT:
        _log.warning("saved wallet not removed", token=token.id, status=answer.status)
        return False
    return True


async def _removable(kasir: Kasir, found: OpenLink, token_id: str) -> Token:
    if not found.lets_remove:
        raise NotFound("saved wallet", token_id)
    return await chosen(kasir, found, token_id)


def _asking(visit: Visit, found: OpenLink, token: Token, status: int) -> Response[str]:
    return visit.page(
        "remove.html",
        status,
        again=status != HTTPStatus.OK,
        date=visit.moment(token.standing.created_at),
        form=visit.address(found.link.id),
        remove=visit.address(found.link.id, "saved", token.id),
    )


async def _listed(kasir: Kasir, shopper: str) -> Sequence[SavedWallet]:
    """A shopper's tokens that hold here and at Adyen; one whose webhook was lost is adopted."""
    asked = {"shopperReference": shopper, "type": GOPAY.type}
    answer = await kasir.stored.list(asked, OWN_VERSION)
    rows = answer.json().get("storedPaymentMethods")
    if answer.status != HTTPStatus.OK or not isinstance(rows, list):
        return []
    usable = {row["id"]: told_of(row) for row in rows if _is_usable(row)}
    known = {token.name.stored_id for token in await kasir.tokens.of(shopper)}
    if usable.keys() - known:
        await kasir.stored.reconcile(shopper)
    tokens = await _known(kasir, shopper)
    return [
        SavedWallet(token, usable[token.name.stored_id])
        for token in tokens
        if token.is_active and token.name.stored_id in usable
    ]


def told_of(row: Mapping[str, Any]) -> str:
    """What a row of Adyen's list tells of whose wallet it is, as its owner knows it and no more.

    Whoever holds the link's address reads it, so of an e-mail address only its ends are shown.
    """
    texts = {name: value for name, value in row.items() if isinstance(value, str) and value.strip()}
    if last := texts.get("lastFour"):
        return f"•••• {last[-4:]}"
    if (email := texts.get("shopperEmail")) and "@" in email:
        name, _, host = email.rpartition("@")
        return f"{name[:1]}•••@{host}"
    owner = next((texts[name] for name in _OWNERS if name in texts), "")
    name = texts.get("name", "")
    is_every_ones = name.lower().replace(" ", "_") in {GOPAY.name.lower(), GOPAY.type}
    return owner or ("" if is_every_ones else name)


async def _known(kasir: Kasir, shopper: str) -> Sequence[Token]:
    """A shopper's tokens that are for use with a PIN.

    One that was made for a subscription is not shown: whoever removed it here would end that.
    """
    account = kasir.settings.merchant_account
    return [
        token
        for token in (await kasir.tokens.of(shopper) if shopper else ())
        if token.method in (GOPAY.type, "")
        and token.name.merchant_account == account
        and token.model != SUBSCRIPTION
    ]


def _is_usable(row: Any) -> bool:
    """Whether a row of Adyen's list can be charged with a PIN, as far as it says."""
    match row:
        case {"id": str(), "supportedRecurringProcessingModels": [*models]}:
            return CARD_ON_FILE in models
        case {"id": str()}:
            return True
    return False

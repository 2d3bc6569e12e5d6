"""Shoppers: a shopper's saved wallets, payments and subscriptions; disabling a wallet."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.acts import Asked, act
from kasir.desk.adyen_answers import require_success
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.errors import NotFound
from kasir.store import payment_search
from kasir.store.payment_search import PaymentFilter
from kasir.store.subscriptions import SubscriptionFilter
from kasir.tokens.model import Token

_PATH: Final = "/desk/tokens"
SECTION: Final = add_section("tokens", _PATH)
#: How many of a shopper's payments and subscriptions are shown, the newest.
_SHOWN_MAX: Final = 20


@page(_PATH)
async def get_shopper(visit: OurVisit) -> Page:
    """Show what a shopper has; without a shopper, a form that asks for one."""
    visit.check_query("shopper")
    shopper, parts = visit.query.get("shopper", "").strip(), visit.parts
    if not shopper:
        return visit.page("shopper.html", shopper="", tokens=[], payments=[], subscriptions=[])
    of_shopper = SubscriptionFilter(shopper_reference=shopper)
    subscriptions = await parts.subscriptions.listed(of_shopper, _SHOWN_MAX, 1)
    return visit.page(
        "shopper.html",
        shopper=shopper,
        tokens=await parts.tokens.of(shopper),
        payments=await payment_search.page(
            parts.pool, PaymentFilter(shopper_reference=shopper), None, _SHOWN_MAX
        ),
        subscriptions=[subscription for subscription, _ in subscriptions],
    )


@act("token.disable", f"{_PATH}/{{token_id:str}}/disable")
async def disable(asked: Asked) -> Page:
    """Remove a saved wallet at Adyen."""
    visit, token = asked.visit, await _token(asked)
    shopper = token.name.shopper_reference
    if not asked.is_confirmed:
        facts = [(visit.text("shopper"), shopper), (visit.text("token"), token.id)]
        return asked.second_look(visit.text("token_disable_look"), facts)
    async with asked.recorded(token.id, {"state": token.summary.state}) as record:
        answer = await visit.parts.stored.disable(token.id)
        if answer is not None:
            require_success(answer)
        record.after = {"state": (await _token(asked)).summary.state}
    return asked.done(_PATH, "token_disabled", shopper=shopper)


async def _token(asked: Asked) -> Token:
    token = await asked.visit.parts.tokens.find(asked.path["token_id"])
    if token is None:
        raise NotFound("token", asked.path["token_id"])
    return token


ROUTES: Final[list[HTTPRouteHandler]] = [get_shopper, disable]

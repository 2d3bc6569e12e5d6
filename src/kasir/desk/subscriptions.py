"""Subscriptions: by state, unpaid renewals, charts of revenue, and the commands of the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kasir.desk.acts import Asked, act
from kasir.desk.charts import bar_chart, line_chart
from kasir.desk.form_fields import chosen_field, moment_field, rupiah_field
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, Visit, money, page
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.money import IDR
from kasir.shop_events.subscription_shapes import SubscriptionOut, shown_subscription
from kasir.store.subscriptions import SubscriptionFilter
from kasir.subscriptions.metrics import Day, by_day
from kasir.subscriptions.plan import HOME_ZONE
from kasir.subscriptions.states import State

_PATH: Final = "/desk/subscriptions"
SECTION: Final = add_section("subscriptions", _PATH)
_LISTED_MAX: Final = 50
_RENEWALS_MAX: Final = 100
_DAYS: Final = 30
_FILTERS: Final = ("status", "shopperReference", "plan", "reference")
#: When a command takes effect. `never` withdraws what is planned.
_WHEN: Final = ("now", "periodEnd", "never")


@page(_PATH)
async def get_subscriptions(visit: OurVisit) -> Page:
    """List subscriptions, with charts of the last thirty days."""
    visit.check_query(*_FILTERS, "after")
    query, book = visit.query, visit.parts.subscriptions
    wanted = SubscriptionFilter(
        state=chosen_field(query, "status", tuple(State)),
        shopper_reference=query.get("shopperReference", "").strip(),
        plan_id=query.get("plan", "").strip(),
        reference=query.get("reference", "").strip(),
        after=query.get("after", ""),
    )
    try:
        found = await book.listed(wanted, _LISTED_MAX + 1, 1)
    except NotFound as error:
        raise InvalidRequest([Fault("after", "must be of an earlier page.")]) from error
    url = visit.parts.settings.public_url
    listed = [shown_subscription(one, renewals, url) for one, renewals in found[:_LISTED_MAX]]
    days = await _days(visit)
    return visit.page(
        "subscriptions.html",
        subscriptions=listed,
        next=listed[-1].id if len(found) > _LISTED_MAX else None,
        states=[("", visit.text("any")), *((one, visit.text(f"sub_{one}")) for one in State)],
        days=days,
        charts=_charts(visit, days),
    )


@page(f"{_PATH}/{{subscription_id:str}}")
async def get_subscription(visit: OurVisit, subscription_id: FromPath[str]) -> Page:
    """Show one subscription, with its renewals and commands."""
    visit.check_query()
    shown = await _shown(visit, subscription_id)
    tokens = await visit.parts.tokens.of(shown.shopper_reference)
    return visit.page(
        "subscription.html",
        subscription=shown,
        when=[(one, visit.text(f"when_{one}")) for one in _WHEN],
        tokens=[(token.id, token.id) for token in tokens if token.is_active],
    )


@act("subscription.cancel", f"{_PATH}/{{subscription_id:str}}/cancel", fields=("at",))
async def cancel(asked: Asked) -> Page:
    """Cancel a subscription now or at the end of the paid period, or withdraw a planned cancel."""
    at = chosen_field(asked.fields, "at", _WHEN) or "now"
    return await _command(asked, {"at": at}, [("when", asked.visit.text(f"when_{at}"))])


@act("subscription.pause", f"{_PATH}/{{subscription_id:str}}/pause", fields=("at", "resumesAt"))
async def pause(asked: Asked) -> Page:
    """Pause a subscription now or at the end of the paid period, or withdraw a planned pause."""
    at = chosen_field(asked.fields, "at", _WHEN) or "now"
    resumes_at, body = moment_field(asked.fields, "resumesAt"), {"at": at}
    facts = [("when", asked.visit.text(f"when_{at}"))]
    if resumes_at:
        body["resumesAt"] = resumes_at.isoformat()
        facts.append(("resumes_at", asked.visit.date_time(resumes_at)))
    return await _command(asked, body, facts)


@act("subscription.resume", f"{_PATH}/{{subscription_id:str}}/resume", fields=("at", "resumesAt"))
async def resume(asked: Asked) -> Page:
    """Resume a subscription now or later, or withdraw a planned resume."""
    later = moment_field(asked.fields, "resumesAt")
    at = chosen_field(asked.fields, "at", ("now", "never")) or "now"
    when = asked.visit.date_time(later) if later else asked.visit.text(f"when_{at}")
    return await _command(asked, {"at": later.isoformat() if later else at}, [("when", when)])


@act("subscription.change", f"{_PATH}/{{subscription_id:str}}/change", fields=("amount", "token"))
async def change(asked: Asked) -> Page:
    """Change the amount from the next period on, or the wallet that is charged."""
    amount, token_id = rupiah_field(asked.fields, "amount"), asked.fields.get("token", "")
    body, facts = dict[str, Any](), list[tuple[str, str]]()
    if amount is not None:
        body["amount"] = {"currency": IDR, "value": amount}
        facts.append(("amount", money(amount)))
    if token_id:
        token = await asked.visit.parts.tokens.find(token_id)
        if token is None:
            raise NotFound("token", token_id)
        body["storedPaymentMethodId"] = token.name.stored_id
        facts.append(("token", token_id))
    return await _command(asked, body, facts)


async def _command(asked: Asked, body: dict[str, Any], facts: list[tuple[str, str]]) -> Page:
    """Give a command, after a second look; it is the last part of the path.

    Raises:
        NotFound: There is no such subscription.
        InvalidRequest: Its state does not allow the command.
    """
    visit, name = asked.visit, asked.path["subscription_id"]
    before = await _shown(visit, name)
    if not asked.is_confirmed:
        own = [(visit.text("subscription"), before.reference)]
        own += [(visit.text(key), value) for key, value in facts]
        return asked.second_look(visit.text(f"look_{asked.act.name}"), own)
    commands, sent = visit.parts.subscribing, msgspec.json.encode(body)
    async with asked.recorded(name, _recorded(before)) as record:
        match asked.act.name.partition(".")[2]:
            case "cancel":
                await commands.cancel(name, sent)
            case "pause":
                await commands.pause(name, sent)
            case "resume":
                await commands.resume(name, sent)
            case "change":
                await commands.change(name, sent)
        record.after = _recorded(await _shown(visit, name))
    return asked.done(f"{_PATH}/{name}", "subscription_changed")


async def _shown(visit: Visit, subscription_id: str) -> SubscriptionOut:
    found, renewals = await visit.parts.subscriptions.find(subscription_id, _RENEWALS_MAX)
    return shown_subscription(found, renewals, visit.parts.settings.public_url)


def _recorded(shown: SubscriptionOut) -> dict[str, Any]:
    """What the audit log has of a subscription."""
    moments = {
        "cancelAt": shown.cancel_at,
        "pauseAt": shown.pause_at,
        "resumesAt": shown.resumes_at,
    }
    kept = {name: moment.isoformat() for name, moment in moments.items() if moment}
    return {"status": shown.status, "amount": shown.amount.value, "token": shown.token, **kept}


async def _days(visit: Visit) -> list[Day]:
    """The figures of the last thirty days, in Jakarta's time zone."""
    zone = ZoneInfo(HOME_ZONE)
    last = visit.parts.clock.now().astimezone(zone).date()
    first = last - timedelta(days=_DAYS - 1)
    return by_day(
        await visit.parts.subscriptions.changes_by_day(HOME_ZONE, first, last), first, last
    )


def _charts(visit: Visit, days: list[Day]) -> list[tuple[str, str]]:
    """The charts, as pairs of a title and an image."""
    labels = [f"{day.day:%d/%m}" for day in days]
    revenue, churn = visit.text("mrr"), visit.text("churn_chart")
    return [
        (revenue, line_chart(labels, {revenue: [round(day.monthly) for day in days]})),
        (
            churn,
            bar_chart(
                labels,
                {
                    visit.text("new"): [day.new for day in days],
                    visit.text("churned"): [day.churned for day in days],
                    visit.text("recovered"): [day.recovered for day in days],
                },
            ),
        ),
    ]


ROUTES: Final[list[HTTPRouteHandler]] = [
    get_subscriptions,
    get_subscription,
    cancel,
    pause,
    resume,
    change,
]

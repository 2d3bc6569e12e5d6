"""Plans and subscriptions: `/api/plans`, `/api/subscriptions`."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from litestar import Response, Router, get, patch, post
from litestar.params import FromPath, QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurKasir
from kasir.shop_events.shapes import AmountOut
from kasir.shop_events.subscription_shapes import (
    PlanOut,
    SubscriptionOut,
    shown_plan,
    shown_subscription,
)
from kasir.store.subscriptions import Wanted
from kasir.subscriptions.metrics import Day, by_day
from kasir.subscriptions.plan import HOME_ZONE
from kasir.subscriptions.states import State
from kasir.web.keys import KEYED, idempotency_key, needs_key
from kasir.web.parameters import NONE, refuse_all_but, refuse_unknown
from kasir.web.problems import response
from kasir.wiring import Kasir

_LISTED_MAX: Final = 100
_RENEWALS_MAX: Final = 400
_DAYS_MAX: Final = 731
_DAYS: Final = 30
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2999, 12, 31)
#: The parameters that a list takes, and the figures.
_LIST: Final = frozenset({"status", "shopperReference", "plan", "reference", "limit", "after"})
_FIGURES: Final = frozenset({"from", "to", "timeZone"})
_CREATED: Final = 201
_ERRORS: Final = 400


class PlansOut(msgspec.Struct):
    """Plans, newest first."""

    plans: list[PlanOut]


class SubscriptionsOut(msgspec.Struct):
    """Subscriptions, newest first. Ask again with `after` set to `next` for those before them."""

    subscriptions: list[SubscriptionOut]
    next: str | None


class DayOut(msgspec.Struct, rename="camel"):
    """One day: how it stood at its end, and what happened on it."""

    day: date
    active: int
    trialing: int
    past_due: int
    paused: int
    new: int
    churned: int
    recovered: int
    monthly_recurring_revenue: AmountOut


class MetricsOut(msgspec.Struct, rename="camel"):
    """The money view, by day of a time zone."""

    time_zone: str
    days: list[DayOut]


@post("/api/plans", status_code=_CREATED)
async def post_plan(request: AnyRequest, kasir: OurKasir) -> PlanOut:
    """Make a plan. It never changes; make another one instead."""
    return shown_plan(await kasir.subscribing.make_plan(await request.body()))


@get("/api/plans")
async def get_plans(kasir: OurKasir) -> PlansOut:
    """Give the newest plans."""
    return PlansOut([shown_plan(plan) for plan in await kasir.subscriptions.plans(_LISTED_MAX)])


@get("/api/plans/{plan_id:str}")
async def get_plan(kasir: OurKasir, plan_id: FromPath[str]) -> PlanOut:
    """Give one plan."""
    plan = await kasir.subscriptions.plan(plan_id) if "\0" not in plan_id else None
    if plan is None:
        raise NotFound("plan", plan_id)
    return shown_plan(plan)


@post("/api/subscriptions", status_code=_CREATED)
async def post_subscription(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Sign a shopper up. `payment` is Adyen's answer: follow its action, finish with details."""
    key = idempotency_key(request)
    found, answer = await kasir.subscribing.sign_up(await request.body(), key)
    if answer is not None and answer.status >= _ERRORS:
        return response(answer, idempotency_key=key)
    shown = msgspec.to_builtins(await _shown(kasir, found))
    if answer is not None:
        shown["payment"] = answer.json()
    body = msgspec.json.encode(shown)
    return Response(body, status_code=_CREATED, media_type="application/json")


Shopper = Annotated[
    str, QueryParameter(name="shopperReference", description="The shop's own name for them.")
]
Reference = Annotated[
    str,
    QueryParameter(name="reference", max_length=80, description="The shop's own reference."),
]


Standing = Annotated[
    str, QueryParameter(name="status", description=f"How they stand: {', '.join(State)}.")
]
OfPlan = Annotated[
    str, QueryParameter(name="plan", max_length=80, description="The id of their plan.")
]
Most = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]
After = Annotated[
    str,
    QueryParameter(name="after", max_length=80, description="`next` of the page that you have."),
]


@get("/api/subscriptions", parameters=_LIST)
async def get_subscriptions(
    kasir: OurKasir,
    standing: Standing = "",
    shopper: Shopper = "",
    plan: OfPlan = "",
    reference: Reference = "",
    limit: Most = _LISTED_MAX,
    after: After = "",
) -> SubscriptionsOut:
    """Give the newest subscriptions: of one status, shopper, plan or reference if asked."""
    if standing and standing not in tuple(State):
        cure = f"must be one of {', '.join(State)}."
        raise InvalidRequest([Fault("status", cure)])
    wanted = Wanted(
        state=standing,
        shopper_reference=shopper,
        plan_id=plan,
        reference=reference,
        after=after,
    )
    try:
        found = await kasir.subscriptions.listed(wanted, limit + 1, _RENEWALS_MAX)
    except NotFound as error:
        cure = "must be `next` of an earlier page."
        raise InvalidRequest([Fault("after", cure)]) from error
    public_url = kasir.settings.public_url
    listed = [shown_subscription(*one, public_url) for one in found[:limit]]
    return SubscriptionsOut(listed, listed[-1].id if len(found) > limit else None)


@get("/api/subscriptions/{subscription_id:str}")
async def get_subscription(kasir: OurKasir, subscription_id: FromPath[str]) -> SubscriptionOut:
    """Give one subscription with its renewals."""
    return await _shown(kasir, subscription_id)


@patch("/api/subscriptions/{subscription_id:str}")
async def patch_subscription(
    request: AnyRequest, kasir: OurKasir, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Change the amount from the next period on, or move to another of the shopper's tokens."""
    await kasir.subscribing.change(subscription_id, await request.body())
    return await _shown(kasir, subscription_id)


@post("/api/subscriptions/{subscription_id:str}/cancel", status_code=200)
async def post_cancel(
    request: AnyRequest, kasir: OurKasir, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Cancel now, or with `{"at": "periodEnd"}` when what was paid for is over.

    `{"at": "never"}` withdraws a planned cancel.
    """
    await kasir.subscribing.cancel(subscription_id, await request.body())
    return await _shown(kasir, subscription_id)


@post("/api/subscriptions/{subscription_id:str}/pause", status_code=200)
async def post_pause(
    request: AnyRequest, kasir: OurKasir, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Charge nothing until it is resumed, from now or, with `{"at": "periodEnd"}`, from then on.

    `resumesAt` resumes it by itself. `{"at": "never"}` withdraws a planned pause.
    """
    await kasir.subscribing.pause(subscription_id, await request.body())
    return await _shown(kasir, subscription_id)


@post("/api/subscriptions/{subscription_id:str}/resume", status_code=200)
async def post_resume(
    request: AnyRequest, kasir: OurKasir, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Go on after a pause, now or with `{"at": …}` at that date and time.

    `{"at": "never"}` withdraws a planned resume.
    """
    await kasir.subscribing.resume(subscription_id, await request.body())
    return await _shown(kasir, subscription_id)


@post("/api/subscriptions/{subscription_id:str}/payment", status_code=200)
async def post_payment(
    request: AnyRequest, kasir: OurKasir, subscription_id: FromPath[str]
) -> Response[bytes]:
    """Have the shopper pay what is owed and link a wallet again; the answer is Adyen's."""
    return response(await kasir.subscribing.pay_again(subscription_id, await request.body()))


First = Annotated[str, QueryParameter(name="from", description="The first day, YYYY-MM-DD.")]
Last = Annotated[str, QueryParameter(name="to", description="The last day, YYYY-MM-DD.")]
Zone = Annotated[str, QueryParameter(name="timeZone", description="Whose days.")]


@get("/api/subscriptions/metrics", parameters=_FIGURES)
async def get_metrics(
    kasir: OurKasir, since: First = "", until: Last = "", zone: Zone = HOME_ZONE
) -> MetricsOut:
    """Give the figures of each day; of the last thirty unless told otherwise."""
    if zone not in available_timezones():
        raise InvalidRequest([Fault("timeZone", "must be an IANA time zone.")])
    today = kasir.clock.now().astimezone(ZoneInfo(zone)).date()
    last = _day_named("to", until) or today
    first = _day_named("from", since) or last - timedelta(days=_DAYS - 1)
    if not 0 <= (last - first).days < _DAYS_MAX:
        cure = f"must be a day up to `to`, and at most {_DAYS_MAX} days before its end."
        raise InvalidRequest([Fault("from", cure)])
    end = datetime.combine(last + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)
    counted = await kasir.subscriptions.changes_by_day(zone, end)
    return MetricsOut(zone, [_day(day) for day in by_day(counted, first, last)])


def _day_named(name: str, value: str) -> date | None:
    """A day that a parameter names; None where it names none.

    Raises:
        InvalidRequest: It is not a day.
    """
    if not value:
        return None
    with suppress(ValueError):
        day = date.fromisoformat(value)
        if _EARLIEST <= day <= _LATEST:
            return day
    cure = f"must be a day from {_EARLIEST} to {_LATEST}, such as 2026-11-23."
    raise InvalidRequest([Fault(name, cure)])


def _day(day: Day) -> DayOut:
    return DayOut(
        day=day.day,
        active=day.active,
        trialing=day.trialing,
        past_due=day.past_due,
        paused=day.paused,
        new=day.new,
        churned=day.churned,
        recovered=day.recovered,
        monthly_recurring_revenue=AmountOut("IDR", round(day.monthly)),
    )


async def _shown(kasir: Kasir, subscription_id: str) -> SubscriptionOut:
    it, renewals = await kasir.subscriptions.find(subscription_id, _RENEWALS_MAX)
    return shown_subscription(it, renewals, kasir.settings.public_url)


async def _checked(request: AnyRequest) -> None:
    """Let only callers with a key pass, and only with parameters that mean something here."""
    await needs_key(request)
    known = request.scope["route_handler"].opt.get("parameters", NONE)
    if request.method == "GET":
        await refuse_all_but(request, known)
    else:
        refuse_unknown(request, known)


ROUTES = Router(
    path="/",
    before_request=_checked,
    security=KEYED,
    tags=["Subscriptions"],
    route_handlers=[
        post_plan,
        get_plans,
        get_plan,
        post_subscription,
        get_subscriptions,
        get_metrics,
        get_subscription,
        patch_subscription,
        post_cancel,
        post_pause,
        post_resume,
        post_payment,
    ],
)

"""Plans and subscriptions: `/api/plans`, `/api/subscriptions`."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, QueryParameter

from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.shop_events.shapes import AmountOut
from kasir.shop_events.subscription_shapes import (
    PlanOut,
    SubscriptionOut,
    shown_plan,
    shown_subscription,
)
from kasir.store.subscriptions import SubscriptionFilter
from kasir.subscriptions.metrics import Day, by_day
from kasir.subscriptions.plan import HOME_ZONE
from kasir.subscriptions.states import State
from kasir.web.adyen_shapes import PaymentResponse
from kasir.web.documented import Documented
from kasir.web.keys import idempotency_key, keyed_router, require_api_key
from kasir.web.problems import response
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters, check_parameters_and_no_body
from kasir.web.request_shapes import (
    CancelCommand,
    PauseCommand,
    PayerRequest,
    PlanRequest,
    ResumeCommand,
    SignUpRequest,
    SubscriptionPatch,
)
from kasir.wiring import Parts

_LISTED_MAX: Final = 100
#: How many renewals of each subscription are returned, the newest.
_RENEWALS_MAX: Final = 400
#: How many days of metrics a request may ask for, and how many it gets by default.
_METRICS_DAYS_MAX: Final = 731
_METRICS_DAYS: Final = 30
#: The first and the last day for which metrics can be requested.
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2999, 12, 31)
#: The query parameters of the list and of the metrics.
_LIST_PARAMETERS: Final = frozenset(
    {"status", "shopperReference", "plan", "reference", "limit", "after"}
)
_METRICS_PARAMETERS: Final = frozenset({"from", "to", "timeZone"})


class PlansOut(msgspec.Struct):
    """Plans, newest first."""

    plans: list[PlanOut]


class SubscriptionsOut(msgspec.Struct):
    """A page of subscriptions, newest first; `next` is the `after` of the following page."""

    subscriptions: list[SubscriptionOut]
    next: str | None


class SignedUpOut(SubscriptionOut, rename="camel", omit_defaults=True):
    """A new subscription, and Adyen's answer to its first payment; with `link` there is none."""

    payment: PaymentResponse | msgspec.UnsetType = msgspec.UNSET


class DayOut(msgspec.Struct, rename="camel"):
    """One day: the counts at its end, and the changes on it."""

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
    """Metrics for each day of a time zone."""

    time_zone: str
    days: list[DayOut]


@post("/api/plans", status_code=HTTPStatus.CREATED, documented=Documented(body=PlanRequest))
async def post_plan(request: AnyRequest, parts: OurParts) -> PlanOut:
    """Create a plan. A plan cannot be changed."""
    return shown_plan(await parts.subscribing.make_plan(await request.body()))


@get("/api/plans")
async def get_plans(parts: OurParts) -> PlansOut:
    """List the newest plans."""
    return PlansOut([shown_plan(plan) for plan in await parts.subscriptions.plans(_LISTED_MAX)])


@get("/api/plans/{plan_id:str}")
async def get_plan(parts: OurParts, plan_id: FromPath[str]) -> PlanOut:
    """Return one plan."""
    plan = await parts.subscriptions.plan(plan_id)
    if plan is None:
        raise NotFound("plan", plan_id)
    return shown_plan(plan)


@post(
    "/api/subscriptions",
    status_code=HTTPStatus.CREATED,
    documented=Documented(body=SignUpRequest, answer=SignedUpOut, is_idempotent=True),
)
async def post_subscription(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Sign a shopper up. `payment` is Adyen's answer, whose action the shop has to follow."""
    key = idempotency_key(request)
    subscription_id, answer = await parts.subscribing.sign_up(await request.body(), key)
    if answer is not None and answer.status >= HTTPStatus.BAD_REQUEST:
        return response(answer, idempotency_key=key)
    shown = msgspec.to_builtins(await _subscription_out(parts, subscription_id))
    if answer is not None:
        shown["payment"] = answer.json()
    body = msgspec.json.encode(shown)
    return Response(body, status_code=HTTPStatus.CREATED, media_type="application/json")


Shopper = Annotated[
    str,
    QueryParameter(name="shopperReference", description="The shop's own reference of the shopper."),
]
Reference = Annotated[
    str,
    QueryParameter(name="reference", max_length=80, description="The shop's own reference."),
]
Status = Annotated[
    str, QueryParameter(name="status", description=f"Their status: {', '.join(State)}.")
]
OfPlan = Annotated[
    str, QueryParameter(name="plan", max_length=80, description="The id of their plan.")
]
Most = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]
After = Annotated[
    str,
    QueryParameter(name="after", max_length=80, description="`next` of the page before."),
]


@get("/api/subscriptions", parameters=_LIST_PARAMETERS)
async def get_subscriptions(
    parts: OurParts,
    status: Status = "",
    shopper: Shopper = "",
    plan: OfPlan = "",
    reference: Reference = "",
    limit: Most = _LISTED_MAX,
    after: After = "",
) -> SubscriptionsOut:
    """List the newest subscriptions; with parameters, those that match all of them."""
    if status and status not in tuple(State):
        cure = f"must be one of {', '.join(State)}."
        raise InvalidRequest([Fault("status", cure)])
    subscription_filter = SubscriptionFilter(
        state=status,
        shopper_reference=shopper,
        plan_id=plan,
        reference=reference,
        after=after,
    )
    try:
        rows = await parts.subscriptions.listed(subscription_filter, limit + 1, _RENEWALS_MAX)
    except NotFound as error:
        cure = "must be `next` of an earlier page."
        raise InvalidRequest([Fault("after", cure)]) from error
    public_url = parts.settings.public_url
    listed = [
        shown_subscription(subscription, renewals, public_url)
        for subscription, renewals in rows[:limit]
    ]
    # One row more than the limit was read, to find out whether there is another page.
    return SubscriptionsOut(subscriptions=listed, next=listed[-1].id if len(rows) > limit else None)


@get("/api/subscriptions/{subscription_id:str}")
async def get_subscription(parts: OurParts, subscription_id: FromPath[str]) -> SubscriptionOut:
    """Return one subscription with its renewals."""
    return await _subscription_out(parts, subscription_id)


@patch("/api/subscriptions/{subscription_id:str}", documented=Documented(body=SubscriptionPatch))
async def patch_subscription(
    request: AnyRequest, parts: OurParts, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Change the amount from the next period on, or move to another of the shopper's tokens."""
    await parts.subscribing.change(subscription_id, await request.body())
    return await _subscription_out(parts, subscription_id)


@post(
    "/api/subscriptions/{subscription_id:str}/cancel",
    status_code=200,
    documented=Documented(body=CancelCommand),
)
async def post_subscription_cancel(
    request: AnyRequest, parts: OurParts, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Cancel now, or with `{"at": "periodEnd"}` at the end of the paid period.

    `{"at": "never"}` withdraws a planned cancel.
    """
    await parts.subscribing.cancel(subscription_id, await request.body())
    return await _subscription_out(parts, subscription_id)


@post(
    "/api/subscriptions/{subscription_id:str}/pause",
    status_code=200,
    documented=Documented(body=PauseCommand),
)
async def post_subscription_pause(
    request: AnyRequest, parts: OurParts, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Pause: charge nothing from now on or, with `{"at": "periodEnd"}`, after the paid period.

    With `resumesAt` the subscription is resumed at that time. `{"at": "never"}` withdraws a planned
    pause.
    """
    await parts.subscribing.pause(subscription_id, await request.body())
    return await _subscription_out(parts, subscription_id)


@post(
    "/api/subscriptions/{subscription_id:str}/resume",
    status_code=200,
    documented=Documented(body=ResumeCommand),
)
async def post_subscription_resume(
    request: AnyRequest, parts: OurParts, subscription_id: FromPath[str]
) -> SubscriptionOut:
    """Resume after a pause, now or with `{"at": …}` at that date and time.

    `{"at": "never"}` withdraws a planned resume.
    """
    await parts.subscribing.resume(subscription_id, await request.body())
    return await _subscription_out(parts, subscription_id)


@post(
    "/api/subscriptions/{subscription_id:str}/payment",
    status_code=200,
    documented=Documented(body=PayerRequest, answer=PaymentResponse),
)
async def post_subscription_payment(
    request: AnyRequest, parts: OurParts, subscription_id: FromPath[str]
) -> Response[bytes]:
    """Start a payment of what is owed that also saves a new token; the answer is Adyen's."""
    return response(await parts.subscribing.pay_again(subscription_id, await request.body()))


First = Annotated[str, QueryParameter(name="from", description="The first day, YYYY-MM-DD.")]
Last = Annotated[str, QueryParameter(name="to", description="The last day, YYYY-MM-DD.")]
Zone = Annotated[
    str, QueryParameter(name="timeZone", description="The time zone that days begin and end in.")
]


@get("/api/subscriptions/metrics", parameters=_METRICS_PARAMETERS)
async def get_subscription_metrics(
    parts: OurParts, since: First = "", until: Last = "", zone: Zone = HOME_ZONE
) -> MetricsOut:
    """Return the metrics of each day; the default is the last thirty days."""
    if zone not in available_timezones():
        raise InvalidRequest([Fault("timeZone", "must be an IANA time zone.")])
    today = parts.clock.now().astimezone(ZoneInfo(zone)).date()
    last = _day_parameter("to", until) or today
    first = _day_parameter("from", since) or last - timedelta(days=_METRICS_DAYS - 1)
    if not 0 <= (last - first).days < _METRICS_DAYS_MAX:
        cure = f"must be a day up to `to`, and at most {_METRICS_DAYS_MAX} days before its end."
        raise InvalidRequest([Fault("from", cure)])
    counted = await parts.subscriptions.changes_by_day(zone, first, last)
    return MetricsOut(time_zone=zone, days=[_day_out(day) for day in by_day(counted, first, last)])


def _day_parameter(name: str, value: str) -> date | None:
    """Parse a parameter that is a day; None if it is empty.

    Raises:
        InvalidRequest: The value is not a day from 2000 to 2999.
    """
    if not value:
        return None
    with suppress(ValueError):
        day = date.fromisoformat(value)
        if _EARLIEST <= day <= _LATEST:
            return day
    cure = f"must be a day from {_EARLIEST} to {_LATEST}, such as 2026-11-23."
    raise InvalidRequest([Fault(name, cure)])


def _day_out(day: Day) -> DayOut:
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


async def _subscription_out(parts: Parts, subscription_id: str) -> SubscriptionOut:
    subscription, renewals = await parts.subscriptions.find(subscription_id, _RENEWALS_MAX)
    return shown_subscription(subscription, renewals, parts.settings.public_url)


async def _check(request: AnyRequest) -> None:
    """Require an API key, and only the parameters that the route declares."""
    await require_api_key(request)
    known = request.scope["route_handler"].opt.get("parameters", NO_PARAMETERS)
    if request.method == "GET":
        await check_parameters_and_no_body(request, known)
    else:
        check_parameters(request, known)


ROUTES: Final = keyed_router(
    "Subscriptions",
    [
        post_plan,
        get_plans,
        get_plan,
        post_subscription,
        get_subscriptions,
        get_subscription_metrics,
        get_subscription,
        patch_subscription,
        post_subscription_cancel,
        post_subscription_pause,
        post_subscription_resume,
        post_subscription_payment,
    ],
    _check,
)

"""The start page: what needs a person, what today brought, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk import charts
from kasir.desk.navigation import DESK_PATH, add_section
from kasir.desk.pages import OurVisit, Page, Visit, page
from kasir.operations.today import Need, Period, Today, today
from kasir.payments.status import Status

SECTION: Final = add_section("today", DESK_PATH)

#: Where a person does something about a need: a section of the desk, and its query.
WHERE: Final = {
    "disputes_due": ("disputes", {}),
    "payments_unknown": ("payments", {"status": "unknown"}),
    "attempts_unconfirmed": ("payments", {"status": "pending"}),
    "notices_held": ("notices", {"state": "held"}),
    "notices_unknown": ("notices", {"state": "unheard_of"}),
    "jobs_failed": ("doctor", {}),
    "events_given_up": ("deliveries", {"state": "given_up"}),
    "disputes_open": ("disputes", {}),
    "cases_open": ("cases", {"state": "open"}),
}


@dataclass(frozen=True, slots=True)
class ShownNeed:
    """A need with its text, and the URL of its page; empty if the desk has no such page."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its figures: `source` is the image, and a row is a label, a count, a value."""

    title: str
    source: str
    rows: Sequence[tuple[str, int, int]]


@page(DESK_PATH)
async def get_today(visit: OurVisit) -> Page:
    """Show the overview of the day."""
    visit.check_query()
    parts = visit.parts
    found = await today(parts.pool, parts.clock.now(), parts.settings.limits)
    return visit.page(
        "today.html",
        today=found,
        needs=[_shown(visit, need) for need in found.needs_person],
        needs_count=sum(need.count for need in found.needs_person),
        rates=_rates(visit, found),
        payments=[(visit.text(f"status_{name}"), one) for name, one in found.payments.items()],
        paid=found.payments[Status.AUTHORISED],
        charts=[
            _chart(visit, "today_by_hour", found.hours, "%H.00"),
            _chart(visit, "today_by_day", found.days, "%d/%m"),
        ],
    )


def _shown(visit: Visit, need: Need) -> ShownNeed:
    key, query = WHERE[need.what]
    path = next((section.path for section in visit.sections if section.key == key), "")
    text = visit.text(f"need_{need.what}", count=need.count)
    return ShownNeed(text, visit.url(path, **query) if path else "")


def _rates(visit: Visit, found: Today) -> tuple[str, str]:
    """The authorisation rate of today, and that of the same weekday last week."""
    rates = (found.authorisation_rate, found.authorisation_rate_last_week)
    none = visit.text("rate_none")
    mark = visit.text("decimal_mark")
    first, second = (none if one is None else f"{one:.1%}".replace(".", mark) for one in rates)
    return first, second


def _chart(visit: Visit, key: str, periods: Sequence[Period], form: str) -> Chart:
    labels = [visit.local(period.start).strftime(form) for period in periods]
    title = visit.text(key)
    source = charts.bar_chart(labels, {title: [period.value for period in periods]})
    rows = [
        (label, period.count, period.value) for label, period in zip(labels, periods, strict=True)
    ]
    return Chart(title, source, rows)


ROUTES: Final[list[HTTPRouteHandler]] = [get_today]

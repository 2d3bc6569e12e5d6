"""The list of payments: search, filters, saved views, and the same list as a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Final
from urllib.parse import urlencode

from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from kasir.browser_requests import parse_pairs
from kasir.desk.acts import Asked, act
from kasir.desk.form_fields import rupiah_field
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, Visit, page
from kasir.desk.security_headers import HEADERS
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.gateway.methods import METHODS
from kasir.operations.finding_payments import filter_of, list_rows, paging_of
from kasir.operations.payment_csv import CSV_HEADERS, CSV_TYPE, csv_of
from kasir.payments.status import Status
from kasir.people.roles import Role
from kasir.store import payment_views
from kasir.store.payment_search import PaymentFilter

PATH: Final = "/desk/payments"
SECTION: Final = add_section("payments", PATH)
#: The filters of the page. `from` and `to` are days in Jakarta, both included.
FILTERS: Final = (*("search", "status", "from", "to", "minValue", "maxValue", "method", "linkId"),)
_LISTED: Final = 50
_VIEWS_MAX: Final = 50
_VIEW_LETTERS_MAX: Final = 60
_JAKARTA: Final = timezone(timedelta(hours=7))
#: How the list shows a status.
BADGES: Final[Mapping[Status, str]] = {
    Status.CREATED: "wait",
    Status.UNKNOWN: "bad",
    Status.AWAITING_SHOPPER: "wait",
    Status.PENDING: "wait",
    Status.AUTHORISED: "good",
    Status.REFUSED: "bad",
    Status.CANCELLED: "plain",
    Status.EXPIRED: "plain",
    Status.FAILED: "bad",
}


@page(PATH)
async def get_payments(visit: OurVisit) -> Page:
    """List the payments that match, newest first; if a filter is wrong, none."""
    visit.check_query(*FILTERS, "after")
    pool, given = visit.parts.pool, _given(visit.query)
    try:
        after, _ = paging_of(
            {name: visit.query[name] for name in ("after",) if visit.query.get(name)}
        )
        found = await list_rows(pool, _filter(given), after, _LISTED)
        rows, following, faults = found.rows, found.next, ""
    except InvalidRequest as error:
        rows, following, faults = [], None, str(error)
    views = await payment_views.listed(pool, visit.person)
    return visit.page(
        "payments.html",
        422 if faults else 200,
        rows=rows,
        next=following,
        faults=faults,
        badges=BADGES,
        given=given,
        query=urlencode(given),
        statuses=_choices(visit, "payment_status_", Status),
        methods=[("", visit.text("any")), *((one.type, one.name) for one in METHODS.values())],
        views=views,
        csv_url=visit.url(f"{PATH}.csv", **given),
    )


@page(f"{PATH}.csv")
async def get_payments_csv(visit: OurVisit) -> Stream:
    """Return all payments that match as a CSV file."""
    visit.check_query(*FILTERS)
    lines = await csv_of(visit.parts.pool, _filter(_given(visit.query)))
    return Stream(lines, media_type=CSV_TYPE, headers={**HEADERS, **CSV_HEADERS})


@act("payment_view.save", f"{PATH}/views", Role.VIEW, needs_reason=False, fields=("name", "query"))
async def save_view(asked: Asked) -> Page:
    """Save the filters of the list under a name, for the person who asks."""
    name = asked.fields.get("name", "").strip()
    if not 1 <= len(name) <= _VIEW_LETTERS_MAX:
        cure = f"give the view a name of {_VIEW_LETTERS_MAX} characters at most."
        raise InvalidRequest([Fault("name", cure)])
    given = _given(dict(parse_pairs(asked.fields.get("query", "").encode())))
    _filter(given)  # Refuses what the list would refuse.
    visit = asked.visit
    before = await _saved(visit, name)
    async with asked.recorded(name, before) as record:
        query = urlencode(given)
        if not await payment_views.save(visit.parts.pool, visit.person, name, query, _VIEWS_MAX):
            cure = f"you have {_VIEWS_MAX} views already; remove one."
            raise InvalidRequest([Fault("name", cure)])
        record.after = {"query": query}
    return asked.done(PATH, "payment_view_saved", **given)


@act("payment_view.remove", f"{PATH}/views/remove", Role.VIEW, needs_reason=False, fields=("name",))
async def remove_view(asked: Asked) -> Page:
    """Remove a saved view of the person who asks."""
    name, visit = asked.fields.get("name", ""), asked.visit
    async with asked.recorded(name or "-", await _saved(visit, name)) as record:
        if not await payment_views.remove(visit.parts.pool, visit.person, name):
            raise NotFound("view", name)
        record.after = {"query": None}
    return asked.done(PATH, "payment_view_removed")


async def _saved(visit: Visit, name: str) -> dict[str, str]:
    """What the audit log has of a saved view; empty if there is none of this name."""
    views = dict(await payment_views.listed(visit.parts.pool, visit.person))
    return {"query": views[name]} if name in views else {}


def _given(query: Mapping[str, str]) -> dict[str, str]:
    """The filters of a query; a form sends those that are left empty too."""
    return {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}


def _filter(given: Mapping[str, str]) -> PaymentFilter:
    """The filter of the API's list for the filters of the page.

    Raises:
        InvalidRequest: A value is wrong.
    """
    wanted = {
        name: given[name] for name in ("search", "status", "method", "linkId") if name in given
    }
    for name in ("minValue", "maxValue"):
        value = rupiah_field(given, name)
        if value is not None:
            wanted[name] = str(value)
    if since := _day(given, "from"):
        wanted["createdAfter"] = since.isoformat()
    if until := _day(given, "to"):
        wanted["createdBefore"] = (until + timedelta(days=1)).isoformat()
    return filter_of(wanted)


def _day(given: Mapping[str, str], name: str) -> datetime | None:
    """The beginning of a day in Jakarta; None if none is given.

    Raises:
        InvalidRequest: It is no day.
    """
    text = given.get(name)
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), _JAKARTA)
    except ValueError:
        raise InvalidRequest([Fault(name, "must be a day, such as 2026-11-23.")]) from None


def _choices(visit: Visit, prefix: str, values: type[Status]) -> list[tuple[str, str]]:
    return [("", visit.text("any")), *((value, visit.text(f"{prefix}{value}")) for value in values)]


ROUTES: Final[list[HTTPRouteHandler]] = [get_payments, get_payments_csv, save_view, remove_view]

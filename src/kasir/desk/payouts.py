"""What Adyen paid out, batch by batch, and which payments are in a batch."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kasir.adyen.checks import INT64_MAX
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.errors import NotFound
from kasir.requests.cases import cursor_of, row_cursor_of
from kasir.shop_events.payout_shapes import paid_payment, shown_payout
from kasir.store import payouts

_PATH: Final = "/desk/payouts"
_LISTED_MAX: Final = 50
SECTION: Final = add_section("payouts", _PATH)


@page(_PATH)
async def get_payouts(visit: OurVisit) -> Page:
    """List the batches, the latest first."""
    visit.check_query("after")
    before = cursor_of(visit.query.get("after", ""), INT64_MAX)
    rows = await payouts.payouts(visit.parts.pool, before, _LISTED_MAX)
    following = rows[-1].id if len(rows) == _LISTED_MAX else None
    shown = [shown_payout(row) for row in rows]
    return visit.page("payouts.html", payouts=shown, next=following)


@page(f"{_PATH}/{{batch:str}}")
async def get_payout(visit: OurVisit, batch: FromPath[str]) -> Page:
    """Show a batch, and its rows of Kasir's payments."""
    visit.check_query("after")
    begin = row_cursor_of(visit.query.get("after", ""))
    found = await payouts.payout(visit.parts.pool, batch)
    if not found:
        raise NotFound("payout", batch)
    rows = await payouts.rows_of_payout(visit.parts.pool, batch, begin, _LISTED_MAX)
    following = "-".join(map(str, rows[-1].position)) if len(rows) == _LISTED_MAX else None
    return visit.page(
        "payout.html",
        batch=batch,
        payouts=[shown_payout(each) for each in found],
        rows=[paid_payment(each) for each in rows],
        next=following,
    )


ROUTES: Final[list[HTTPRouteHandler]] = [get_payouts, get_payout]

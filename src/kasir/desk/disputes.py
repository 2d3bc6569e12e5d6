"""Disputes: opened, due by when, why, how much, and what to do in Adyen's Customer Area."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page

_PATH: Final = "/desk/disputes"
SECTION: Final = add_section("disputes", _PATH)
_LISTED_MAX: Final = 50


@page(_PATH)
async def get_disputes(visit: OurVisit) -> Page:
    """List disputes, those of the newest payment first."""
    visit.check_query("after")
    found = await visit.parts.disputes.listed(_LISTED_MAX, visit.query.get("after", ""))
    return visit.page("disputes.html", page=found)


ROUTES: Final[list[HTTPRouteHandler]] = [get_disputes]

"""The start page: what today brought, and what needs a person."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.navigation import DESK_PATH, add_section
from kasir.desk.pages import OurVisit, Page, page

SECTION: Final = add_section("today", DESK_PATH)


@page(DESK_PATH)
async def get_today(visit: OurVisit) -> Page:
    """Show the start page."""
    visit.check_query()
    return visit.page("today.html")


ROUTES: Final[list[HTTPRouteHandler]] = [get_today]

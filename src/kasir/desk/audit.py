"""The audit log: the acts in the account, and sign-ins and acts on people."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.desk.services import services_of
from kasir.errors import Fault, InvalidRequest
from kasir.people.roles import Role
from kasir.store import audit

_PATH: Final = "/desk/audit"
SECTION: Final = add_section("audit", _PATH)
_PEOPLE: Final = "people"
#: The digits of the largest id.
_ID_DIGITS_MAX: Final = 18


@page(_PATH)
async def get_audit(visit: OurVisit) -> Page:
    """List the acts in the account; for admins also sign-ins and acts on people."""
    visit.check_query("about", "after")
    about, most = visit.query.get("about", ""), visit.parts.settings.limits.desk_rows_max
    before_id = _id(visit.query.get("after", ""))
    if about not in {"", _PEOPLE} or (about and not visit.may(Role.ADMIN)):
        raise InvalidRequest([Fault("about", "must be people, and only admins see that.")])
    if about:
        pool, is_default_account = services_of(visit.request).pool, visit.is_default_account
        rows = await audit.acts_on_people(
            pool, visit.account, most, before_id, is_default_account=is_default_account
        )
    else:
        rows = await audit.acts(visit.parts.pool, most, before_id)
    following = rows[-1].id if len(rows) == most else None
    return visit.page("audit.html", rows=rows, following=following, about=about)


def _id(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _ID_DIGITS_MAX:
        raise InvalidRequest([Fault("after", "must be the id of a row.")])
    return int(text)


ROUTES: Final[list[HTTPRouteHandler]] = [get_audit]

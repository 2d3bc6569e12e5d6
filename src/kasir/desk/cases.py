"""The differences that were found in Adyen's reports: a person closes one with a reason."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler

from kasir.adyen.checks import INT64_MAX
from kasir.desk.acts import Asked, act
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.reconciliation.cases import CaseKind, CaseState
from kasir.requests.cases import CaseRequests, cursor_of, filters_of
from kasir.store import cases

_PATH: Final = "/desk/cases"
_LISTED_MAX: Final = 50
SECTION: Final = add_section("cases", _PATH)


@page(_PATH)
async def get_cases(visit: OurVisit) -> Page:
    """List cases, newest first; the open ones unless another state is chosen."""
    visit.check_query("state", "kind", "after")
    state = visit.query.get("state", CaseState.OPEN)
    wanted = filters_of("" if state == "all" else state, visit.query.get("kind"))
    before = cursor_of(visit.query.get("after", ""), INT64_MAX)
    rows = await cases.cases(visit.parts.pool, *wanted, before, _LISTED_MAX)
    following = rows[-1].id if len(rows) == _LISTED_MAX else None
    states = [(each, visit.text(f"case_state_{each}")) for each in (*CaseState, "all")]
    kinds = [("", visit.text("case_kind_any"))]
    kinds += [(each, visit.text(f"case_kind_{each}")) for each in CaseKind]
    return visit.page(
        "cases.html",
        cases=rows,
        states=states,
        kinds=kinds,
        state=state,
        kind=visit.query.get("kind", ""),
        next=following,
    )


@act("case.close", f"{_PATH}/{{case_id:str}}/close")
async def close_case(asked: Asked) -> Page:
    """Close a case; the reason of the act is the word that closes it."""
    parts, name = asked.visit.parts, asked.path["case_id"]
    requests = CaseRequests(parts.pool, parts.clock)
    case = await requests.case(name)
    before = {"state": case.state, "kind": case.kind, "reason": case.reason}
    async with asked.recorded(f"case {name}", msgspec.to_builtins(before)) as record:
        closed = await requests.close_because(name, asked.reason, asked.visit.person)
        record.after = {"state": str(closed.state)}
    return asked.done(_PATH, "case_closed")


ROUTES: Final[list[HTTPRouteHandler]] = [get_cases, close_case]

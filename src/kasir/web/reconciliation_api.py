"""What Adyen paid out, and the differences that were found: `/api/payouts` and `/api/cases`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, QueryParameter

from kasir.adyen.checks import INT64_MAX
from kasir.errors import NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.reconciliation.cases import CaseKind, CaseState
from kasir.requests.cases import CaseRequests, filters_of, row_cursor_of
from kasir.shop_events.payout_shapes import (
    CaseOut,
    CasesOut,
    CloseCaseRequest,
    PayoutPaymentsOut,
    PayoutsOut,
    paid_payment,
    shown_case,
    shown_payout,
)
from kasir.store import cases, payouts
from kasir.web.documented import Documented
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import (
    NO_PARAMETERS,
    AfterNumber,
    check_parameters,
    check_parameters_and_no_body,
)

_LISTED_MAX: Final = 100
#: Who closes a case over the API.
_CLOSED_BY: Final = "API"


Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]
AfterRow = Annotated[
    str, QueryParameter(name="after", max_length=40, description="The `next` of an answer.")
]
OfState = Annotated[
    str | None,
    QueryParameter(name="state", description=f"Only these: {', '.join(CaseState)}."),
]
OfKind = Annotated[
    str | None, QueryParameter(name="kind", description=f"Only these: {', '.join(CaseKind)}.")
]


@get("/api/payouts")
async def get_payouts(
    request: AnyRequest, parts: OurParts, limit: Limit = _LISTED_MAX, after: AfterNumber = None
) -> PayoutsOut:
    """List what Adyen paid out, the latest batch first."""
    await check_parameters_and_no_body(request, frozenset({"limit", "after"}))
    before = INT64_MAX if after is None else after
    rows = await payouts.payouts(parts.pool, before, limit)
    # After a full page there may be another one.
    following = rows[-1].id if len(rows) == limit else None
    return PayoutsOut(payouts=[shown_payout(row) for row in rows], next=following)


@get("/api/payouts/{batch:str}")
async def get_payout(
    request: AnyRequest,
    parts: OurParts,
    batch: FromPath[str],
    limit: Limit = _LISTED_MAX,
    after: AfterRow = "",
) -> PayoutPaymentsOut:
    """Return a batch, and its rows of Kasir's payments in the order of the report."""
    await check_parameters_and_no_body(request, frozenset({"limit", "after"}))
    begin = row_cursor_of(after)
    found = await payouts.payout(parts.pool, batch)
    if not found:
        raise NotFound("payout", batch)
    rows = await payouts.rows_of_payout(parts.pool, batch, begin, limit)
    return PayoutPaymentsOut(
        payouts=[shown_payout(each) for each in found],
        payments=[paid_payment(each) for each in rows],
        next="-".join(map(str, rows[-1].position)) if len(rows) == limit else None,
    )


@get("/api/cases")
async def get_cases(
    request: AnyRequest,
    parts: OurParts,
    in_state: OfState = None,  # Litestar reserves the argument `state`.
    kind: OfKind = None,
    limit: Limit = _LISTED_MAX,
    after: AfterNumber = None,
) -> CasesOut:
    """List differences that were found in Adyen's reports, newest first."""
    await check_parameters_and_no_body(request, frozenset({"state", "kind", "limit", "after"}))
    state_filter, kind_filter = filters_of(in_state, kind)
    before = INT64_MAX if after is None else after
    rows = await cases.cases(parts.pool, state_filter, kind_filter, before, limit)
    following = rows[-1].id if len(rows) == limit else None
    return CasesOut(cases=[shown_case(row) for row in rows], next=following)


@get("/api/cases/{case_id:str}")
async def get_case(request: AnyRequest, parts: OurParts, case_id: FromPath[str]) -> CaseOut:
    """Return one case."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return shown_case(await CaseRequests(parts.pool, parts.clock).case(case_id))


@post(
    "/api/cases/{case_id:str}/close",
    status_code=HTTPStatus.OK,
    documented=Documented(body=CloseCaseRequest),
)
async def post_case_close(request: AnyRequest, parts: OurParts, case_id: FromPath[str]) -> CaseOut:
    """Close a case with a reason. No report opens it again."""
    check_parameters(request, NO_PARAMETERS)
    requests = CaseRequests(parts.pool, parts.clock)
    case = await requests.close(case_id, await request.body(), _CLOSED_BY)
    return shown_case(case)


ROUTES: Final = keyed_router(
    "Kasir", [get_payouts, get_payout, get_cases, get_case, post_case_close]
)

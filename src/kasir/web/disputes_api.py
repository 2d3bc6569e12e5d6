"""Disputed payments, and what a person must do about each: `/api/disputes`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.params import QueryParameter

from kasir.http_types import AnyRequest, OurParts
from kasir.operations.disputes import PaymentDispute, Todo
from kasir.shop_events.shapes import DisputeOut, shown
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import After, check_parameters_and_no_body

_LISTED_MAX: Final = 100
_PARAMETERS: Final = frozenset({"limit", "after"})


class ListedDisputeOut(DisputeOut, rename="camel", omit_defaults=True, kw_only=True):
    """A dispute with its payment. `todo` is what a person must do, in Adyen's Customer Area."""

    payment_id: str
    payment_reference: str
    payment_amount: int
    todo: Todo
    shopper_reference: str = ""


class DisputesOut(msgspec.Struct):
    """The disputes of a page of payments, newest first; `next` is the `after` of the next page."""

    disputes: list[ListedDisputeOut]
    next: str | None


Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="Of how many payments.")
]


@get("/api/disputes")
async def get_disputes(
    request: AnyRequest, parts: OurParts, limit: Limit = _LISTED_MAX, after: After = ""
) -> DisputesOut:
    """List the disputes of payments, the newest payment first."""
    await check_parameters_and_no_body(request, _PARAMETERS)
    page = await parts.disputes.listed(limit, after)
    return DisputesOut([_dispute_out(one) for one in page.disputes], page.after)


def _dispute_out(found: PaymentDispute) -> ListedDisputeOut:
    payment = shown(found.payment)
    out = next(one for one in payment.disputes if one.reference == found.dispute.name)
    return ListedDisputeOut(
        **{name: getattr(out, name) for name in DisputeOut.__struct_fields__},
        payment_id=payment.id,
        payment_reference=payment.reference,
        payment_amount=payment.amount.value,
        todo=found.todo,
        shopper_reference=payment.shopper_reference,
    )


ROUTES: Final = keyed_router("Kasir", [get_disputes])

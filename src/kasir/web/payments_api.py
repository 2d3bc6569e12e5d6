"""Payments with their status and facts: `/api/payments`."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET, UnsetType

from kasir.errors import NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.ids import PaymentId
from kasir.operations.finding_payments import (
    FILTERS,
    PAGING,
    SCHEMAS,
    filter_of,
    list_payments,
    paging_of,
)
from kasir.operations.payment_csv import CSV_HEADERS, CSV_TYPE, csv_of
from kasir.operations.payment_life import PaymentLife, PaymentMessage
from kasir.shop_events.payout_shapes import PaymentWithPayoutOut, payment_payout
from kasir.shop_events.shapes import PaymentOut, shown
from kasir.store import payouts
from kasir.web.documented import Documented
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters_and_no_body

_LIST_PARAMETERS: Final = {**FILTERS, **PAGING}
#: Older shops ask with this parameter alone, and expect only `payments` in the answer.
_OLD_QUERY: Final = {"reference"}


class PaymentsOut(msgspec.Struct):
    """A page of payments, newest first; `next` is the `after` of the following page.

    If only a reference is given, there is no `next` unless another page follows.
    """

    payments: list[PaymentOut]
    next: str | UnsetType | None = UNSET


@get("/api/payments", documented=Documented(parameters=_LIST_PARAMETERS, schemas=SCHEMAS))
async def get_payments(request: AnyRequest, parts: OurParts) -> PaymentsOut:
    """List payments, newest first. With several filters, only those that match all."""
    await check_parameters_and_no_body(request, frozenset(_LIST_PARAMETERS))
    query = dict(request.query_params)
    after, most = paging_of(query)
    page = await list_payments(parts.pool, filter_of(query), after, most)
    is_old = query.keys() == _OLD_QUERY and page.next is None
    return PaymentsOut(
        [shown(payment) for payment in page.payments], UNSET if is_old else page.next
    )


@get(
    "/api/payments.csv",
    documented=Documented(parameters=FILTERS, schemas=SCHEMAS, answer=str, media_type="text/csv"),
)
async def get_payments_csv(request: AnyRequest, parts: OurParts) -> Stream:
    """Return all payments that match the filters, newest first, as a CSV file with a header.

    A text that a spreadsheet could run as a formula begins with an apostrophe.
    """
    await check_parameters_and_no_body(request, frozenset(FILTERS))
    parts_of_file = await csv_of(parts.pool, filter_of(dict(request.query_params)))
    return Stream(parts_of_file, media_type=CSV_TYPE, headers=CSV_HEADERS)


@get("/api/payments/{payment_id:str}")
async def get_payment(
    request: AnyRequest, parts: OurParts, payment_id: FromPath[str]
) -> PaymentWithPayoutOut:
    """Return one payment with all its facts, and its payout if a report of Adyen's has it."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    payment = await parts.payments.payment(PaymentId(payment_id))
    if payment is None:
        raise NotFound("payment", payment_id)
    payout = payment_payout(await payouts.rows_of_payment(parts.pool, payment_id))
    return PaymentWithPayoutOut(**msgspec.structs.asdict(shown(payment)), payout=payout)


@get("/api/payments/{payment_id:str}/life")
async def get_payment_life(
    request: AnyRequest, parts: OurParts, payment_id: FromPath[str]
) -> PaymentLife:
    """Return everything that happened to a payment, oldest first, and what can be done with it.

    `attempts` has what can still be refunded, captured and cancelled.
    """
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return await parts.payment_lives.life(payment_id)


@get("/api/payments/{payment_id:str}/messages/{message_id:str}")
async def get_payment_message(
    request: AnyRequest, parts: OurParts, payment_id: FromPath[str], message_id: FromPath[str]
) -> PaymentMessage:
    """Return a message behind a payment: a call, its answer, a notification or an event.

    The life of the payment has the ids. Secrets and personal data are hidden.
    """
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return await parts.payment_lives.message(payment_id, message_id)


ROUTES: Final = keyed_router(
    "Kasir",
    [get_payments, get_payments_csv, get_payment, get_payment_life, get_payment_message],
)

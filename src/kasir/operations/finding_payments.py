"""Lists payments, newest first, by filters and page by page.

A page costs two statements, however many payments it has. `next` names the last payment of a page,
so a payment that is created meanwhile moves no other from one page to the next.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from kasir.adyen.checks import INT64_MAX
from kasir.adyen.texts import storable
from kasir.errors import Fault, InvalidRequest
from kasir.gateway.methods import METHODS
from kasir.ids import PaymentId
from kasir.payments import fold
from kasir.payments.payment import Payment
from kasir.payments.status import Status
from kasir.store import payment_search, payments
from kasir.store.database import Pool
from kasir.store.payment_search import PaymentFilter, PaymentRow, Position

#: The most payments of a page, and the number unless a caller chooses another.
LISTED_MAX: Final = 100
#: The longest texts that are searched for. No stored reference is longer.
_REFERENCE_MAX: Final = 80
_TEXT_MAX: Final = 256

#: The filters, by the names of their query parameters.
FILTERS: Final[Mapping[str, str]] = {
    "reference": "Your own reference of the payment.",
    "pspReference": "Adyen's reference of the payment, or of a capture, refund or cancel of it.",
    "shopperReference": "Your own reference of the shopper.",
    "status": f"One of {', '.join(Status)}.",
    "createdAfter": "Created at this time or later: a date and time with its offset.",
    "createdBefore": "Created earlier than this date and time.",
    "minValue": "The least amount, in minor units; for IDR, whole rupiah.",
    "maxValue": "The greatest amount, in minor units.",
    "method": f"The wallet: {', '.join(METHODS)}.",
    "linkId": "The id of the payment link that was paid.",
    "search": "The payment's id, or any of the first three.",
}
PAGING: Final[Mapping[str, str]] = {
    "limit": f"How many at most: 1 to {LISTED_MAX}, the default.",
    "after": "The `next` of an answer.",
}
#: The JSON schemas of the parameters that are not plain texts.
SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "status": {"type": "string", "enum": list(Status)},
    "createdAfter": {"type": "string", "format": "date-time"},
    "createdBefore": {"type": "string", "format": "date-time"},
    "minValue": {"type": "integer", "minimum": 0},
    "maxValue": {"type": "integer", "minimum": 0},
    "method": {"type": "string", "enum": list(METHODS)},
    "limit": {"type": "integer", "minimum": 1, "maximum": LISTED_MAX},
}
_MOMENT: Final = (
    "must be a date and time with its offset, such as 2026-11-23T03:00:00Z; in a URL, `+` is %2B."
)
_YEARS: Final = range(2000, 3000)


@dataclass(frozen=True, slots=True)
class PageOfPayments:
    """Payments with their facts, newest first; `next` is None after the last page."""

    payments: Sequence[Payment]
    next: str | None


@dataclass(frozen=True, slots=True)
class PageOfRows:
    """Payments without their facts, newest first; `next` is None after the last page."""

    rows: Sequence[PaymentRow]
    next: str | None


async def list_payments(
    pool: Pool, wanted: PaymentFilter, after: Position | None, most: int
) -> PageOfPayments:
    """Return a page of payments with their facts."""
    page = await list_rows(pool, wanted, after, most)
    intents = [row.intent for row in page.rows]
    facts = await payments.facts_of(pool, [intent.id for intent in intents])
    return PageOfPayments([fold.payment(intent, facts[intent.id]) for intent in intents], page.next)


async def list_rows(
    pool: Pool, wanted: PaymentFilter, after: Position | None, most: int
) -> PageOfRows:
    """Return a page of payments without their facts."""
    rows = await payment_search.page(pool, wanted, after, most + 1)
    has_more = len(rows) > most
    return PageOfRows(rows[:most], _cursor(rows[most - 1].position) if has_more else None)


def filter_of(query: Mapping[str, str]) -> PaymentFilter:
    """Read the filters of a query.

    Raises:
        InvalidRequest: A value is wrong; the error names each parameter and its cure.
    """
    values = {name: query[name] for name in FILTERS if name in query}
    faults = [*_faults(values)]
    if faults:
        raise InvalidRequest(faults)
    status, least, most = (values.get(name) for name in ("status", "minValue", "maxValue"))
    return PaymentFilter(
        search=values.get("search"),
        reference=values.get("reference"),
        psp_reference=values.get("pspReference"),
        shopper_reference=values.get("shopperReference"),
        status=Status(status) if status else None,
        created_after=_moment(values.get("createdAfter")),
        created_before=_moment(values.get("createdBefore")),
        min_value=int(least) if least else None,
        max_value=int(most) if most else None,
        method=values.get("method"),
        link_id=values.get("linkId"),
    )


def paging_of(query: Mapping[str, str]) -> tuple[Position | None, int]:
    """Read where a page begins, and how many payments it has.

    Raises:
        InvalidRequest: A value is wrong.
    """
    limit, after = query.get("limit"), query.get("after")
    faults = []
    if limit is not None and not (_is_number(limit) and 1 <= int(limit) <= LISTED_MAX):
        faults.append(Fault("limit", f"must be a whole number from 1 to {LISTED_MAX}."))
    position = None if after is None else _position(after)
    if after is not None and position is None:
        faults.append(Fault("after", "give the `next` of an earlier answer, or leave it out."))
    if faults:
        raise InvalidRequest(faults)
    return position, int(limit) if limit else LISTED_MAX


def _faults(values: Mapping[str, str]) -> Iterator[Fault]:
    for name, text in values.items():
        if fault := _fault(name, text):
            yield Fault(name, fault)
    least, most = values.get("minValue", ""), values.get("maxValue", "")
    if _is_number(least) and _is_number(most) and int(least) > int(most):
        yield Fault("minValue", "must not be greater than maxValue.")
    since, until = _moment(values.get("createdAfter")), _moment(values.get("createdBefore"))
    if since and until and since >= until:
        yield Fault("createdAfter", "must be earlier than createdBefore.")


def _fault(name: str, text: str) -> str:
    """What is wrong with the value of a filter; empty if nothing is."""
    match name:
        case "status" if text not in Status.__members__.values():
            return f"must be one of {', '.join(Status)}."
        case "method" if text not in METHODS:
            return f"must be one of {', '.join(METHODS)}."
        case "minValue" | "maxValue" if not (_is_number(text) and int(text) <= INT64_MAX):
            return "must be a whole number of minor units, such as 25000."
        case "createdAfter" | "createdBefore" if _moment(text) is None:
            return _MOMENT
        case "reference":  # Shops may ask for an empty one, which no payment has.
            return (
                "" if len(text) <= _REFERENCE_MAX else f"has {_REFERENCE_MAX} characters at most."
            )
        case _ if not 1 <= len(text) <= _TEXT_MAX:
            return f"must have 1 to {_TEXT_MAX} characters; leave it out to list all."
    return ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(INT64_MAX))


def _moment(text: str | None) -> datetime | None:
    """The date and time in a text; None if it is none, or has no offset."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text or "")
        # Near the first and the last year of the calendar, the time in UTC is out of range.
        if moment.tzinfo and moment.year in _YEARS:
            return moment
    return None


def _cursor(position: Position) -> str:
    """A place in the list as a text, which callers need not understand."""
    text = msgspec.json.encode([position.created_at, position.id])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _position(cursor: str) -> Position | None:
    """The place in the list that a text stands for; None if it stands for none."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        created_at, payment_id = msgspec.json.decode(text, type=tuple[datetime, str])
    except ValueError:
        return None
    is_valid = created_at.tzinfo is not None and storable(payment_id) == payment_id
    return Position(created_at, PaymentId(payment_id)) if is_valid else None

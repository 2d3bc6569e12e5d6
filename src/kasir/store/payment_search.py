"""Searches payments by filters, newest first, page by page.

These are the only statements whose text is not in `queries`: they have only the conditions of the
given filters, so that PostgreSQL can use the index of each. All values are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from kasir.adyen.texts import storable
from kasir.ids import PaymentId
from kasir.payments.payment import Intent
from kasir.payments.status import Status
from kasir.store.database import Pool
from kasir.store.payments import intent_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    """Which payments to list. A filter that is None matches all payments.

    Attributes:
        search: A payment's id, reference, pspReference or shopperReference.
        reference: The shop's reference.
        psp_reference: The pspReference of the payment or of a change of it.
        shopper_reference: The shop's reference of the shopper.
        status: The status.
        created_after: The earliest time of creation.
        created_before: Only payments that were created earlier than this.
        min_value: The least amount in minor units.
        max_value: The greatest amount in minor units.
        method: The wallet.
        link_id: The payment link.
    """

    search: str | None = None
    reference: str | None = None
    psp_reference: str | None = None
    shopper_reference: str | None = None
    status: Status | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_value: int | None = None
    max_value: int | None = None
    method: str | None = None
    link_id: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A position in the list: after the payment with this time of creation and this id."""

    created_at: datetime
    id: PaymentId


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment's row: what never changes, and the stored summary of its facts.

    Attributes:
        intent: What never changes.
        status: The status.
        psp_reference: The pspReference of the attempt that counts; may be empty.
        captured: The captured amount, in minor units.
        refunded: The refunded amount, in minor units.
    """

    intent: Intent
    status: Status
    psp_reference: str
    captured: int
    refunded: int

    @property
    def position(self) -> Position:
        """Its position in the list."""
        return Position(self.intent.created_at, self.intent.id)


_OWNER: Final = "(SELECT payment_id FROM psp_reference WHERE name = {0}::text)"
#: The condition of each filter; `{0}` is its parameter.
_CONDITIONS: Final[Mapping[str, str]] = {
    "reference": "reference = {0}::text",
    "psp_reference": f"id = {_OWNER}",
    "shopper_reference": "shopper_reference = {0}::text",
    "status": "status = {0}::text",
    "created_after": "created_at >= {0}::timestamptz",
    "created_before": "created_at < {0}::timestamptz",
    "min_value": "minor_units >= {0}::bigint",
    "max_value": "minor_units <= {0}::bigint",
    "method": "method = {0}::text",
    "link_id": "link_id = {0}::text",
}
#: The conditions of `search` but that of the shopper: one of them is to be true.
_SEARCHED: Final = ("id = {0}::text", "reference = {0}::text", f"id = {_OWNER}")
_AMOUNTS: Final = frozenset({"min_value", "max_value"})
_TIMES: Final = frozenset({"created_after", "created_before"})
#: Filters that match few payments, whose rows are read and sorted.
_NARROW: Final = frozenset({"reference", "psp_reference", "link_id"})
#: Filters whose index has the order of the list. The first one that is given is used.
_IN_ORDER: Final = ("shopper_reference", "status")
#: How many payments are read in the order of the list before a range of amounts is searched by day.
_NEWEST: Final = 2000

#: `found` reads only what the indexes have. Rows of the table are read for one page only, one by
#: one: without LIMIT, the planner could read the whole table.
_PAGE: Final = """
SELECT payment.* FROM ({found}) AS page
CROSS JOIN LATERAL (SELECT * FROM payment WHERE payment.id = page.id LIMIT 1) AS payment
ORDER BY payment.created_at DESC, payment.id DESC LIMIT {most}::integer
"""
_ORDERED: Final = """
    (SELECT id FROM payment WHERE {conditions}
     ORDER BY {order}created_at DESC, id DESC LIMIT {most}::integer)
"""
#: Reads an index in its order, from the position on. With `{column} = {value}`, the planner could
#: read all payments instead, if it thinks that many match.
_ONLY: Final = """({column}, created_at) >= ({value}::text, {since}::timestamptz)
    AND ({column}, created_at, id) < ({value}::text, {until}::timestamptz, {id}::text)
    AND {column} <> ''"""
#: The payments with the amounts among the newest of the list.
_AMONG_NEWEST: Final = """
    SELECT id FROM (
        SELECT id, created_at, minor_units FROM payment WHERE {conditions}
        ORDER BY {order}created_at DESC, id DESC LIMIT {newest}
    ) AS newest
    WHERE {amounts} ORDER BY created_at DESC, id DESC LIMIT {most}::integer
"""
#: Reads the payments with the amounts of one day after the other, until there are enough. Sorts by
#: an expression, so that the planner does not read all payments of the day in their order.
_BY_DAY: Final = """
    WITH RECURSIVE searched AS (
        SELECT (least(max(created_at), {until}) AT TIME ZONE 'UTC')::date + 1 AS day,
               (greatest(min(created_at), {since}) AT TIME ZONE 'UTC')::date AS first_day,
               ARRAY[]::text[] AS ids, 0 AS total
        FROM payment
        UNION ALL
        SELECT day - 1, first_day, found.ids, total + cardinality(found.ids)
        FROM searched, LATERAL (SELECT ARRAY(
            SELECT id FROM payment
            WHERE (created_at AT TIME ZONE 'UTC')::date = searched.day - 1 AND {conditions}
            ORDER BY created_at + interval '0' DESC, id DESC LIMIT {most}::integer
        ) AS ids) AS found
        WHERE day > first_day AND total < {most}::integer
    )
    SELECT unnest(ids) AS id FROM searched
"""


async def page(
    pool: Pool, wanted: PaymentFilter, after: Position | None, most: int
) -> list[PaymentRow]:
    """Return at most `most` payments, newest first, that come after a position in the list."""
    rows: list[Any] = []
    for text, values in statements(wanted, after, most):
        rows = await pool.fetch(text, *values)
        if len(rows) == most:
            break
    return [_row_of(row) for row in rows]


def statements(
    wanted: PaymentFilter, after: Position | None, most: int
) -> Iterator[tuple[str, list[Any]]]:
    """The statements for a page with their parameters; the next one is for a page that is not full.

    None of them reads more than the payments of one shopper, or of the amounts, or of one status.
    """
    given = {
        field.name: value
        for field in fields(wanted)
        if (value := getattr(wanted, field.name)) is not None
    }
    if given.keys() & _AMOUNTS and not given.keys() & {*_NARROW, "shopper_reference", "search"}:
        first = _Statement(given, after, most)
        yield first.of(first.among_newest())
        second = _Statement(given, after, most)
        yield second.of(second.by_day())
        return
    only = _Statement(given, after, most)
    yield only.of(only.searched() if "search" in given else only.ordered(given))


class _Statement:
    """Writes one statement for a page, and collects its parameters.

    Args:
        given: The filters, without those that match all payments.
        after: The position before the page.
        most: The most payments of the page.
    """

    def __init__(self, given: Mapping[str, object], after: Position | None, most: int) -> None:
        self._values: list[Any] = []
        self._given = given
        self._most = self._parameter(most)
        self._after = after

    def of(self, found: str) -> tuple[str, list[Any]]:
        """The statement that returns the rows of the payments that a query finds."""
        return _PAGE.format(found=found, most=self._most), self._values

    def ordered(self, given: Mapping[str, object], *more: str) -> str:
        """A query of the payments that match filters and more conditions, in their order."""
        conditions, order = self._in_order(given, is_narrow=bool(more))
        return _ORDERED.format(conditions=_all([*conditions, *more]), order=order, most=self._most)

    def searched(self) -> str:
        """A query for each meaning of the text that is searched for."""
        text = self._given["search"]
        rest = {name: value for name, value in self._given.items() if name != "search"}
        found = [self.ordered(rest, one.format(self._parameter(text))) for one in _SEARCHED]
        conditions = self._only("shopper_reference", text, rest)
        found.append(
            _ORDERED.format(
                conditions=_all(conditions), order="shopper_reference DESC, ", most=self._most
            )
        )
        return " UNION ".join(found)

    def among_newest(self) -> str:
        """A query of the amounts among the newest payments that match the other filters."""
        rest = {name: value for name, value in self._given.items() if name not in _AMOUNTS}
        conditions, order = self._in_order(rest)
        return _AMONG_NEWEST.format(
            conditions=_all(conditions),
            order=order,
            newest=_NEWEST,
            amounts=_all([self._condition(name) for name in self._given if name in _AMOUNTS]),
            most=self._most,
        )

    def by_day(self) -> str:
        """A query of the amounts day by day."""
        since, until = self._given.get("created_after"), self._until()[0]
        return _BY_DAY.format(
            since=f"{self._parameter(since)}::timestamptz",
            until=f"{self._parameter(until)}::timestamptz",
            conditions=_all(self._conditions(self._given)),
            most=self._most,
        )

    def _in_order(
        self, given: Mapping[str, object], *, is_narrow: bool = False
    ) -> tuple[list[str], str]:
        """The conditions of filters, and the columns before the time in the order of the list."""
        is_narrow = is_narrow or bool(given.keys() & _NARROW)
        first = next((name for name in _IN_ORDER if name in given and not is_narrow), None)
        if first is None:
            return self._conditions(given), ""
        rest = {name: value for name, value in given.items() if name != first}
        return self._only(first, given[first], rest), f"{first} DESC, "

    def _conditions(self, given: Mapping[str, object]) -> list[str]:
        conditions = [self._condition(name) for name in given]
        if self._after:
            at, last_id = self._parameter(self._after.created_at), self._parameter(self._after.id)
            conditions.append(f"(created_at, id) < ({at}::timestamptz, {last_id}::text)")
        return conditions

    def _condition(self, name: str) -> str:
        return _CONDITIONS[name].format(self._parameter(self._given[name]))

    def _only(self, column: str, value: object, rest: Mapping[str, object]) -> list[str]:
        """The conditions that a column has a value, and those of the other filters."""
        since, (until, last_id) = rest.get("created_after"), self._until()
        bounds = _ONLY.format(
            column=column,
            value=self._parameter(value),
            since=self._parameter(since) if since else "'-infinity'",
            until=self._parameter(until) if until else "'infinity'",
            id=self._parameter(last_id),
        )
        return [bounds, *(self._condition(name) for name in rest if name not in _TIMES)]

    def _until(self) -> tuple[object, str]:
        """The position before which all payments of the page are; (None, "") if there is none."""
        before, after = self._given.get("created_before"), self._after
        if after and not (isinstance(before, datetime) and before <= after.created_at):
            return after.created_at, after.id
        return before, ""

    def _parameter(self, value: object) -> str:
        self._values.append(storable(value) if isinstance(value, str) else value)
        return f"${len(self._values)}"


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "true"


def _row_of(row: Any) -> PaymentRow:
    return PaymentRow(
        intent=intent_of(row),
        status=Status(row["status"]),
        psp_reference=row["psp_reference"],
        captured=row["captured"],
        refunded=row["refunded"],
    )

"""Searches payments by filters, newest first, page by page.

This is the only statement whose text is not in `queries`: it has only the conditions of the given
filters, so that PostgreSQL can use the index of each. All values are parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """A place in the list: after the payment with this time of creation and this id."""

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
        """Its place in the list."""
        return Position(self.intent.created_at, self.intent.id)


_OWNER: Final = "(SELECT payment_id FROM psp_reference WHERE name = {0}::text)"
#: The condition of each filter; `{0}` is its parameter.
_CONDITIONS: Final[Mapping[str, str]] = {
    "search": (
        "(id = {0}::text OR reference = {0}::text"
        " OR (shopper_reference = {0}::text AND shopper_reference <> '')"
        f" OR id = {_OWNER})"
    ),
    "reference": "reference = {0}::text",
    "psp_reference": f"id = {_OWNER}",
    "shopper_reference": "shopper_reference = {0}::text AND shopper_reference <> ''",
    "status": "status = {0}::text",
    "created_after": "created_at >= {0}::timestamptz",
    "created_before": "created_at < {0}::timestamptz",
    "min_value": "minor_units >= {0}::bigint",
    "max_value": "minor_units <= {0}::bigint",
    "method": "method = {0}::text",
    "link_id": "link_id = {0}::text",
}
#: The inner query reads only what the indexes have. Rows of the table are read for one page only.
_STATEMENT: Final = """
SELECT payment.* FROM (
    SELECT id FROM payment WHERE {conditions}
    ORDER BY created_at DESC, id DESC LIMIT {most}::integer
) AS page JOIN payment ON payment.id = page.id
ORDER BY payment.created_at DESC, payment.id DESC
"""


async def page(
    pool: Pool, wanted: PaymentFilter, after: Position | None, most: int
) -> list[PaymentRow]:
    """Return at most `most` payments, newest first, that come after a place in the list."""
    text, values = statement(wanted, after, most)
    return [_row_of(row) for row in await pool.fetch(text, *values)]


def statement(wanted: PaymentFilter, after: Position | None, most: int) -> tuple[str, list[Any]]:
    """The text of the statement for a page, and its parameters."""
    values: list[Any] = []

    def parameter(value: object) -> str:
        values.append(storable(value) if isinstance(value, str) else value)
        return f"${len(values)}"

    conditions = [_CONDITIONS[name].format(parameter(value)) for name, value in _given(wanted)]
    if after:
        place = f"{parameter(after.created_at)}::timestamptz, {parameter(after.id)}::text"
        conditions.append(f"(created_at, id) < ({place})")
    text = _STATEMENT.format(conditions=" AND ".join(conditions) or "true", most=parameter(most))
    return text, values


def _given(wanted: PaymentFilter) -> Iterator[tuple[str, object]]:
    """The filters that are given. An exact amount is one condition, so that an index orders it."""
    for field in fields(wanted):
        value = getattr(wanted, field.name)
        if value is not None:
            yield field.name, value


def _row_of(row: Mapping[str, Any]) -> PaymentRow:
    return PaymentRow(
        intent=intent_of(row),
        status=Status(row["status"]),
        psp_reference=row["psp_reference"],
        captured=row["captured"],
        refunded=row["refunded"],
    )

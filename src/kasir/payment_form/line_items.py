"""The line items of a payment link, as the form and the receipt show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line. Amounts are in whole rupiah; None if the shop gave none."""

    description: str
    quantity: int
    each: int | None
    sum: int | None


def line_items(request: Mapping[str, Any]) -> list[LineItem]:
    """Return the line items of a link's request, each with its sum.

    At Adyen an item's amount is for one piece. Some shops give the amount of the whole line; Kasir
    assumes this if the lines add up to the total only in that way.
    """
    items = [item for item in request.get("lineItems") or () if isinstance(item, dict)]
    priced = [(_quantity(item), item.get("amountIncludingTax")) for item in items]
    total = request["amount"]["value"]
    is_per_line = total != sum(n * (each or 0) for n, each in priced) and total == sum(
        each or 0 for _, each in priced
    )
    return [
        LineItem(
            description=_description(item),
            quantity=quantity,
            each=None if is_per_line else amount,
            sum=amount if is_per_line or amount is None else quantity * amount,
        )
        for item, (quantity, amount) in zip(items, priced, strict=True)
    ]


def _quantity(item: Mapping[str, Any]) -> int:
    quantity = item.get("quantity")
    return 1 if quantity is None else int(quantity)


def _description(item: Mapping[str, Any]) -> str:
    named = (item.get(name) for name in ("description", "id", "sku"))
    return next((str(name) for name in named if name), "")

"""The line items of a payment link, as the form and the receipt show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line of the order.

    Attributes:
        description: What is bought; may be empty.
        quantity: How many pieces.
        each: The price of one piece in whole rupiah; None if it is not known.
        sum: The price of the line in whole rupiah; None if the shop gave no amount.
    """

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
    sum_of_pieces = sum(quantity * (amount or 0) for quantity, amount in priced)
    sum_of_lines = sum(amount or 0 for _, amount in priced)
    is_per_line = sum_of_pieces != total == sum_of_lines
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

"""The basket of a link, as the form and the receipt show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the basket. Money is in whole rupiah, and absent where the shop left it out."""

    description: str
    quantity: int
    each: int | None
    sum: int | None


def basket(request: Mapping[str, Any]) -> list[Line]:
    """The basket of a link, with what each line comes to.

    Adyen's amounts are for one of the item; a shop that gave them for the line is understood by
    its sums.
    """
    items = [item for item in request.get("lineItems") or () if isinstance(item, dict)]
    priced = [(_quantity(item), item.get("amountIncludingTax")) for item in items]
    total = request["amount"]["value"]
    whole_lines = total != sum(n * (each or 0) for n, each in priced) and total == sum(
        each or 0 for _, each in priced
    )
    return [
        Line(
            description=_described(item),
            quantity=quantity,
            each=None if whole_lines else amount,
            sum=amount if whole_lines or amount is None else quantity * amount,
        )
        for item, (quantity, amount) in zip(items, priced, strict=True)
    ]


def _quantity(item: Mapping[str, Any]) -> int:
    quantity = item.get("quantity")
    return 1 if quantity is None else int(quantity)


def _described(item: Mapping[str, Any]) -> str:
    named = (item.get(name) for name in ("description", "id", "sku"))
    return next((str(name) for name in named if name), "")

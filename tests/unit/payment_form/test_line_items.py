"""A line item's amount is for one piece or for the line; its fields may be missing."""

from __future__ import annotations

from kasir.payment_form.line_items import line_items


def test_an_amount_is_for_one_piece_as_in_adyens_api() -> None:
    lines = line_items(_request(1000, (1, 400), (2, 300)))

    assert [(line.quantity, line.each, line.sum) for line in lines] == [
        (1, 400, 400),
        (2, 300, 600),
    ]


def test_amounts_that_add_up_only_as_lines_are_for_the_line() -> None:
    lines = line_items(_request(1000, (1, 400), (2, 600)))

    assert [(line.each, line.sum) for line in lines] == [(None, 400), (None, 600)]


def test_line_items_may_lack_every_field_that_the_schema_does_not_require() -> None:
    request = {"amount": {"value": 5}, "lineItems": [{"id": "A-1"}, {"quantity": None}]}

    assert [(line.description, line.quantity, line.sum) for line in line_items(request)] == [
        ("A-1", 1, None),
        ("", 1, None),
    ]
    assert line_items({"amount": {"value": 5}}) == []


def _request(total: int, *lines: tuple[int, int]) -> dict[str, object]:
    """A request with this total, and for each line its quantity and its amount."""
    items = [{"quantity": quantity, "amountIncludingTax": amount} for quantity, amount in lines]
    return {"amount": {"value": total}, "lineItems": items}

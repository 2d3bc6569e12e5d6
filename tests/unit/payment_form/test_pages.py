"""Amounts are shown on pages as rupiah."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.money import IDR, Money
from kasir.payment_form.pages import rupiah


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "Rp1"),
        (999, "Rp999"),
        (25000, "Rp25.000"),
        (20_000_000, "Rp20.000.000"),
        (-5000, "-Rp5.000"),
        (0, "Rp0"),
    ],
)
def test_rupiah_are_written_with_dots_for_thousands_and_no_decimals(value: int, text: str) -> None:
    assert (rupiah(value), rupiah(Money(IDR, value))) == (text, text)


@given(st.integers(min_value=-(2**63), max_value=2**63))
def test_no_digit_of_an_amount_is_lost(value: int) -> None:
    assert int(rupiah(value).replace("Rp", "").replace(".", "")) == value

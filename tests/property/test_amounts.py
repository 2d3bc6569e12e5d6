"""Amounts are whole rupiah, in requests and on the payment form. No other value is accepted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fakes import payment_body
from kasir.adyen import checks
from kasir.money import IDR, Money
from kasir.payment_form.pages import rupiah

INT64_MAX = 2**63 - 1
positive_integers = st.integers(1, INT64_MAX)
#: Any `Money` in rupiah, also negative.
amounts = st.builds(Money, st.just(IDR), st.integers(-INT64_MAX, INT64_MAX))


def faults(value: Any) -> list[str]:
    """The invalid fields of a payment request with this value as its amount."""
    body = payment_body(amount={"currency": "IDR", "value": value})
    return [fault.field for fault in checks.payment_faults(body, 72)]


@given(positive_integers)
def test_every_whole_positive_number_of_rupiah_is_an_amount(value: int) -> None:
    assert faults(value) == []


@given(
    st.one_of(
        st.integers(max_value=0),
        st.integers(min_value=INT64_MAX + 1),
        st.floats(),
        st.text(),
        st.booleans(),
        st.none(),
        st.lists(st.integers()),
    )
)
def test_no_other_value_is_an_amount(value: Any) -> None:
    assert faults(value) == ["amount.value"]


@given(amounts, amounts, amounts)
def test_money_is_added_and_subtracted_like_whole_numbers(
    first: Money, second: Money, third: Money
) -> None:
    assert first + second == second + first
    assert (first + second) + third == first + (second + third)
    assert (first + second) - second == first
    assert (first + second).minor_units == first.minor_units + second.minor_units


@given(st.integers(0, INT64_MAX))
def test_rupiah_are_written_with_a_dot_every_three_digits_and_no_decimals(value: int) -> None:
    text = rupiah(value)
    groups = text.removeprefix("Rp").split(".")

    assert text.startswith("Rp")
    assert int("".join(groups)) == value
    assert [len(group) for group in groups[1:]] == [3] * (len(groups) - 1)
    assert 1 <= len(groups[0]) <= 3

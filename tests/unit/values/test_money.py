"""Money is a whole number of minor units of one currency."""

import pytest

from kasir.money import IDR, Currency, Money

EUR = Currency("EUR")


def test_money_of_one_currency_adds_and_subtracts() -> None:
    assert Money(IDR, 25_000) + Money(IDR, 1) == Money(IDR, 25_001)
    assert Money(IDR, 25_000) - Money(IDR, 25_001) == Money(IDR, -1)


def test_money_of_two_currencies_is_not_added_or_subtracted() -> None:
    with pytest.raises(ValueError, match="IDR and EUR cannot be added"):
        Money(IDR, 1) + Money(EUR, 1)
    with pytest.raises(ValueError, match="EUR and IDR cannot be"):
        Money(EUR, 1) - Money(IDR, 1)


def test_the_same_number_of_another_currency_is_not_equal() -> None:
    assert Money(IDR, 1) != Money(EUR, 1)


def test_money_of_two_currencies_cannot_be_compared() -> None:
    with pytest.raises(TypeError):
        assert Money(IDR, 1) < Money(EUR, 2)  # type: ignore[operator]

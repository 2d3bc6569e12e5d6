"""Adyen's exponents, not ISO 4217's: a wrong one sends a hundred times too much, unseen."""

import pytest

from kasir.adyen.currencies import exponent

NO_DECIMALS = [
    "CVE",
    "DJF",
    "GNF",
    "IDR",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
THREE_DECIMALS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]


def test_the_rupiah_has_no_decimals_at_adyen() -> None:
    assert exponent("IDR") == 0


@pytest.mark.parametrize("currency", NO_DECIMALS)
def test_a_currency_without_decimals(currency: str) -> None:
    assert exponent(currency) == 0


@pytest.mark.parametrize("currency", THREE_DECIMALS)
def test_a_currency_with_three_decimals(currency: str) -> None:
    assert exponent(currency) == 3


@pytest.mark.parametrize("currency", ["EUR", "USD", "SGD", "MYR", "ISK", "CLP"])
def test_every_other_currency_has_two(currency: str) -> None:
    assert exponent(currency) == 2

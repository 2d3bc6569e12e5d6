"""Money: a whole number of a currency's minor units, as Adyen counts them.

Adyen's minor units are not ISO 4217's: at Adyen the rupiah has no decimals, so 25,000 rupiah are
`Money(IDR, 25000)`. A library that follows ISO 4217 would send a hundred times the amount. Source:
the tables of Adyen's Magento plugin (Helper/Data.php) and .NET library (AmountUtil), and Adyen's
GoPay page for Android, which sends 1,000 rupiah as 1000. An amount is never a float or a Decimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Currency = NewType("Currency", str)

IDR = Currency("IDR")


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in one currency. Adding two currencies is an error, not a conversion."""

    currency: Currency
    minor_units: int  # Adyen's minor units, so one rupiah is 1.

    def __str__(self) -> str:
        return f"{self.minor_units} {self.currency}"

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.currency, self.minor_units + other.minor_units)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.currency, self.minor_units - other.minor_units)

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added or subtracted")

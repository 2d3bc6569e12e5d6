"""The amounts of a report, which are in major units, in minor units as Adyen counts them.

How Adyen's reports print rupiah is not known. At Adyen rupiah have no decimals, so 25,000 rupiah
are expected as `25000`; a program that follows ISO 4217 would print `250.00`. `Decimals` has both
readings, and `RupiahDetector` finds by the ledger which of them a file uses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from kasir.errors import cut
from kasir.money import IDR
from kasir.reconciliation.tables import UnreadableRow
from kasir.report_settings import RupiahDecimals

_AMOUNT: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?", re.ASCII)
_ZERO: Final = Decimal(0)
_USUAL: Final = 2
#: At Adyen, the number of decimals of the currencies that do not have two. Source: the tables of
#: Adyen's Magento plugin (Helper/Data.php) and .NET library (AmountUtil). ISO 4217 differs for CVE
#: and IDR.
_DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("CVE", "DJF", "GNF", "IDR", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


@dataclass(frozen=True, slots=True)
class Decimals:
    """How many decimals the minor unit of each currency has in a report.

    Attributes:
        rupiah: Those of IDR: 0, or 2 if the file prints it as ISO 4217 does.
    """

    rupiah: int = 0

    def of(self, currency: str) -> int:
        """The decimals of a currency."""
        return self.rupiah if currency == IDR else _DECIMALS.get(currency, _USUAL)

    def minor(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in minor units, which is not always a whole number."""
        return amount.scaleb(self.of(currency))

    def whole(self, amount: Decimal, currency: str) -> int:
        """An amount in whole minor units.

        Raises:
            UnreadableRow: It is no whole number of minor units.
        """
        minor = self.minor(amount, currency)
        if minor != minor.to_integral_value():
            raise UnreadableRow(f"{amount} {currency} is not a whole number of minor units")
        return int(minor)


@dataclass(slots=True)
class RupiahDetector:
    """Detects whether a file prints rupiah with decimals, from payments that the ledger has.

    Attributes:
        without: How many amounts are right if rupiah have no decimals.
        with_two: How many are right if rupiah have two.
    """

    without: int = field(default=0)
    with_two: int = field(default=0)

    @property
    def agreeing(self) -> int:
        """How many amounts agreed with the ledger in one of the two ways."""
        return self.without + self.with_two

    def count(self, amount: Decimal, minor_units: Collection[int]) -> None:
        """Count an amount of the file that, by the ledger, is one of these in minor units."""
        self.without += amount in minor_units
        self.with_two += amount.scaleb(_USUAL) in minor_units

    def decimals(self, setting: RupiahDecimals) -> Decimals:
        """The decimals to read the file with."""
        if setting is not RupiahDecimals.DETECT:
            return Decimals(int(setting))
        return Decimals(_USUAL if self.with_two > self.without else 0)

    def note(self, setting: RupiahDecimals) -> str:
        """What a person should know of how the file prints rupiah; empty where nothing."""
        if self.without and self.with_two:
            return (
                f"it prints rupiah in two ways: {self.without} payments agree without decimals, "
                f"{self.with_two} with two; each payment of the smaller group is a case"
            )
        if setting is RupiahDecimals.DETECT and self.with_two:
            return "it prints rupiah with two decimals (250.00 for 25,000 rupiah)"
        return ""


def amount(text: str, column: str) -> Decimal:
    """The amount in a value; 0 where it is empty.

    Raises:
        UnreadableRow: It is no decimal number with a dot.
    """
    if not text:
        return _ZERO
    if not _AMOUNT.fullmatch(text):
        raise UnreadableRow(f"'{column}' is {cut(text)!r}, which is not a number with a dot")
    return Decimal(text)

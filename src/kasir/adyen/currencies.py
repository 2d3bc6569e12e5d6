"""How many decimals Adyen gives each currency. Where it differs from ISO 4217, Adyen wins.

Source: the tables in Adyen's own Magento plugin (Helper/Data.php) and .NET library (AmountUtil),
which agree; Adyen's GoPay page for Android sends 1,000 rupiah as 1000. A generic currency library
would send a hundred times too much, and nothing would show it: the same error cancels out on the
way back.
"""

from __future__ import annotations

from typing import Final

_NO_DECIMALS: Final = frozenset(
    [
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
)
_THREE_DECIMALS: Final = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_TWO: Final = 2
_THREE: Final = 3


def exponent(currency: str) -> int:
    """How many decimals an amount of `currency` has at Adyen: 0, 2 or 3."""
    if currency in _NO_DECIMALS:
        return 0
    return _THREE if currency in _THREE_DECIMALS else _TWO

"""What is particular to GoPay. Source of every rule: Adyen's page "GoPay for API only".

GoPay is paid in rupiah, asks the shopper for nothing on the form, and demands both the channel and
the shopper's browser with the payment. An older copy of the page asked for either; both always do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kasir.adyen import checks
from kasir.errors import Fault
from kasir.money import IDR

TYPE: Final = "gopay_wallet"
CURRENCY: Final = IDR
#: GUESS, from other providers' pages: on a phone the redirect may end in the GoJek app.
APP_SCHEMES: Final = ("gojek:", "gopay:", "intent:")


def faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What a `/payments` request for GoPay still lacks."""
    amount = fields.get("amount")
    if isinstance(amount, dict) and amount.get("currency") != CURRENCY:
        cure = "must be IDR; GoPay is paid in rupiah, which have no decimals at Adyen."
        yield Fault("amount.currency", cure, "138")
    if fields.get("channel") in (None, ""):
        yield Fault("channel", f"give one of {', '.join(checks.CHANNELS)}; GoPay demands it.")
    if fields.get("browserInfo") is None:
        cure = f"give the shopper's browser ({', '.join(checks.BROWSER_INFO)}); GoPay demands it."
        yield Fault("browserInfo", cure)

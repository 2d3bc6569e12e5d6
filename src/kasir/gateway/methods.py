"""The wallets Kasir accepts, one row each. A new wallet is one file beside gopay.py and one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kasir.errors import Fault
from kasir.gateway import gopay
from kasir.money import Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A wallet and its rules.

    Attributes:
        type: Adyen's name for it, as in `paymentMethod.type`.
        name: Its name for shoppers.
        country: Where it is offered (ISO 3166-1 alpha-2).
        currency: Its one currency.
        app_schemes: The URL schemes of its app, to which a browser may be redirected.
        faults: What is wrong with a payment request for it.
        saves: Whether a payment request makes a token.
    """

    type: str
    name: str
    country: str
    currency: Currency
    app_schemes: tuple[str, ...]
    faults: Callable[[Mapping[str, Any]], Iterator[Fault]]
    saves: Callable[[Mapping[str, Any]], bool]


GOPAY: Final = Method(
    type=gopay.TYPE,
    name="GoPay",
    country="ID",
    currency=gopay.CURRENCY,
    app_schemes=gopay.APP_SCHEMES,
    faults=gopay.faults,
    saves=gopay.saves,
)

METHODS: Final[Mapping[str, Method]] = {method.type: method for method in (GOPAY,)}


def stored_id_of(fields: Mapping[str, Any]) -> str | None:
    """The token that a payment request charges, if it names one (by today's name or the older)."""
    wanted = fields.get("paymentMethod")
    if not isinstance(wanted, dict):
        return None
    named = wanted.get("storedPaymentMethodId") or wanted.get("recurringDetailReference")
    return named if isinstance(named, str) else None


def method_of(fields: Mapping[str, Any]) -> Method | Fault:
    """The wallet a payment request asks for, or what is wrong with its paymentMethod."""
    wanted = fields.get("paymentMethod")
    if not isinstance(wanted, dict):
        cure = f'give {{"type": "{GOPAY.type}"}}.'
        return Fault("paymentMethod", cure, "14_006")
    name = wanted.get("type")
    if name in (None, "") and gopay.names_token(wanted):
        return GOPAY  # A token needs no type; Adyen's GoPay page sends none.
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    return Fault(
        "paymentMethod.type",
        f"Kasir is for GoPay and takes {', '.join(METHODS)} only; "
        "send any other method to Adyen's own Checkout API.",
    )

"""The wallets that Kasir accepts. A new wallet is a file like gopay.py and one entry here."""

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
        type: Adyen's id of the wallet, as in `paymentMethod.type`.
        name: The wallet's name for shoppers.
        country: The country in which the wallet is offered (ISO 3166-1 alpha-2).
        currency: The only currency in which the wallet pays.
        app_schemes: The URL schemes of the wallet's app, to which a browser may be redirected.
        faults: Returns what is wrong with a payment request for the wallet.
        saves: Returns whether a payment request creates a token.
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
    """Adyen's id of the token that a payment request charges; None if it charges none."""
    method_fields = fields.get("paymentMethod")
    if not isinstance(method_fields, dict):
        return None
    stored_id = method_fields.get("storedPaymentMethodId") or method_fields.get(
        "recurringDetailReference"
    )
    return stored_id if isinstance(stored_id, str) and stored_id else None


def method_of(fields: Mapping[str, Any]) -> Method | Fault:
    """The wallet of a payment request, or what is wrong with the request's paymentMethod."""
    method_fields = fields.get("paymentMethod")
    if not isinstance(method_fields, dict):
        cure = f'give {{"type": "{GOPAY.type}"}}.'
        return Fault("paymentMethod", cure, "14_006")
    name = method_fields.get("type")
    if name in (None, "") and gopay.names_token(method_fields):
        return GOPAY  # With a token the type is optional; Adyen's example has none.
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    return Fault(
        "paymentMethod.type",
        f"Kasir is for GoPay and takes {', '.join(METHODS)} only; "
        "send any other method to Adyen's own Checkout API.",
    )

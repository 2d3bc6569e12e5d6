"""The rules of GoPay. The source of every rule is Adyen's page "GoPay for API only".

GoPay is paid in rupiah and needs no field on the payment form. The payment request must have
`channel` and `browserInfo`. An older copy of the page required only one of these two fields, and
Adyen's page about GoPay in Android apps sends no `browserInfo`, so an app may leave `browserInfo`
out.
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
#: GUESS: Adyen names no maximum, so this is the highest maximum of the other providers. The limit
#: of a shopper's wallet may be lower; then the wallet refuses the payment.
AMOUNT_MAX: Final = 50_000_000
#: The channels of apps.
APPS: Final = ("Android", "iOS")
#: The recurring processing models that GoPay's page lists. UnscheduledCardOnFile is not among them.
MODELS: Final = ("Subscription", "CardOnFile")
#: The fields of `paymentMethod` that may contain a token: the current field and the older one.
STORED_NAMES: Final = frozenset({"storedPaymentMethodId", "recurringDetailReference"})


def faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a `/payments` request for GoPay, with or without a token."""
    yield from _amount_faults(fields.get("amount"))
    if names_token(fields["paymentMethod"]):
        yield from _charge_faults(fields)
        return
    yield from _browser_faults(fields)
    if saves(fields):
        yield from _recurring_faults(fields)


def names_token(wanted: Mapping[str, Any]) -> bool:
    """Whether a `paymentMethod` contains a token to charge, in the current field or the older one.

    Without a type, an empty token counts too, so that the error names the token and not the type.
    """
    if any(wanted.get(name) not in (None, "") for name in STORED_NAMES):
        return True
    return wanted.get("type") in (None, "") and bool(wanted.keys() & STORED_NAMES)


def saves(fields: Mapping[str, Any]) -> bool:
    """Whether a payment creates a token, by the current flag or the two older flags."""
    flags = ("storePaymentMethod", "enableRecurring", "enableOneClick")
    return any(fields.get(flag) is True for flag in flags)


def _amount_faults(amount: object) -> Iterator[Fault]:
    if not isinstance(amount, dict):
        return
    if amount.get("currency") != CURRENCY:
        cure = "must be IDR; GoPay is paid in rupiah, which have no decimals at Adyen."
        yield Fault("amount.currency", cure, "138")
    value = amount.get("value")
    if isinstance(value, int) and AMOUNT_MAX < value <= checks.INT64_MAX:
        yield Fault("amount.value", f"must be at most {AMOUNT_MAX} rupiah with GoPay.", "137")


def _browser_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    if fields.get("channel") in (None, ""):
        yield Fault("channel", f"give one of {', '.join(checks.CHANNELS)}; GoPay requires it.")
    if fields.get("browserInfo") is None and fields.get("channel") not in APPS:
        cure = f"give the shopper's browser ({', '.join(checks.BROWSER_INFO)}); GoPay requires it."
        yield Fault("browserInfo", cure)


def _recurring_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    if not fields.get("shopperReference"):
        yield Fault("shopperReference", "give your own name for the shopper, 3 to 256 characters.")
    if fields.get("recurringProcessingModel") not in MODELS:
        yield Fault("recurringProcessingModel", f"must be one of {', '.join(MODELS)} with GoPay.")


def _charge_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a charge of a token, which requires token, shopper, model and ContAuth."""
    stored = fields["paymentMethod"]
    older = stored.get("recurringDetailReference") or None
    stored_id = stored.get("storedPaymentMethodId")
    if stored_id in (None, "") and older:
        stored_id = older
    if cure := checks.Text(most=64).cure(stored_id):
        yield Fault("paymentMethod.storedPaymentMethodId", cure)
    if older not in (None, stored_id):
        cure = "is the older name of storedPaymentMethodId; give one of them."
        yield Fault("paymentMethod.recurringDetailReference", cure)
    yield from _recurring_faults(fields)
    if fields.get("shopperInteraction") != "ContAuth":
        yield Fault("shopperInteraction", "must be ContAuth when a stored GoPay is charged.")

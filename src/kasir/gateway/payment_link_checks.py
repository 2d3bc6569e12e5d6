"""What is wrong with the request for a payment link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from kasir.adyen import checks
from kasir.errors import Fault
from kasir.gateway.gopay import MODELS
from kasir.gateway.methods import GOPAY, METHODS


def gopay_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the request for a link that is paid with GoPay."""
    amount = fields.get("amount")
    if isinstance(amount, dict) and amount.get("currency") != GOPAY.currency:
        yield Fault("amount.currency", "must be IDR; GoPay is paid in rupiah.", "138")
    if fields.get("countryCode") not in (None, "", GOPAY.country):
        yield Fault("countryCode", "must be ID; GoPay is offered in Indonesia.")
    allowed = fields.get("allowedPaymentMethods")
    if not isinstance(allowed, list | None) or (
        allowed and not METHODS.keys() & set(map(str, allowed))
    ):
        yield Fault("allowedPaymentMethods", f"must hold {', '.join(METHODS)}.")


def expiry_faults(fields: Mapping[str, Any], now: datetime, longest: timedelta) -> Iterator[Fault]:
    """What is wrong with the time at which a link expires."""
    expires_at = checks.moment_of(fields.get("expiresAt"))
    if expires_at and not now < expires_at <= now + longest:
        days = longest.days
        yield Fault("expiresAt", f"must be in the future, and within {days} days.")


def saving_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with a link that saves the wallet. Source: the schema of `/paymentLinks`."""
    yield from checks.matching(fields, {"showRemovePaymentMethodButton": checks.Flag()})
    if fields.get("storePaymentMethodMode") not in ("askForConsent", "enabled"):
        return
    why = "storePaymentMethodMode saves the shopper's GoPay"
    if not fields.get("shopperReference"):
        cure = f"give your own name for the shopper, 3 to 256 characters; {why}."
        yield Fault("shopperReference", cure)
    if fields.get("recurringProcessingModel") not in MODELS:
        yield Fault("recurringProcessingModel", f"must be one of {', '.join(MODELS)}; {why}.")
    if fields.get("reusable") is True:
        cure = f"cannot be true: such a link is for many shoppers, and {why} for one of them."
        yield Fault("reusable", cure)

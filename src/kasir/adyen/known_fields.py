"""The fields of Adyen's schema for the calls that Kasir does not pass on unchanged.

In these calls Kasir would ignore an unknown field. So a field is refused if neither the schema nor
Kasir has the field. A field of the schema is accepted even if GoPay does not use it. Source:
Adyen's Checkout OpenAPI files, v71 and v72, which have the same fields for these calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kasir.adyen import checks
from kasir.errors import Fault, cut

#: All fields of Adyen's schema of `/paymentLinks`, and one field that Kasir's form uses.
LINK_FIELDS: Final = frozenset(
    {
        "allowedPaymentMethods",
        "amount",
        "applicationInfo",
        "billingAddress",
        "blockedPaymentMethods",
        "captureDelayHours",
        "countryCode",
        "dateOfBirth",
        "deliverAt",
        "deliveryAddress",
        "description",
        "expiresAt",
        "fundOrigin",
        "fundRecipient",
        "installmentOptions",
        "lineItems",
        "manualCapture",
        "mcc",
        "merchantAccount",
        "merchantOrderReference",
        "metadata",
        "platformChargebackLogic",
        "recurringProcessingModel",
        "reference",
        "requiredShopperFields",
        "returnUrl",
        "reusable",
        "riskData",
        "shopperEmail",
        "shopperLocale",
        "shopperName",
        "shopperReference",
        "shopperStatement",
        "showRemovePaymentMethodButton",
        "socialSecurityNumber",
        "splitCardFundingSources",
        "splits",
        "store",
        "storePaymentMethodMode",
        "telephoneNumber",
        "themeId",
        "threeDS2RequestData",
        # In Adyen's schema this is a field of `/payments`. Kasir's form shows it to the shopper.
        "recurringFrequency",
    }
)

#: The fields of `/payments/details` other than `details`.
_BESIDE_DETAILS: Final[Mapping[str, checks.Rule]] = {
    "paymentData": checks.Text(least=0, most=200_000),
    "threeDSAuthenticationOnly": checks.Flag(),
}
DETAILS_FIELDS: Final = frozenset({*_BESIDE_DETAILS, "authenticationData", "details"})

#: The fields of `details`. All fields but redirectResult are for other payment methods.
COMPLETION: Final[Mapping[str, checks.Rule]] = {
    "MD": checks.Text(least=0, most=20_000),
    "PaReq": checks.Text(least=0, most=20_000),
    "PaRes": checks.Text(least=0, most=20_000),
    "authorization_token": checks.Text(least=0),
    "billingToken": checks.Text(least=0),
    "cupsecureplus.smscode": checks.Text(least=0),
    "facilitatorAccessToken": checks.Text(least=0),
    "oneTimePasscode": checks.Text(least=0),
    "orderID": checks.Text(least=0),
    "payerID": checks.Text(least=0),
    "payload": checks.Text(least=0, most=20_000),
    "paymentID": checks.Text(least=0),
    "paymentStatus": checks.Text(least=0),
    "redirectResult": checks.Text(most=20_000),
    "resultCode": checks.Text(least=0),
    "returnUrlQueryString": checks.Text(least=0, most=20_000),
    "threeDSResult": checks.Text(least=0, most=50_000),
    "threeds2.challengeResult": checks.Text(least=0, most=50_000),
    "threeds2.fingerprint": checks.Text(least=0, most=100_000),
    "vaultToken": checks.Text(least=0),
}


def details_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What breaks the schema of `/payments/details` after a redirect."""
    yield from unknown(fields, DETAILS_FIELDS)
    yield from checks.matching(fields, _BESIDE_DETAILS)
    if not isinstance(fields.get("authenticationData"), dict | None):
        yield Fault("authenticationData", "must be an object.")
    details = fields.get("details")
    if not isinstance(details, dict) or "redirectResult" not in details:
        cure = "give the redirectResult that came with the shopper to your returnUrl."
        yield Fault("details.redirectResult", cure, "14_002")
        return
    yield from unknown(details, frozenset(COMPLETION), "details.")
    yield from checks.matching(details, COMPLETION, "details.")
    if details["redirectResult"] is None:
        yield Fault("details.redirectResult", "must be a string.")


#: Source: `Amount` in the Checkout schema.
AMOUNT_FIELDS: Final = frozenset({"currency", "value"})


def unknown(fields: Mapping[str, Any], known: frozenset[str], prefix: str = "") -> Iterator[Fault]:
    """A fault for each field that would be ignored: neither Adyen's schema nor Kasir has it."""
    cure = "neither Adyen's schema nor Kasir knows it; correct its name or leave it out."
    for name in fields:
        if name not in known:
            yield Fault(prefix + shown_name(name), cure)


def shown_name(name: str) -> str:
    """The name of a field that a caller sent, cut to fit into an error message."""
    return cut(name) or "(without a name)"

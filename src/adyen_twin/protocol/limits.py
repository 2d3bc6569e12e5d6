"""The limits of Adyen's schemas, as tables: names, lengths, allowed values.

Source: Adyen's OpenAPI files for Checkout v71 and v72; `LENGTHS_OF_V72` has the differences.
"""

from __future__ import annotations

from typing import Final

GOPAY: Final = "gopay_wallet"
COUNTRY: Final = "ID"
CURRENCY: Final = "IDR"

INT32: Final = range(-(2**31), 2**31)
INT64: Final = range(-(2**63), 2**63)

CHANNELS: Final = ("iOS", "Android", "Web")
#: The channels of apps; see `payment_checks.gopay_browser`.
APP_CHANNELS: Final = ("iOS", "Android")
INTERACTIONS: Final = ("Ecommerce", "ContAuth", "Moto", "POS")
MODELS: Final = ("CardOnFile", "Subscription", "UnscheduledCardOnFile")
#: The models on Adyen's page about GoPay; UnscheduledCardOnFile is not among them.
GOPAY_MODELS: Final = ("CardOnFile", "Subscription")
COLOUR_DEPTHS: Final = (1, 4, 8, 15, 16, 24, 30, 32, 48)
BROWSER_TEXTS: Final = ("acceptHeader", "language", "userAgent")
BROWSER_NUMBERS: Final = ("colorDepth", "screenHeight", "screenWidth", "timeZoneOffset")

#: The contracts of the classic Recurring API.
CONTRACTS: Final = ("ONECLICK", "ONECLICK,RECURRING", "RECURRING", "PAYOUT", "EXTERNAL")

# The greatest lengths are in characters.
REFERENCE_MAX: Final = 80
TOKEN_MAX: Final = 64
REFUND_REASONS: Final = ("FRAUD", "CUSTOMER REQUEST", "RETURN", "DUPLICATE", "OTHER")

METADATA_PAIRS_MAX: Final = 20
METADATA_KEY_MAX: Final = 20
METADATA_VALUE_MAX: Final = 80
REDIRECT_RESULT_MAX: Final = 20_000
CAPTURE_DELAY_HOURS_MAX: Final = 672
IDEMPOTENCY_KEY_MAX: Final = 64

#: Lengths that v72 changed: field -> (longest in v72, longest in earlier versions).
LENGTHS_OF_V72: Final[dict[str, tuple[int, int | None]]] = {
    "returnUrl": (1024, 8000),
    "shopperEmail": (256, None),
    "shopperIP": (50, 1000),
    "socialSecurityNumber": (50, None),
    "telephoneNumber": (64, None),
}
V72: Final = 72

#: Text fields of /payments: field -> (shortest, longest), in every version.
TEXTS: Final[dict[str, tuple[int, int | None]]] = {
    "checkoutAttemptId": (0, 256),
    "countryCode": (0, 100),
    "deviceFingerprint": (0, 5000),
    "merchantOrderReference": (0, 1000),
    "orderReference": (0, None),
    "origin": (0, 80),
    "redirectFromIssuerMethod": (0, None),
    "redirectToIssuerMethod": (0, None),
    # Only the schema of v72 has this limit, but the descriptions of both versions have it.
    "reference": (0, REFERENCE_MAX),
    "sessionValidity": (0, None),
    "shopperConversionId": (0, 256),
    "shopperLocale": (0, None),
    "shopperReference": (3, 256),
    "shopperStatement": (0, 10_000),
    "store": (1, 64),
}
#: Fields of /payments with a fixed list of values: field -> values.
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "channel": CHANNELS,
    "entityType": ("NaturalPerson", "CompanyName"),
    "industryUsage": ("delayedCharge", "installment", "noShow"),
    "recurringProcessingModel": MODELS,
    "shopperInteraction": INTERACTIONS,
}
#: Boolean fields of /payments.
FLAGS: Final = (
    "enableOneClick",
    "enablePayOut",
    "enableRecurring",
    "storePaymentMethod",
    "threeDSAuthenticationOnly",
    "trustedShopper",
)
#: Object fields of /payments.
OBJECTS: Final = (
    "accountInfo",
    "additionalData",
    "applicationInfo",
    "authenticationData",
    "billingAddress",
    "company",
    "deliveryAddress",
    "riskData",
    "shopperName",
)
#: Fields of a line item.
ITEM_NUMBERS: Final = (
    "amountExcludingTax",
    "amountIncludingTax",
    "quantity",
    "taxAmount",
    "taxPercentage",
)
ITEM_TEXTS: Final = (
    "brand",
    "color",
    "id",
    "imageUrl",
    "itemCategory",
    "manufacturer",
    "productUrl",
    "size",
    "sku",
    "upc",
)
ITEM_DESCRIPTION_MAX: Final = 10_000


def longest_text(name: str, version: int) -> int | None:
    """Return the greatest length of a text in this API version; None: no limit."""
    newest, older = LENGTHS_OF_V72[name]
    return newest if version >= V72 else older

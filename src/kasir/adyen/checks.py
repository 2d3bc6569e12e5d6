"""Checks a request before it is sent to Adyen, by the limits of Adyen's schema, per version.

Each rule is for one field, and the message of the rule explains how to correct the field. A field
without a rule is passed on to Adyen unchecked. known_fields.py also checks the calls that Kasir
does not pass on. A request is refused only if Adyen surely refuses it: an empty optional text, for
example, is passed on. Source: Adyen's Checkout OpenAPI files, v71 and v72. Older versions are
checked by the rules of v71 (GUESS). The error codes are from Adyen's libraries and recorded errors;
docs/adyen.md lists the guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from kasir.errors import Fault, cut

_INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
_CURRENCY: Final = re.compile(r"[A-Z]{3}")

#: The most pairs of `metadata`, and the most characters of a name and of a value in a pair.
METADATA_PAIRS_MAX: Final = 20
METADATA_KEY_MAX: Final = 20
METADATA_VALUE_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class Text:
    """A JSON string of `least` to `most` characters; with `words`, one of these words."""

    least: int = 1
    most: int = 0  # 0: the schema sets no limit.
    words: tuple[str, ...] = ()

    def cure(self, value: object) -> str | None:
        """What is wrong with `value`, as a message; None where it is valid."""
        if not isinstance(value, str):
            return "must be a string."
        if "\0" in value:
            return "must not contain a NUL character."
        if self.words and value not in self.words:
            return f"must be one of {', '.join(self.words)}."
        if len(value) < self.least:
            return f"must have at least {self.least} character{'s' * (self.least > 1)}."
        if self.most and len(value) > self.most:
            return f"must have at most {self.most} characters, and has {len(value)}."
        return None


@dataclass(frozen=True, slots=True)
class Whole:
    """A JSON whole number from `least` to `most`."""

    least: int = -_INT32_MAX - 1
    most: int = _INT32_MAX

    def cure(self, value: object) -> str | None:
        """What is wrong with `value`, as a message; None where it is valid."""
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be a whole number."
        if not self.least <= value <= self.most:
            return f"must be from {self.least} to {self.most}."
        return None


@dataclass(frozen=True, slots=True)
class Flag:
    """A JSON boolean."""

    def cure(self, value: object) -> str | None:
        """What is wrong with `value`, as a message; None where it is valid."""
        return None if isinstance(value, bool) else "must be true or false."


@dataclass(frozen=True, slots=True)
class Moment:
    """An ISO 8601 date and time with an offset from UTC."""

    def cure(self, value: object) -> str | None:
        """What is wrong with `value`, as a message; None where it is valid."""
        return MOMENT_CURE if moment_of(value) is None else None


MOMENT_CURE: Final = (
    "must be an ISO 8601 date-time with an offset, such as 2026-11-23T10:00:00+07:00."
)


def moment_of(value: object) -> datetime | None:
    """The time of an ISO 8601 text with an offset; None if `value` is anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            return None
        moment.astimezone(UTC)  # Fails if the time in UTC is not in the years 1 to 9999.
    except (ValueError, OverflowError):
        return None
    return moment


Rule = Text | Whole | Flag | Moment

CHANNELS: Final = ("iOS", "Android", "Web")
MODELS: Final = ("CardOnFile", "Subscription", "UnscheduledCardOnFile")

#: The fields of a complete browserInfo, and the rule for each.
BROWSER_INFO: Final[Mapping[str, Rule]] = {
    "acceptHeader": Text(),
    "colorDepth": Whole(least=0),  # An example of Adyen's has 10, which Adyen's list lacks.
    "javaEnabled": Flag(),
    "language": Text(),
    "screenHeight": Whole(least=0),
    "screenWidth": Whole(least=0),
    "timeZoneOffset": Whole(),
    "userAgent": Text(),
}

_LINE_ITEM: Final[Mapping[str, Rule]] = {
    "id": Text(least=0),
    "sku": Text(least=0),
    "description": Text(least=0, most=10_000),
    "quantity": Whole(least=-INT64_MAX, most=INT64_MAX),  # Negative in some plugins' discounts.
    "amountIncludingTax": Whole(least=-INT64_MAX, most=INT64_MAX),
    "amountExcludingTax": Whole(least=-INT64_MAX, most=INT64_MAX),
    "taxAmount": Whole(least=-INT64_MAX, most=INT64_MAX),
    "taxPercentage": Whole(least=0, most=INT64_MAX),
    "imageUrl": Text(least=0),
    "productUrl": Text(least=0),
}

#: The rules of `/payments` that are the same in v71 and v72.
_COMMON: Final[Mapping[str, Rule]] = {
    "captureDelayHours": Whole(least=0, most=672),
    "channel": Text(words=CHANNELS),
    "checkoutAttemptId": Text(least=0, most=256),
    "countryCode": Text(most=100),
    "deviceFingerprint": Text(least=0, most=5000),
    "enableOneClick": Flag(),
    "enableRecurring": Flag(),
    "entityType": Text(words=("NaturalPerson", "CompanyName")),
    "industryUsage": Text(words=("delayedCharge", "installment", "noShow")),
    "merchantOrderReference": Text(least=0, most=1000),
    "origin": Text(most=80),
    "recurringProcessingModel": Text(words=MODELS),
    "sessionValidity": Moment(),
    "shopperConversionId": Text(most=256),
    "shopperInteraction": Text(words=("Ecommerce", "ContAuth", "Moto", "POS")),
    "shopperLocale": Text(),
    "shopperReference": Text(least=3, most=256),
    "shopperStatement": Text(most=10_000),
    "store": Text(most=64),
    "storePaymentMethod": Flag(),
    "redirectFromIssuerMethod": Text(words=("GET", "POST")),
    "redirectToIssuerMethod": Text(words=("GET", "POST")),
}

#: The rules of `/payments` up to v71. The rules of v72 that differ are narrower.
_PAYMENT_TO_V71: Final[Mapping[str, Rule]] = {
    **_COMMON,
    "reference": Text(most=80),  # In v71 only the description has this limit.
    "returnUrl": Text(most=8000),
    "shopperEmail": Text(),
    "shopperIP": Text(most=1000),
    "telephoneNumber": Text(),
}

#: The rules of `/payments` in versions after v71, by version.
_PAYMENT: Final[Mapping[int, Mapping[str, Rule]]] = {
    72: {
        **_COMMON,
        "reference": Text(most=80),
        "returnUrl": Text(most=1024),
        "shopperEmail": Text(most=256),
        "shopperIP": Text(most=50),
        "socialSecurityNumber": Text(most=50),
        "telephoneNumber": Text(most=64),
    },
}

#: The rules of `/paymentLinks`.
_LINK: Final[Mapping[str, Rule]] = {
    "countryCode": Text(most=100),
    "description": Text(least=0),
    "expiresAt": Moment(),
    "mcc": Text(least=0, most=16),
    "merchantOrderReference": Text(least=0, most=1000),
    "recurringProcessingModel": Text(words=MODELS),
    "reference": Text(most=80),
    "returnUrl": Text(most=8000),
    "reusable": Flag(),
    "shopperEmail": Text(most=256),  # 500 in this schema, but 256 in /payments.
    "shopperLocale": Text(most=32),
    "shopperReference": Text(least=3, most=256),
    "shopperStatement": Text(most=10_000),
    "socialSecurityNumber": Text(most=32),
    "storePaymentMethodMode": Text(words=("askForConsent", "disabled", "enabled")),
    "telephoneNumber": Text(most=32),
}


def payment_faults(fields: Mapping[str, Any], version: int) -> Iterator[Fault]:
    """What breaks the schema of `/payments` in this version, except in the payment method."""
    yield from required(fields, "reference", "130", "give your own name for this payment.")
    if fields.get("shopperInteraction") != "ContAuth":  # A charge of a token needs no returnUrl.
        yield from required(fields, "returnUrl", "14_030", "give where the shopper comes back to.")
    yield from _optional(fields, _PAYMENT.get(version, _PAYMENT_TO_V71))
    yield from amount_faults(fields.get("amount"))
    yield from _return_url_faults(fields.get("returnUrl"))
    yield from _shared_faults(fields)
    if fields.get("browserInfo") is not None:
        yield from browser_faults(fields["browserInfo"])


def link_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What breaks the schema of `/paymentLinks`."""
    yield from required(fields, "reference", "130", "give your own name for this payment.")
    yield from _optional(fields, _LINK)
    yield from amount_faults(fields.get("amount"))
    yield from _return_url_faults(fields.get("returnUrl"))
    yield from _shared_faults(fields)
    yield from _nul_faults(fields, "")


def methods_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What breaks the schema of `/paymentMethods`."""
    rules: Mapping[str, Rule] = {
        "channel": Text(words=CHANNELS),
        "countryCode": Text(),
        "shopperConversionId": Text(most=256),
        "shopperLocale": Text(),
        "shopperReference": Text(least=3),
        "store": Text(most=16),
        "storeFiltrationMode": Text(words=("exclusive", "inclusive", "skipFilter")),
    }
    yield from _optional(fields, rules)
    if fields.get("amount") is not None:
        yield from amount_faults(fields["amount"], least=0)


def amount_faults(amount: object, *, least: int = 1) -> Iterator[Fault]:
    """What is wrong with an amount: currency and whole minor units, at least `least`."""
    if not isinstance(amount, dict):
        yield Fault("amount", "give currency and value.", "100")
        return
    currency = amount.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        yield Fault("amount.currency", "must be three capital letters, such as IDR.", "138")
    value = amount.get("value")
    if not isinstance(value, int) or isinstance(value, bool):
        yield Fault("amount.value", "must be a whole number of minor units.", "137")
    elif not least <= value <= INT64_MAX:
        yield Fault("amount.value", f"must be from {least} to {INT64_MAX}.", "137")


def browser_faults(browser: object) -> Iterator[Fault]:
    """What is wrong with a browserInfo, which must be complete."""
    if not isinstance(browser, dict):
        yield Fault("browserInfo", "must be an object with the shopper's browser in it.")
        return
    for name, rule in BROWSER_INFO.items():
        path = f"browserInfo.{name}"
        cure = rule.cure(browser[name]) if name in browser else "is missing."
        if cure:
            yield Fault(path, cure)


def required(fields: Mapping[str, Any], name: str, code: str, cure: str) -> Iterator[Fault]:
    """The fault of a required field if the field is missing, with Adyen's error code."""
    if fields.get(name) in (None, ""):
        yield Fault(name, cure, code)


def matching(
    fields: Mapping[str, Any], rules: Mapping[str, Rule], prefix: str = ""
) -> Iterator[Fault]:
    """What breaks the rules of the fields that are present; missing fields are not checked."""
    for name, rule in rules.items():
        if fields.get(name) is None:
            continue  # `required` finds missing fields.
        if cure := rule.cure(fields[name]):
            yield Fault(prefix + name, cure)


def _optional(fields: Mapping[str, Any], rules: Mapping[str, Rule]) -> Iterator[Fault]:
    """What breaks the rules. An empty text is not checked here, because Adyen may accept it."""
    yield from matching({name: fields.get(name) for name in rules if fields.get(name) != ""}, rules)


def _return_url_faults(url: object) -> Iterator[Fault]:
    """What is wrong with a returnUrl, which must be a web address or have the scheme of an app."""
    if not isinstance(url, str) or not url:
        return
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    is_web = parts.scheme in {"http", "https"}
    is_dangerous = parts.scheme in {"javascript", "data", "vbscript", "file", "about", "blob"}
    if not parts.scheme or is_dangerous or (is_web and not parts.hostname) or not url.isprintable():
        yield Fault("returnUrl", "must be a full address, such as https://shop.example/return.")


def _shared_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _line_item_faults(fields.get("lineItems"))
    yield from _metadata_faults(fields.get("metadata"))


def _nul_faults(value: object, path: str) -> Iterator[Fault]:
    """A fault for each text with a NUL character in a JSON value, at any depth.

    The request for a link must not have one, because PostgreSQL cannot store it. A long path is
    cut, so that the work is proportional to the size of the body.
    """
    path = cut(path)
    match value:
        case str() if "\0" in value:
            yield Fault(path or "body", "must not contain a NUL character.")
        case list():
            for number, inner in enumerate(value):
                yield from _nul_faults(inner, f"{path}[{number}]")
        case dict():
            for name, inner in value.items():
                if "\0" in name:
                    yield Fault(path or "body", "must not name a field with a NUL character.")
                yield from _nul_faults(inner, f"{path}.{name}" if path else name)


def _line_item_faults(items: object) -> Iterator[Fault]:
    if items is None:
        return
    if not isinstance(items, list):
        yield Fault("lineItems", "must be a list.")
        return
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            yield Fault(f"lineItems[{number}]", "must be an object.")
            continue
        yield from matching(item, _LINE_ITEM, f"lineItems[{number}].")


def _metadata_faults(metadata: object) -> Iterator[Fault]:
    if metadata is None:
        return
    cure = (
        f"must hold at most {METADATA_PAIRS_MAX} pairs of strings, keys up to {METADATA_KEY_MAX} "
        f"and values up to {METADATA_VALUE_MAX} characters."
    )
    if not isinstance(metadata, dict):
        yield Fault("metadata", cure)
    elif len(metadata) > METADATA_PAIRS_MAX or any(
        len(key) > METADATA_KEY_MAX or not isinstance(text, str) or len(text) > METADATA_VALUE_MAX
        for key, text in metadata.items()
    ):
        yield Fault("metadata", cure, "177")

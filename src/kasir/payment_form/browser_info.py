"""The `browserInfo` that Adyen requires with a GoPay payment.

A script on the form fills the fields in. If a field is empty or invalid, the request's headers are
used, and then the defaults below, which docs/payment-form.md lists. Kasir only passes the values
on to Adyen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kasir.adyen.checks import BROWSER_INFO

#: The values if a browser sends none: those of a common phone in Jakarta's time zone.
DEFAULTS: Final[Mapping[str, Any]] = {
    "acceptHeader": "text/html",
    "colorDepth": 24,
    "javaEnabled": False,
    "language": "id-ID",
    "screenHeight": 800,
    "screenWidth": 360,
    "timeZoneOffset": -420,
    "userAgent": "unknown",
}

_INTEGERS: Final = ("colorDepth", "screenHeight", "screenWidth", "timeZoneOffset")
_BOOLEANS: Final = ("javaEnabled",)
#: The values of `colorDepth` in Adyen's schema. A shop's own request may have another value.
_COLOR_DEPTHS: Final = (1, 4, 8, 15, 16, 24, 30, 32, 48)
#: How many characters of a text are used, and how many an integer may have.
_TEXT_MAX: Final = 1000
_INTEGER_LENGTH_MAX: Final = 6


def browser_info(form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return a complete browserInfo, whatever the form and the headers contain.

    Args:
        form: The posted fields.
        headers: The request's headers, with names in lower case.
    """
    sent = {**_of_headers(headers), **_of_form(form)}
    valid = {
        name: sent[name] if name in sent and rule.cure(sent[name]) is None else DEFAULTS[name]
        for name, rule in BROWSER_INFO.items()
    }
    return {**valid, "javaScriptEnabled": form.get("javaScriptEnabled") == "true"}


def _of_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    first = headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    fields = {
        "acceptHeader": headers.get("accept", ""),
        "language": "" if first == "*" else first,
        "userAgent": headers.get("user-agent", ""),
    }
    return {name: text[:_TEXT_MAX] for name, text in fields.items() if text}


def _of_form(form: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in ("language", "userAgent"):
        if text := form.get(name, "").strip():
            fields[name] = text[:_TEXT_MAX]
    for name in _INTEGERS:
        number = form.get(name, "")
        digits = number.removeprefix("-")
        if len(number) <= _INTEGER_LENGTH_MAX and digits.isascii() and digits.isdecimal():
            fields[name] = int(number)
    if fields.get("colorDepth") not in _COLOR_DEPTHS:
        fields.pop("colorDepth", None)
    for name in _BOOLEANS:
        if form.get(name) in ("true", "false"):
            fields[name] = form[name] == "true"
    return fields

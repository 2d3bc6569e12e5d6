"""The shopper's browser, as Adyen wants it described with a GoPay payment.

A script on the form fills the fields in. Where it did not run, or said something that cannot be,
the request's own headers speak, and then the neutral values below, which docs/payment-form.md
lists. What a browser says of itself decides nothing here; it is passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kasir.adyen.checks import BROWSER_INFO

#: What is said of a browser that says nothing: the commonest phone, at Jakarta's time.
NEUTRAL: Final[Mapping[str, Any]] = {
    "acceptHeader": "text/html",
    "colorDepth": 24,
    "javaEnabled": False,
    "language": "id-ID",
    "screenHeight": 800,
    "screenWidth": 360,
    "timeZoneOffset": -420,
    "userAgent": "unknown",
}

_WHOLE: Final = ("colorDepth", "screenHeight", "screenWidth", "timeZoneOffset")
_FLAGS: Final = ("javaEnabled",)
_TEXT_MAX: Final = 1000
_DIGITS_MAX: Final = 6


def browser_info(form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """A complete browserInfo, whatever the form and the headers hold.

    Args:
        form: The fields the form sent.
        headers: The request's headers, with names in lower case.
    """
    said = {**_of_headers(headers), **_of_form(form)}
    known = {
        name: said[name] if name in said and rule.cure(said[name]) is None else NEUTRAL[name]
        for name, rule in BROWSER_INFO.items()
    }
    return {**known, "javaScriptEnabled": form.get("javaScriptEnabled") == "true"}


def _of_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    first = headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    said = {
        "acceptHeader": headers.get("accept", ""),
        "language": "" if first == "*" else first,
        "userAgent": headers.get("user-agent", ""),
    }
    return {name: text[:_TEXT_MAX] for name, text in said.items() if text}


def _of_form(form: Mapping[str, str]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name in ("language", "userAgent"):
        if text := form.get(name, "").strip():
            said[name] = text[:_TEXT_MAX]
    for name in _WHOLE:
        number = form.get(name, "")
        digits = number.removeprefix("-")
        if len(number) <= _DIGITS_MAX and digits.isascii() and digits.isdecimal():
            said[name] = int(number)
    for name in _FLAGS:
        if form.get(name) in ("true", "false"):
            said[name] = form[name] == "true"
    return said

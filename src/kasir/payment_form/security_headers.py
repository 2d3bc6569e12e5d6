"""The HTTP headers of every page: caching, content security policy, referrer, framing."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from kasir.gateway.methods import METHODS

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def page_headers(shopper_url: str, logo_origin: str = "") -> dict[str, str]:
    """Return the headers of a page.

    Args:
        shopper_url: Adyen's host for shoppers, which serves the wallets' logos.
        logo_origin: The origin that serves the shop's logo; empty if it is Kasir.
    """
    return {**_HEADERS, "Content-Security-Policy": content_policy(shopper_url, logo_origin)}


def content_policy(shopper_url: str, logo_origin: str = "") -> str:
    """Return the content security policy: where a page may load from and send forms to.

    Browsers apply `form-action` to every redirect that follows a form, and the wallet may redirect
    a phone to any https address or to its app. Only the twin uses http.
    """
    parts = urlsplit(shopper_url)
    shopper_host = f"{parts.scheme}://{parts.netloc}"
    rules = {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'", shopper_host, "https:", *sorted(app_schemes())],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'", shopper_host, *([logo_origin] if logo_origin else [])],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
    }
    return "; ".join(" ".join([name, *sources]) for name, sources in rules.items())


def app_schemes() -> set[str]:
    """Return the URL schemes of all wallets' apps, such as `gojek:`."""
    return {scheme for method in METHODS.values() for scheme in method.app_schemes}

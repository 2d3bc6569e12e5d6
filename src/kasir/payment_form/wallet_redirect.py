"""Sends the shopper to the wallet by the `action` in Adyen's answer."""

from __future__ import annotations

from urllib.parse import urlsplit

from kasir.adyen.replies import Answer
from kasir.ids import PaymentId
from kasir.payment_form.pages import Page, Visit
from kasir.payment_form.security_headers import app_schemes
from kasir.requests.payment_links import OpenLink


def wallet_page(visit: Visit, open_link: OpenLink, payment_id: PaymentId, answer: Answer) -> Page:
    """Send the shopper to the wallet; without an action, to the payment's status page.

    A URL whose scheme is not http, https or that of a wallet's app is not followed, because it may
    be a script.
    """
    status_url = visit.url(open_link.link.id, "payments", payment_id)
    match answer.json().get("action"):
        case {"type": "redirect", "url": str(url), **more} if _scheme(url) in ("http:", "https:"):
            if more.get("method") != "POST":
                return visit.redirect(url)
            data = more.get("data")
            return visit.page("leaving.html", url=url, data=data if isinstance(data, dict) else {})
        case {"type": "redirect", "url": str(url)} if _is_app_url(url):
            # Some browsers do not follow a redirect from a form to an app; all follow a link.
            return visit.page("app.html", url=url, status_url=status_url)
    return visit.redirect(status_url)


def _is_app_url(url: str) -> bool:
    return url.isprintable() and _scheme(url) in app_schemes()


def _scheme(url: str) -> str:
    """Return a URL's scheme with its colon, such as `https:`; empty if it has none."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    return f"{scheme}:" if scheme else ""

"""What all pages of the form have in common: language, URLs, headers and templates.

Pages are plain HTML that works without JavaScript. No script or style is inline, so that the
content security policy can forbid everything that Kasir does not serve. Templates escape whatever
a shop or a shopper sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import jinja2
from litestar import Response
from litestar.response import Redirect

from kasir.adyen.environments import Environment
from kasir.browser_requests import path_of, query_fields
from kasir.gateway.methods import GOPAY
from kasir.http_types import AnyRequest
from kasir.money import Money
from kasir.payment_form.form_requests import FORM_PATH
from kasir.payment_form.security_headers import page_headers
from kasir.payment_form.shop_files import colour_path
from kasir.payment_form.static_files import static_path
from kasir.payment_form.texts import LANGUAGES, Texts, language_of
from kasir.shop_identity import ShopIdentity
from kasir.wiring import Parts

Page = Response[str] | Redirect

_NO_LINK: Final[Mapping[str, Any]] = MappingProxyType({})
_JAKARTA: Final = timezone(timedelta(hours=7))


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a shopper, with all that its page needs.

    Attributes:
        parts: The parts of Kasir that answer the request.
        language: The code of the page's language.
        chosen: The language that the shopper picked on a page; empty if none was picked.
        path: The requested path, for the links to the same page in another language.
        identity: What the page shows of the shop.
    """

    parts: Parts
    language: str
    chosen: str
    path: str
    identity: ShopIdentity

    @classmethod
    def of(
        cls, request: AnyRequest, parts: Parts, locale: str = "", link: Mapping[str, Any] = _NO_LINK
    ) -> Self:
        """Read a request.

        Args:
            request: The request.
            parts: The parts of Kasir.
            locale: The payment link's `shopperLocale`.
            link: The request that made the payment link; empty for a page without one.
        """
        picked = query_fields(request).get("lang", "")
        chosen = picked if picked in LANGUAGES else ""
        language = language_of(request.headers.get("accept-language", ""), chosen, locale)
        identity = parts.settings.identity.of_link(link)
        return cls(parts, language, chosen, path_of(request), identity)

    @property
    def texts(self) -> Texts:
        """All texts in the page's language."""
        return LANGUAGES[self.language]

    def text(self, key: str, **values: str) -> str:
        """Return a text in the page's language.

        `{method}` is replaced by the wallet's name, `{shop}` by the shop's, and `{Shop}` by the
        shop's at the beginning of a sentence.
        """
        shop = self.shop
        names = {"method": GOPAY.name, "shop": shop, "Shop": shop[:1].upper() + shop[1:]}
        return self.texts[key].format(**{**names, **values})

    def url(self, *segments: str, **query: str) -> str:
        """Return the path of a page below `/pay/`, with the language that the shopper picked."""
        text = urlencode(query | ({"lang": self.chosen} if self.chosen else {}))
        return f"{self._mount_path}{FORM_PATH}{'/'.join(segments)}{'?' * bool(text)}{text}"

    def absolute_url(self, *segments: str) -> str:
        """Return the URL of a page with its host, for Adyen to send the shopper back to."""
        return self.parts.settings.public_url + self.url(*segments).removeprefix(self._mount_path)

    def static_url(self, name: str) -> str:
        """Return the path of a static file."""
        return self._mount_path + static_path(name)

    def url_in(self, language: str) -> str:
        """Return the path of this page in another language."""
        return f"{self._mount_path}{self.path}?{urlencode({'lang': language})}"

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response[str]:
        """Make a page from a template."""
        return Response(
            self.render(template, **values),
            status_code=status,
            media_type="text/html",
            headers=self._headers(),
        )

    def render(self, template: str, **values: Any) -> str:
        """Render a template: a page, or a part of one."""
        return _templates().get_template(template).render(visit=self, method=GOPAY, **values)

    def message_page(self, key: str, status: int, **values: Any) -> Response[str]:
        """Make a page that has only a title, a sentence, and perhaps a button."""
        return self.page("message.html", status, key=key, **values)

    def redirect(self, url: str) -> Redirect:
        """Redirect the browser with 303, so that it requests the URL by GET."""
        return Redirect(url, status_code=303, headers=self._headers())

    def date(self, moment: datetime) -> str:
        """Write a date in the page's language, in Jakarta's time zone."""
        day = moment.astimezone(_JAKARTA)
        month = self.texts["months"].split()[day.month - 1]
        return self.text("date", day=str(day.day), month=month, year=str(day.year))

    def date_time(self, moment: datetime) -> str:
        """Write a date and time in the page's language, in Jakarta's time zone."""
        time = moment.astimezone(_JAKARTA)
        return self.text("moment", day=self.date(moment), time=f"{time:%H.%M}")

    @property
    def shop(self) -> str:
        """The shop's name, or `the shop` in the page's language; never its merchant account."""
        return self.identity.name or self.texts["shop"]

    @property
    def shop_logo(self) -> str:
        """The URL of the shop's logo; empty if it has none."""
        file = self.identity.logo_file
        return f"{self._mount_path}{FORM_PATH}logo/{file.name}" if file else self.identity.logo_url

    @property
    def colour_sheet(self) -> str:
        """The path of the style sheet of the shop's colour; empty if it has none."""
        colour = self.identity.colour
        return self._mount_path + colour_path(colour) if colour else ""

    @property
    def is_test(self) -> bool:
        """Whether no real money moves."""
        return self.parts.settings.environment is not Environment.LIVE

    def logo(self, method: str) -> str:
        """Return the URL of a wallet's logo."""
        return self.parts.settings.addresses.logo(method)

    @property
    def _mount_path(self) -> str:
        """The prefix that Kasir is mounted below; empty if it has a host of its own."""
        return urlsplit(self.parts.settings.public_url).path.rstrip("/")

    def _headers(self) -> dict[str, str]:
        return page_headers(self.parts.settings.addresses.shopper, self.identity.logo_origin)


def rupiah(amount: Money | int) -> str:
    """Write an amount as Indonesians do, in every language: `Rp25.000`."""
    value = amount if isinstance(amount, int) else amount.minor_units
    return f"{'-' if value < 0 else ''}Rp{abs(value):,}".replace(",", ".")


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kasir.payment_form"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rupiah"] = rupiah
    environment.globals["languages"] = LANGUAGES
    return environment

"""What every page of the shopper has: its language, its addresses, its headers, its way to fail.

Pages are plain HTML that works without a script. Nothing on them is inline, so that the content
policy can forbid whatever is not ours. Whatever a shop or a shopper sent is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import jinja2
from litestar import HttpMethod, Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from kasir.adyen.environments import Environment
from kasir.gateway.methods import GOPAY, METHODS
from kasir.http_types import AnyRequest
from kasir.money import Money
from kasir.payment_form.texts import LANGUAGES, Words, language_of
from kasir.wiring import Kasir

if TYPE_CHECKING:
    from litestar.types import ExceptionHandlersMap

Page = Response[str] | Redirect

#: The methods of whatever only shows something.
SHOWN: Final = [HttpMethod.GET, HttpMethod.HEAD]
ROAD: Final = "/pay/"

_FOLDER: Final = files("kasir.payment_form")
_TYPES: Final = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_JAKARTA: Final = timezone(timedelta(hours=7))
_PAIRS_MAX: Final = 100
_ASSETS_MAX: Final = 64
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a shopper: to which Kasir, in which language, at which address.

    Attributes:
        kasir: Who is asked.
        language: What the page is written in.
        chosen: The language the shopper picked by hand; empty where the shop's or the browser's
            is taken.
        path: What was asked for, to come back to in another language.
    """

    kasir: Kasir
    language: str
    chosen: str
    path: str

    @classmethod
    def of(cls, request: AnyRequest, kasir: Kasir, locale: str = "") -> Self:
        """The visit that a request makes; to a link, in the locale the shop gave it."""
        asked = dict(pairs(request.scope["query_string"])).get("lang", "")
        chosen = asked if asked in LANGUAGES else ""
        language = language_of(request.headers.get("accept-language", ""), chosen, locale)
        return cls(kasir, language, chosen, _path(request))

    @property
    def words(self) -> Words:
        """The words of its language."""
        return LANGUAGES[self.language]

    def says(self, key: str, **facts: str) -> str:
        """A sentence in its language, with the wallet's name wherever it names the wallet."""
        return self.words[key].format(**{"method": GOPAY.name, **facts})

    def address(self, *parts: str, **asked: str) -> str:
        """The address of a page here, in the language chosen."""
        query = urlencode(asked | ({"lang": self.chosen} if self.chosen else {}))
        return f"{self._prefix}{ROAD}{'/'.join(parts)}{'?' * bool(query)}{query}"

    def public(self, *parts: str) -> str:
        """The same with the host, for who comes from elsewhere."""
        return self.kasir.settings.public_url + self.address(*parts).removeprefix(self._prefix)

    def asset(self, name: str) -> str:
        """The address of a style, script or picture; another one whenever it changes."""
        return f"{self._prefix}{ROAD}static/{name}?v={_version(name)}"

    def in_language(self, language: str) -> str:
        """This page in that language."""
        return f"{self._prefix}{self.path}?{urlencode({'lang': language})}"

    def page(self, template: str, status: int = HTTPStatus.OK, **facts: Any) -> Response[str]:
        """A page, made from a template."""
        return Response(
            self.rendered(template, **facts),
            status_code=status,
            media_type="text/html",
            headers=self._headers(),
        )

    def rendered(self, template: str, **facts: Any) -> str:
        """The text of a page, or of a part of one."""
        return _templates().get_template(template).render(visit=self, method=GOPAY, **facts)

    def message(self, key: str, status: int, **facts: Any) -> Response[str]:
        """A page that only says something: its title, its sentence, and perhaps a way on."""
        return self.page("message.html", status, key=key, **facts)

    def to(self, address: str) -> Redirect:
        """Send the browser on; it asks with GET."""
        return Redirect(address, status_code=303, headers=self._headers())

    def day(self, moment: datetime) -> str:
        """A day as its language writes it, by the clocks of Jakarta."""
        day = moment.astimezone(_JAKARTA)
        month = self.words["months"].split()[day.month - 1]
        return self.says("date", day=str(day.day), month=month, year=str(day.year))

    def moment(self, moment: datetime) -> str:
        """A moment as its language writes it, by the clocks of Jakarta."""
        time = moment.astimezone(_JAKARTA)
        return self.says("moment", day=self.day(moment), time=f"{time:%H.%M}")

    @property
    def shop(self) -> str:
        """The shop's name, as far as Kasir knows it."""
        return self.kasir.settings.merchant_account

    @property
    def is_test(self) -> bool:
        """Whether no real money moves."""
        return self.kasir.settings.environment is not Environment.LIVE

    def logo(self, method: str) -> str:
        """The address of a wallet's logo."""
        return self.kasir.settings.addresses.logo(method)

    @property
    def _prefix(self) -> str:
        """What stands before our paths where Kasir does not have a host of its own."""
        return urlsplit(self.kasir.settings.public_url).path.rstrip("/")

    def _headers(self) -> dict[str, str]:
        return {
            "Cache-Control": "no-store",
            "Content-Security-Policy": content_policy(self.kasir.settings.addresses.shopper),
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept-Language",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex",
        }


def content_policy(shopper_url: str) -> str:
    """What a browser may load from where, and where forms may lead.

    A form's policy holds for every redirect that follows it, and where the wallet sends a phone in
    the end only the wallet knows: any https address, or its app. The twin alone speaks http.
    """
    parts = urlsplit(shopper_url)
    wallet = f"{parts.scheme}://{parts.netloc}"
    apps = sorted({scheme for method in METHODS.values() for scheme in method.app_schemes})
    rules = {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'", wallet, "https:", *apps],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'", wallet],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
    }
    return "; ".join(" ".join([name, *sources]) for name, sources in rules.items())


def scheme_of(url: str) -> str:
    """What an address begins with, such as `https:`; empty where it is none."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return ""
    return f"{scheme}:" if scheme else ""


def is_app(url: str) -> bool:
    """Whether an address opens a wallet's app; any other scheme may be a script."""
    apps = {scheme for method in METHODS.values() for scheme in method.app_schemes}
    return url.isprintable() and scheme_of(url) in apps


def rupiah(amount: Money | int) -> str:
    """An amount as Indonesians write it: Rp25.000, in every language the same."""
    value = amount if isinstance(amount, int) else amount.minor_units
    return f"{'-' if value < 0 else ''}Rp{abs(value):,}".replace(",", ".")


def pairs(text: bytes) -> list[tuple[str, str]]:
    """The pairs of a query or of a posted form, decoded once.

    Empty ones are passed over: an address of Adyen's own samples comes back with `&&` in it.
    """
    try:
        return parse_qsl(
            text.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_PAIRS_MAX
        )
    except ValueError:
        return []


async def posted(request: AnyRequest) -> dict[str, str]:
    """The fields of a posted form; of two with one name, the last."""
    return dict(pairs(await request.body()))


@route(f"{ROAD}static/{{name:str}}", http_method=SHOWN, include_in_schema=False)
async def static(name: FromPath[str]) -> Response[bytes]:
    """Serve a style, a script or a picture of the form."""
    if not (found := _asset(name)):
        raise NotFoundException
    return Response(
        found,
        media_type=_TYPES[name.rpartition(".")[2]],
        headers={"Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"},
    )


def handlers(others: ExceptionHandlersMap) -> ExceptionHandlersMap:
    """How errors are answered: with a page on the shopper's road, elsewhere as before."""
    usual: Any = others[Exception]

    def handle(request: AnyRequest, error: Exception) -> Response[Any]:
        answer: Response[Any] = usual(request, error)
        if not _path(request).startswith(ROAD):
            return answer
        visit = Visit.of(request, request.app.state.kasir)
        status = answer.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
        page = visit.message(_sentence(status), status)
        for name in ("Allow", "Retry-After"):
            if name in answer.headers:
                page.headers[name] = answer.headers[name]
        return page

    return {**others, Exception: handle}


def _path(request: AnyRequest) -> str:
    """The path that was asked for, without the prefix that Kasir may be mounted below."""
    return request.scope["path"].removeprefix(request.scope.get("root_path", "").rstrip("/"))


def _sentence(status: int) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "not_found"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "too_many"
    return "broken" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "wrong"


@lru_cache(_ASSETS_MAX)
def _asset(name: str) -> bytes:
    """A file of the form; empty where there is none of that name and kind."""
    if "/" in name or "\0" in name or name.rpartition(".")[2] not in _TYPES:
        return b""
    file = _FOLDER / "static" / name
    return file.read_bytes() if file.is_file() else b""


@lru_cache(_ASSETS_MAX)
def _version(name: str) -> str:
    return sha256(_asset(name)).hexdigest()[:10]


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

"""What all pages of the desk have in common: who looks, language, URLs, headers and templates.

Pages are plain HTML that works without JavaScript. No script or style is inline, so that the
content security policy can forbid everything that Kasir does not serve. Templates escape whatever
a shop or a shopper sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cache
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import jinja2
from litestar import Response, route
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Redirect

from kasir.adyen.environments import Environment
from kasir.browser_requests import READ_METHODS, path_of, query_fields
from kasir.desk.cookies import LANGUAGE_COOKIE, language_cookie
from kasir.desk.navigation import DESK_PATH, Section, sections
from kasir.desk.security_headers import HEADERS
from kasir.desk.tables import labelled
from kasir.desk.texts import LANGUAGES, Texts, language_of
from kasir.errors import Fault, InvalidRequest
from kasir.http_types import AnyRequest, accounts_of, default_parts
from kasir.money import IDR, Money
from kasir.people.roles import Role
from kasir.people.sign_in import Session
from kasir.static_files import StaticFiles
from kasir.wiring import Parts

Page = Response[str] | Redirect

FILES: Final = StaticFiles("kasir.desk", f"{DESK_PATH}/static/")
#: The session of a browser in which nobody is signed in.
NOBODY: Final = Session("", "", {}, "", False)
#: Query parameters that every page takes.
_ALWAYS_KNOWN: Final = frozenset({"lang", "done"})
_JAKARTA: Final = timezone(timedelta(hours=7))
_VISIT: Final = "desk_visit"
#: The paths of all pages, as their routes have them.
_pages: Final[set[str]] = set()


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to the desk, with all that its page needs.

    Attributes:
        request: The request.
        parts: The parts of the account that the page shows.
        session: The signed-in person.
        language: The code of the page's language.
        query: The fields of the query.
        cookies: The cookies that the response sets.
    """

    request: AnyRequest
    parts: Parts
    session: Session
    language: str
    query: Mapping[str, str]
    cookies: tuple[Cookie, ...] = ()

    @classmethod
    def of(cls, request: AnyRequest, parts: Parts, session: Session = NOBODY) -> Self:
        """Read a request."""
        query = query_fields(request)
        picked = query.get("lang", "")
        language = language_of(
            picked or request.cookies.get(LANGUAGE_COOKIE, ""),
            request.headers.get("accept-language", ""),
        )
        visit = cls(request, parts, session, language, query)
        if picked in LANGUAGES:
            return visit.with_cookie(language_cookie(picked, parts.settings.public_url))
        return visit

    def with_cookie(self, cookie: Cookie) -> Self:
        """Return the visit with a cookie that its response sets."""
        return replace(self, cookies=(*self.cookies, cookie))

    def of_account(self, parts: Parts) -> Self:
        """Return the visit with the parts of the account that the page shows."""
        return replace(self, parts=parts)

    # Who looks, and what they may do.

    @property
    def person(self) -> str:
        """The name of the signed-in person; empty if nobody is signed in."""
        return self.session.person

    @property
    def account(self) -> str:
        """The code of the merchant account that the page shows."""
        return self.session.account

    @property
    def role(self) -> Role:
        """The person's role in the account."""
        return self.session.roles[self.account]

    def may(self, needed: str) -> bool:
        """Whether the person has the role that is needed: `view`, `act` or `admin`."""
        return self.account in self.session.roles and self.role.allows(Role(needed))

    @property
    def sections(self) -> Sequence[Section]:
        """The sections of the navigation that the person sees."""
        return sections(self.role) if self.account else ()

    def is_in(self, section: Section) -> bool:
        """Whether the page belongs to a section of the navigation."""
        if section.path == DESK_PATH:
            return self.path == DESK_PATH
        return f"{self.path}/".startswith(f"{section.path}/")

    @property
    def is_default_account(self) -> bool:
        """Whether the page shows the account of the environment."""
        return self.account == default_parts(self.request.scope).settings.merchant_account

    @property
    def is_test(self) -> bool:
        """Whether no real money moves."""
        return self.parts.settings.environment is not Environment.LIVE

    # Texts, dates and times.

    @property
    def texts(self) -> Texts:
        """All texts in the page's language."""
        return LANGUAGES[self.language]

    def text(self, key: str, **values: object) -> str:
        """Return a text in the page's language, with values in it."""
        return self.texts[key].format(**values)

    def text_or(self, key: str, otherwise: str) -> str:
        """Return a text in the page's language, or `otherwise` if there is none for this key."""
        return self.texts.get(key, otherwise)

    def local(self, moment: datetime) -> datetime:
        """Return a moment in Jakarta's time zone."""
        return moment.astimezone(_JAKARTA)

    def date(self, moment: datetime) -> str:
        """Write a date in the page's language, in Jakarta's time zone."""
        day = self.local(moment)
        return f"{day.day} {self.texts['months'].split()[day.month - 1]} {day.year}"

    def date_time(self, moment: datetime) -> str:
        """Write a date and time in the page's language, in Jakarta's time zone."""
        return f"{self.date(moment)} {self.local(moment):%H:%M:%S} WIB"

    # URLs and responses.

    @property
    def is_read(self) -> bool:
        """Whether the page has an address of its own; a page that answers a form has none."""
        return self.request.method in READ_METHODS

    @property
    def path(self) -> str:
        """The requested path, without the prefix that Kasir may be mounted below."""
        return path_of(self.request)

    def url(self, path: str, **query: object) -> str:
        """Return the URL of a page, such as `/desk/people`, with query parameters."""
        text = urlencode({name: value for name, value in query.items() if value not in ("", None)})
        return f"{self._mount_path}{path}{'?' * bool(text)}{text}"

    def url_with(self, **changes: object) -> str:
        """Return this page's URL with other query parameters; None or an empty text removes one."""
        kept = {name: text for name, text in self.query.items() if name not in _ALWAYS_KNOWN}
        return self.url(self.path, **{**kept, **changes})

    def static_url(self, name: str) -> str:
        """Return the URL of a static file."""
        return self._mount_path + FILES.path(name)

    def check_query(self, *known: str) -> None:
        """Refuse query parameters that the page does not know.

        Raises:
            InvalidRequest: The query has another parameter.
        """
        unknown = [name for name in self.query if name not in {*known, *_ALWAYS_KNOWN}]
        if unknown:
            cure = f"is no parameter of this page; there are {', '.join(sorted(known)) or 'none'}."
            raise InvalidRequest(Fault(name, cure) for name in unknown)

    @property
    def done_text(self) -> str:
        """The message about the act that led to this page; empty without one."""
        return self.texts.get(f"done_{self.query.get('done', '')}", "")

    def page(self, template: str, status: int = HTTPStatus.OK, **values: Any) -> Response[str]:
        """Make a page from a template."""
        return Response(
            _templates().get_template(template).render(visit=self, **values),
            status_code=status,
            media_type="text/html",
            headers=HEADERS,
            cookies=self.cookies,
        )

    def message_page(
        self, title_key: str, sentence: str, status: int, back: str = ""
    ) -> Response[str]:
        """Make a page that has only a title, a sentence, and a link to the page `back`."""
        return self.page("message.html", status, title_key=title_key, sentence=sentence, back=back)

    def redirect(self, path: str, *, done: str = "", **query: object) -> Redirect:
        """Redirect with 303 to a page, which then shows the text `done_KEY`."""
        url = self.url(path, **query, done=done)
        return Redirect(url, status_code=303, headers=HEADERS, cookies=self.cookies)

    @property
    def account_names(self) -> Sequence[str]:
        """The accounts that the person may see."""
        return list(self.session.roles)

    @property
    def _mount_path(self) -> str:
        """The prefix that Kasir is mounted below; empty if it has a host of its own."""
        return urlsplit(self.parts.settings.public_url).path.rstrip("/")


OurVisit = NamedDependency[SkipValidation[Visit]]


def keep_visit(visit: Visit) -> None:
    """Let a visit answer its request."""
    visit.request.scope["state"][_VISIT] = visit


def visit_of(request: AnyRequest) -> Visit:
    """Return the visit that answers a request; without one, that of nobody."""
    kept: Visit | None = request.scope["state"].get(_VISIT)
    return kept or Visit.of(request, default_parts(request.scope))


def page(path: str, role: Role = Role.VIEW) -> route:
    """Make a handler into a page of the desk; it is passed `visit: OurVisit`.

    Args:
        path: The path, which begins with `/desk`.
        role: The role that the person needs in the account.
    """
    _pages.add(path)
    return route(path, http_method=READ_METHODS, include_in_schema=False, role=role)


def page_above(route_path: str, path: str) -> str:
    """Return the path of the nearest page above a requested path, whose route is `route_path`."""
    names, given = route_path.split("/"), path.split("/")
    above = (count for count in range(len(names) - 1, 0, -1) if "/".join(names[:count]) in _pages)
    return "/".join(given[: next(above)])


def served_accounts(request: AnyRequest) -> list[str]:
    """Return the accounts that Kasir serves, that of the environment first."""
    accounts = accounts_of(request.scope)
    others = accounts.others if accounts else []
    enabled = [account.name for account in others if account.is_enabled]
    return [default_parts(request.scope).settings.merchant_account, *enabled]


def money(amount: Money | Mapping[str, Any] | int) -> str:
    """Write an amount: `Rp25.000`, or another currency's minor units with its code.

    Args:
        amount: The amount; a number is rupiah, and a mapping has `currency` and `value`.
    """
    if isinstance(amount, int):
        amount = Money(IDR, amount)
    elif isinstance(amount, Mapping):
        amount = Money(amount["currency"], amount["value"])
    value = amount.minor_units
    number = f"{abs(value):,}".replace(",", ".")
    sign = "-" if value < 0 else ""
    return f"{sign}Rp{number}" if amount.currency == IDR else f"{sign}{number} {amount.currency}"


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kasir.desk"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = money
    environment.filters["labelled"] = labelled
    environment.globals["languages"] = LANGUAGES
    return environment

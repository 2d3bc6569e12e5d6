"""Acts: forms that change something. Each is recorded in the audit log, with its reason.

An act is a handler of a posted form:

    @act("key.withdraw", "/desk/settings/keys/withdraw", role=Role.ADMIN, fields=["name"])
    async def withdraw_key(asked: Asked) -> Page:
        name = asked.fields["name"]
        async with asked.recorded(name, before={"name": name}):
            await api_keys.withdraw(asked.visit.parts.pool, name)
        return asked.done("/desk/settings", "key_withdrawn")

The role, the form's origin and its CSRF token were checked before it runs, and the reason here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from kasir.browser_requests import client_key, posted_fields
from kasir.desk.access import CSRF_FIELD
from kasir.desk.form_fields import check_fields
from kasir.desk.pages import OurVisit, Page, Visit, page_above
from kasir.desk.services import services_of
from kasir.errors import (
    InvalidRequest,
    KasirError,
    KeyReused,
    NotFound,
    OutcomeUnknown,
    RefusedByAdyen,
    SettingError,
    StillRunning,
)
from kasir.http_types import AnyRequest
from kasir.people.acts import Record, recorded
from kasir.people.roles import Role
from kasir.people.sign_in import SignInSlowed
from kasir.store.audit import Entry, Who

REASON_FIELD: Final = "reason"
CONFIRMED_FIELD: Final = "confirmed"
#: The longest reason.
_REASON_LETTERS_MAX: Final = 500
#: Errors whose message is shown to the person, with a status.
_SHOWN: Final[Sequence[tuple[type[KasirError], HTTPStatus]]] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (InvalidRequest, HTTPStatus.UNPROCESSABLE_ENTITY),
    (SettingError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RefusedByAdyen, HTTPStatus.UNPROCESSABLE_ENTITY),
    (KeyReused, HTTPStatus.CONFLICT),
    (StillRunning, HTTPStatus.CONFLICT),
    (OutcomeUnknown, HTTPStatus.BAD_GATEWAY),
    (SignInSlowed, HTTPStatus.TOO_MANY_REQUESTS),
)


@dataclass(frozen=True, slots=True)
class Act:
    """What is known of an act beside its handler.

    Attributes:
        name: Its name in the audit log; the text `act_NAME` is its name for people.
        needs_reason: Whether the person must give a reason.
        is_about_people: Whether it is recorded with the people and not with the account.
        path: The path of its route.
        fields: The names of the fields of its form, but for those that all acts have.
    """

    name: str
    needs_reason: bool
    is_about_people: bool
    path: str
    fields: frozenset[str]

    def page_of(self, visit: Visit) -> str:
        """Return the path of the page that has its form."""
        return page_above(self.path, visit.path)


@dataclass(slots=True)
class Asked:
    """A posted form that asks for an act.

    Attributes:
        act: The act.
        visit: The request.
        path: The variables of the path.
        fields: The fields of the form, but for those that all acts have.
        reason: Why, in the person's own words; empty if the act needs no reason.
        is_confirmed: Whether the person has seen `second_look` and confirmed it.
    """

    act: Act
    visit: Visit
    path: Mapping[str, str]
    fields: Mapping[str, str]
    reason: str
    is_confirmed: bool
    _records: list[Record] = field(default_factory=list)

    @asynccontextmanager
    async def recorded(
        self, subject: str, before: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Record]:
        """Do the act in this context, once. What is left behind goes into `after` of the record.

        Args:
            subject: What is acted on: an id or a name.
            before: What was before the act.
        """
        visit = self.visit
        services = services_of(visit.request)
        is_own = self.act.is_about_people and subject == visit.person
        account = "" if is_own else visit.account  # One's own sign-in is of all one's accounts.
        who = Who(visit.person, client_key(visit.request), account)
        pool = services.pool if self.act.is_about_people else visit.parts.pool
        entry = Entry(
            who=who,
            act=self.act.name,
            subject=subject,
            reason=self.reason,
            before=before or {},
            is_about_people=self.act.is_about_people,
        )
        async with recorded(pool, services.clock, entry) as record:
            self._records.append(record)
            yield record

    def second_look(self, sentence: str, facts: Sequence[tuple[str, str]] = ()) -> Page:
        """Show what the act will do, and ask again; the form comes back with `is_confirmed`.

        Args:
            sentence: What happens if the person confirms.
            facts: Pairs of a label and a value, such as the amount.
        """
        fields = {**self.fields, REASON_FIELD: self.reason, CONFIRMED_FIELD: "yes"}
        return self.visit.page(
            "second_look.html",
            sentence=sentence,
            facts=facts,
            fields=fields,
            back=self.act.page_of(self.visit),
        )

    def done(self, path: str, message: str, **query: object) -> Redirect:
        """Redirect to a page, which shows the text `done_MESSAGE`."""
        return self.visit.redirect(path, done=message, **query)

    def check_recorded(self, page: Page) -> None:
        """Check that an act that was done was recorded once.

        Raises:
            RuntimeError: It was not: a mistake in the act's handler.
        """
        is_done = isinstance(page, Redirect) or bool(self._records)
        if is_done and len(self._records) != 1:
            raise RuntimeError(f"{self.act.name} was recorded {len(self._records)} times")


Handler = Callable[[Asked], Awaitable[Page]]


def act(
    name: str,
    path: str,
    role: Role = Role.ACT,
    *,
    fields: Sequence[str] = (),
    needs_reason: bool = True,
    is_about_people: bool = False,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Make a handler into an act.

    An error that a person can correct is shown to them. The handler returns `asked.done(...)`, or
    `asked.second_look(...)`, or a page of its own, for example with a key that is shown once.

    Args:
        name: The act's name in the audit log.
        path: The path that its form is posted to.
        role: The role that the person needs in the account.
        fields: The names of the fields of its form; a form with another one is refused.
        needs_reason: Whether the person must give a reason.
        is_about_people: Whether it is recorded with the people and not with the account.
    """
    described = Act(name, needs_reason, is_about_people, path, frozenset(fields))

    def decorate(handler: Handler) -> HTTPRouteHandler:
        async def run(request: AnyRequest, visit: OurVisit) -> Page:
            try:
                asked = await _asked(request, visit, described)
                if needs_reason and not asked.reason:
                    return _refused(visit, described, visit.text("reason_missing"))
                page = await handler(asked)
            except tuple(kind for kind, _ in _SHOWN) as error:
                return _refused(visit, described, str(error), _status(error))
            asked.check_recorded(page)
            return page

        run.__doc__ = handler.__doc__
        made: HTTPRouteHandler = post(
            path, status_code=HTTPStatus.OK, include_in_schema=False, role=role, act=described
        )(run)
        return made

    return decorate


async def _asked(request: AnyRequest, visit: Visit, described: Act) -> Asked:
    """Read a form.

    Raises:
        InvalidRequest: The form has a field that the act does not know, or the URL a parameter.
    """
    visit.check_query()
    fields = await posted_fields(request)
    fields.pop(CSRF_FIELD, None)
    reason = fields.pop(REASON_FIELD, "").strip()[:_REASON_LETTERS_MAX]
    is_confirmed = fields.pop(CONFIRMED_FIELD, "") == "yes"
    check_fields(fields, described.fields)
    path = {name: str(value) for name, value in request.path_params.items()}
    return Asked(described, visit, path, fields, reason, is_confirmed)


def _refused(
    visit: Visit,
    described: Act,
    sentence: str,
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
) -> Response[str]:
    return visit.message_page("act_refused", sentence, status, described.page_of(visit))


def _status(error: KasirError) -> HTTPStatus:
    return next(status for kind, status in _SHOWN if isinstance(error, kind))

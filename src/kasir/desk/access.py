"""Who may see and do what: every request to a page of the desk passes here first."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import structlog
from litestar import Router
from litestar.di import Provide
from litestar.exceptions import NotFoundException, PermissionDeniedException
from litestar.handlers import HTTPRouteHandler

from kasir.browser_requests import client_key, posted_fields, require_same_origin
from kasir.desk.cookies import session_cookie, session_token
from kasir.desk.navigation import DESK_PATH
from kasir.desk.pages import NOBODY, Page, Visit, keep_visit, served_accounts, visit_of
from kasir.desk.services import services_of
from kasir.http_types import AnyRequest, accounts_of, choose_parts, default_parts
from kasir.people.roles import Role
from kasir.people.sign_in import Session
from kasir.wiring import Parts

LOGIN_PATH: Final = f"{DESK_PATH}/login"
#: The fields of a posted form that are not the act's own.
CSRF_FIELD: Final = "csrf"
#: The socket's other end, before uvicorn puts the client in its place that a proxy names.
_PEER: Final = "peer"

_log = structlog.get_logger("kasir.desk")


async def require_desk(request: AnyRequest) -> None:
    """Refuse requests if the desk is switched off, as for any unknown path.

    Raises:
        NotFoundException: The desk is switched off.
    """
    if not default_parts(request.scope).settings.desk.is_on:
        raise NotFoundException


async def require_person(request: AnyRequest) -> Page | None:
    """Let a signed-in person pass who has the route's role, and a form of their own page.

    Returns:
        The response to anybody else, or None.

    Raises:
        NotFoundException: The desk is switched off.
        PermissionDeniedException: The person has not got the role, or the form is not their page's.
        AccountUnavailable: The settings or the tables of the account cannot be used.
    """
    await require_desk(request)
    default, services = default_parts(request.scope), services_of(request)
    public_url, served = default.settings.public_url, served_accounts(request)
    token = session_token(request, public_url)
    session = await services.sign_in.session(token, served)
    visit = Visit.of(request, default, session or NOBODY)
    if (named := _named_by_proxy(request)) and (session is None or session.person != named):
        new_token = await services.sign_in.with_proxy(named, client_key(request))
        session = await services.sign_in.session(new_token or "", served)
        cookie = session_cookie(new_token or "", public_url)
        visit = Visit.of(request, default, session or NOBODY).with_cookie(cookie)
    keep_visit(visit)
    if session is None:
        return _to_login(visit)
    if not session.account:
        sentence = visit.text("no_role_text")
        return visit.message_page("no_role_title", sentence, HTTPStatus.FORBIDDEN)
    await _check(request, visit, session)
    return None


async def _check(request: AnyRequest, visit: Visit, session: Session) -> None:
    needed: Role = request.route_handler.opt["role"]
    if not visit.role.allows(needed):
        raise PermissionDeniedException("the person's role does not allow it")
    if request.method == "POST":
        require_same_origin(request, visit.parts.settings.public_url)
        fields = await posted_fields(request)
        if not session.is_own_form(fields.get(CSRF_FIELD, "")):
            raise PermissionDeniedException("the form is not of a page of this session")
    parts = await _parts_of(request, session.account)
    choose_parts(request.scope, parts)
    keep_visit(visit.of_account(parts))


async def _parts_of(request: AnyRequest, account: str) -> Parts:
    default, accounts = default_parts(request.scope), accounts_of(request.scope)
    if accounts is None or account == default.settings.merchant_account:
        return default
    return await accounts.parts_of(account)


def _to_login(visit: Visit) -> Page:
    """Ask to sign in. A form that was posted is lost, so its page is not asked for afterwards."""
    is_post = visit.request.method == "POST"
    here = DESK_PATH if is_post else visit.url_with().removeprefix(visit.url(""))
    return visit.redirect(LOGIN_PATH, next="" if here == DESK_PATH else here)


def _named_by_proxy(request: AnyRequest) -> str:
    """Return the person whom a trusted proxy names; empty without one.

    The header is believed only from the addresses in KASIR_DESK_PROXY_ADDRESSES, and the address
    is the socket's, never one in a header.
    """
    settings = default_parts(request.scope).settings.desk
    named = request.headers.get(settings.proxy_header, "") if settings.proxy_header else ""
    if not named:
        return ""
    client = request.client.host if request.client else ""
    peer: str = request.scope["state"].get(_PEER, client)
    if not settings.trusts(peer):
        _log.warning("proxy header from an untrusted address", address=peer)
        return ""
    return named.strip().lower()


def desk_router(routes: list[HTTPRouteHandler]) -> Router:
    """Group the routes that need a signed-in person."""
    return Router(
        path="/",
        before_request=require_person,
        dependencies={"visit": Provide(_visit)},
        route_handlers=routes,
    )


def open_router(routes: list[HTTPRouteHandler]) -> Router:
    """Group the routes that need nobody: signing in, and static files."""
    return Router(path="/", before_request=require_desk, route_handlers=routes)


async def _visit(request: AnyRequest) -> Visit:
    return visit_of(request)

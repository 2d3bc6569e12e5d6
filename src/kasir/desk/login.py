"""Signing in and out, the choice of the account, and the style sheet."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from litestar import Response, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kasir.browser_requests import (
    READ_METHODS,
    client_key,
    posted_fields,
    query_fields,
    require_same_origin,
)
from kasir.desk.access import CSRF_FIELD, LOGIN_PATH
from kasir.desk.cookies import session_cookie, session_token
from kasir.desk.form_fields import check_fields
from kasir.desk.navigation import DESK_PATH
from kasir.desk.pages import FILES, OurVisit, Page, Visit, served_accounts
from kasir.desk.services import services_of
from kasir.http_types import AnyRequest, default_parts
from kasir.people.roles import Role
from kasir.people.sign_in import SignInRefused, SignInSlowed


@route(LOGIN_PATH, http_method=READ_METHODS, include_in_schema=False)
async def get_login(request: AnyRequest) -> Page:
    """Show the form to sign in; a person who is signed in goes to the start page."""
    visit = Visit.of(request, default_parts(request.scope))
    visit.check_query("next")
    public_url = visit.parts.settings.public_url
    token = session_token(request, public_url)
    if await services_of(request).sign_in.session(token, served_accounts(request)):
        return visit.redirect(DESK_PATH)
    return _form(visit, query_fields(request).get("next", ""))


@post(LOGIN_PATH, status_code=HTTPStatus.OK, include_in_schema=False)
async def post_login(request: AnyRequest) -> Page:
    """Sign a person in."""
    visit = Visit.of(request, default_parts(request.scope))
    public_url = visit.parts.settings.public_url
    require_same_origin(request, public_url)
    visit.check_query()
    fields = await posted_fields(request)
    check_fields(fields, ("name", "password", "code", "next"))
    name, after = fields.get("name", ""), fields.get("next", "")
    try:
        token = await services_of(request).sign_in.with_password(
            name, fields.get("password", ""), fields.get("code", ""), client_key(request)
        )
    except SignInRefused:
        error = visit.text("wrong_sign_in")
        return _form(visit, after, name, error, HTTPStatus.FORBIDDEN)
    except SignInSlowed as slowed:
        error = visit.text("slowed_sign_in", wait_s=slowed.wait_s)
        form = _form(visit, after, name, error, HTTPStatus.TOO_MANY_REQUESTS)
        form.headers["Retry-After"] = str(slowed.wait_s)
        return form
    signed_in = visit.with_cookie(session_cookie(token, public_url))
    return signed_in.redirect(_own_path(after))


@post(f"{DESK_PATH}/logout", status_code=HTTPStatus.OK, include_in_schema=False, role=Role.VIEW)
async def post_logout(request: AnyRequest, visit: OurVisit) -> Page:
    """End the session."""
    visit.check_query()
    check_fields(await posted_fields(request), (CSRF_FIELD,))
    await services_of(request).sign_in.sign_out(visit.session, client_key(request))
    removed = session_cookie("", visit.parts.settings.public_url)
    return visit.with_cookie(removed).redirect(LOGIN_PATH)


@post(f"{DESK_PATH}/account", status_code=HTTPStatus.OK, include_in_schema=False, role=Role.VIEW)
async def post_account(request: AnyRequest, visit: OurVisit) -> Page:
    """Show another account from now on, if the person may see it."""
    visit.check_query()
    fields = await posted_fields(request)
    check_fields(fields, (CSRF_FIELD, "account"))
    account = fields.get("account", "")
    await services_of(request).sign_in.switch_account(visit.session, account)
    return visit.redirect(DESK_PATH)


@route(f"{DESK_PATH}/static/{{name:str}}", http_method=READ_METHODS, include_in_schema=False)
async def get_static_file(name: FromPath[str]) -> Response[bytes]:
    """Serve the style sheet or the script."""
    return FILES.response(name)


def _form(
    visit: Visit, after: str, name: str = "", error: str = "", status: int = HTTPStatus.OK
) -> Response[str]:
    return visit.page("login.html", status, after=_own_path(after), name=name, error=error)


def _own_path(path: str) -> str:
    """Return a path of the desk; the start page for any other text, such as another host."""
    return path if path.startswith(f"{DESK_PATH}/") and "\\" not in path else DESK_PATH


#: The routes that need nobody, and those that need a person.
OPEN_ROUTES: Final[list[HTTPRouteHandler]] = [get_login, post_login, get_static_file]
ROUTES: Final[list[HTTPRouteHandler]] = [post_logout, post_account]

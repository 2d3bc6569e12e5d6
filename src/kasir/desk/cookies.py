"""The cookies of the desk: the session's, and the chosen language."""

from __future__ import annotations

from typing import Final

from litestar.datastructures import Cookie

from kasir.http_types import AnyRequest

LANGUAGE_COOKIE: Final = "kasir_desk_language"
_SESSION: Final = "kasir_desk"
_YEAR_S: Final = 365 * 24 * 3600


def session_token(request: AnyRequest, public_url: str) -> str:
    """Return the token in the session's cookie; empty without one."""
    return request.cookies.get(_session_name(public_url), "")


def session_cookie(token: str, public_url: str) -> Cookie:
    """Return the cookie of a session; an empty token removes it.

    The browser forgets it when it is closed. `Lax` lets a link in a message open a page of the
    desk; forms of other sites are sent without the cookie.
    """
    return Cookie(
        key=_session_name(public_url),
        value=token,
        path="/",
        max_age=None if token else 0,
        httponly=True,
        secure=_is_https(public_url),
        samesite="lax",
    )


def language_cookie(language: str, public_url: str) -> Cookie:
    """Return the cookie of the chosen language."""
    return Cookie(
        key=LANGUAGE_COOKIE,
        value=language,
        path="/",
        max_age=_YEAR_S,
        httponly=True,
        secure=_is_https(public_url),
        samesite="lax",
    )


def _session_name(public_url: str) -> str:
    """The cookie's name; with `__Host-` no other host of the domain can set it."""
    return f"__Host-{_SESSION}" if _is_https(public_url) else _SESSION


def _is_https(public_url: str) -> bool:
    return public_url.startswith("https://")

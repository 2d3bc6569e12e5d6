"""Errors below the path of the desk, as pages in the person's language."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from litestar import Response

from kasir.browser_requests import path_of
from kasir.desk.navigation import DESK_PATH
from kasir.desk.pages import visit_of
from kasir.errors import InvalidRequest, NotFound
from kasir.http_types import AnyRequest, default_parts

#: The texts for a status; any other status below 500 gets those of 404's neighbours.
_KEYS: Final = {
    HTTPStatus.NOT_FOUND: ("not_found_title", "not_found_text"),
    HTTPStatus.FORBIDDEN: ("forbidden_title", "forbidden_text"),
}


def is_desk_path(request: AnyRequest) -> bool:
    """Whether a request is for the desk, and the desk is served."""
    path = path_of(request)
    is_of_desk = path == DESK_PATH or path.startswith(f"{DESK_PATH}/")
    return is_of_desk and default_parts(request.scope).settings.desk.is_on


def error_page(request: AnyRequest, error: Exception, response: Response[Any]) -> Response[str]:
    """Turn the API's response to an error into a page with the same status."""
    visit = visit_of(request)
    status = response.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, InvalidRequest | NotFound):
        title, sentence = "wrong_title", str(error)
    else:
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        other = ("broken_title", "broken_text") if is_ours else ("wrong_title", "wrong_text")
        title, text = _KEYS.get(HTTPStatus(status), other)
        sentence = visit.text(text)
    page = visit.message_page(title, sentence, status)
    for name in ("Allow", "Retry-After"):
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return page

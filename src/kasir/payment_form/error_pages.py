"""Errors below the form's path, as pages in the shopper's language."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from litestar import Response

from kasir.browser_requests import path_of
from kasir.http_types import AnyRequest, chosen_parts
from kasir.payment_form.form_requests import FORM_PATH
from kasir.payment_form.pages import Visit


def is_form_path(request: AnyRequest) -> bool:
    """Whether a request is for the form and not for the API."""
    return path_of(request).startswith(FORM_PATH)


def error_page(request: AnyRequest, response: Response[Any]) -> Response[str]:
    """Turn the API's response to an error into a page with the same status."""
    visit = Visit.of(request, chosen_parts(request.scope))
    status = response.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
    page = visit.message_page(_text_key(status), status)
    for name in ("Allow", "Retry-After"):
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return page


def _text_key(status: int) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "not_found"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "too_many"
    return "broken" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "wrong"

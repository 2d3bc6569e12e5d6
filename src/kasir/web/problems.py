"""Errors as HTTP responses: with Adyen's error body, and never a stack trace."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import structlog
from litestar import Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from kasir.adyen import replies
from kasir.adyen.replies import Answer
from kasir.errors import (
    AccountUnavailable,
    CutOff,
    DatabaseUnavailable,
    Fault,
    InvalidRequest,
    KasirError,
    KeyReused,
    NotClaimedYet,
    NotFound,
    StillRunning,
)
from kasir.http_types import AnyRequest
from kasir.requests.changes import PATHS
from kasir.store import database
from kasir.web.unknown_paths import unknown_path_message

#: After these errors the caller repeats the request, and Kasir does what it has not committed yet.
_UNAVAILABLE: Final = (CutOff, DatabaseUnavailable, *database.UNAVAILABLE)
_NO_NAMES: Final[Mapping[str, str]] = {}
_INTERNAL: Final = "Kasir could not do this, and has logged why. Ask again with the same key."

#: Where a caller finds the id of a resource.
_HINTS: Final[Mapping[str, str]] = {
    "change": f"there are {', '.join(PATHS)}",
    "delivery": "GET /api/deliveries shows the ids of yours",
    "notification": "GET /api/notices shows the ids of yours",
    "message": "GET /api/payments/{id}/life shows the ids of a payment's messages",
    "payment": "GET /api/payments?reference= shows the ids of yours",
    "payment link": "the answer to POST /paymentLinks names its id",
    "plan": "the answer to POST /api/plans names its id",
    "token": "GET /api/tokens?shopperReference= shows the ids of yours",
    "subscription": "GET /api/subscriptions shows the ids of yours",
}

#: Headers that are copied from the framework's own errors. RFC 9110 requires `Allow`, the methods
#: that a route has, with every 405.
_COPIED_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate")

_log = structlog.get_logger("kasir.web")


def response(answer: Answer, *, idempotency_key: str | None = None) -> Response[bytes]:
    """Turn an answer of Adyen, or one in Adyen's format, into an HTTP response."""
    answer = replies.for_shop(answer)
    headers = {}
    if answer.psp_reference:
        headers["pspReference"] = answer.psp_reference
    if idempotency_key is not None:
        headers["idempotency-key"] = idempotency_key
    if answer.transient:
        headers["transient-error"] = "true"
    return Response(
        answer.body, status_code=answer.status, media_type="application/json", headers=headers
    )


def answer_to(  # noqa: PLR0911  # One return per kind of error.
    error: Exception, names: Mapping[str, str] = _NO_NAMES
) -> Answer:
    """Return the answer for an error, in Adyen's format.

    Args:
        error: The error.
        names: The names of query parameters, by the names of the handler's arguments.
    """
    match error:
        case InvalidRequest():
            return replies.invalid(error)
        case KeyReused():
            return replies.error(422, "704", f"{error}; nothing was done. Use a new key.")
        case StillRunning():
            message = f"request already processed or in progress: {error}. Ask again in a moment."
            return replies.error(409, "704", message, transient=True)
        case NotClaimedYet():
            message = f"{error}: ask again in a moment. Nothing was sent."
            return replies.error(503, "703", message, "internal", transient=True)
        case NotFound():
            hint = f": {_HINTS[error.what]}" if error.what in _HINTS else ""
            return replies.error(404, "187", f"There is {error}{hint}.")
        case _ if isinstance(error, (AccountUnavailable, *_UNAVAILABLE)):
            return replies.error(503, "703", _INTERNAL, "internal", transient=True)
        case RecursionError():
            # Only the request's JSON can be nested so deeply, and it is decoded before any work.
            return replies.error(400, "702", "The request is nested too deeply.")
        case ValidationException(extra=[*entries]) if faults := tuple(_faults(entries, names)):
            return replies.invalid(InvalidRequest(faults))
        case HTTPException():
            kind = "security" if error.status_code in (401, 403) else "validation"
            return replies.error(error.status_code, "000", error.detail, kind)
    return replies.error(500, "702", _INTERNAL, "internal")


def _faults(entries: Iterable[Any], names: Mapping[str, str]) -> Iterator[Fault]:
    """Turn Litestar's validation errors of query parameters into Kasir's."""
    for entry in entries:
        match entry:
            case {"key": str(field), "message": str(cure)}:
                yield Fault(names.get(field, field), cure)


def error_response(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Log an error unless the caller caused it, and return the response for it."""
    _log_error(request, error)
    # Litestar's error names the handler's argument; callers know only the query parameter.
    names = _parameter_names(request) if isinstance(error, ValidationException) else _NO_NAMES
    http_response = response(answer_to(_with_hint(request, error), names))
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    # The framework writes some header names in lower case.
    by_lower_name = {name.lower(): text for name, text in headers.items()}
    for name in _COPIED_HEADERS:
        if name.lower() in by_lower_name:
            http_response.headers[name] = by_lower_name[name.lower()]
    return http_response


def _log_error(request: AnyRequest, error: Exception) -> None:
    # Not the path but the route's template, because a path may contain a token.
    path = str(request.scope.get("path_template", ""))
    name = type(error).__name__
    if isinstance(error, CutOff):
        _log.warning("cut off by the stop", path=path)
    elif isinstance(error, _UNAVAILABLE):
        _log.error("the database is away", path=path, error=name)
    elif not isinstance(error, KasirError | HTTPException):
        # The traceback is without the values of variables, which may be keys.
        trace = "".join(traceback.format_exception(error))
        _log.error("unexpected", path=path, error=name, traceback=trace)


def _parameter_names(request: AnyRequest) -> dict[str, str]:
    """Map a handler's arguments to query parameters, where the two names differ."""
    declared = {
        name: getattr(parameter.kwarg_definition, "name", None)
        for name, parameter in request.route_handler.parsed_fn_signature.parameters.items()
    }
    return {name: parameter for name, parameter in declared.items() if parameter}


def _with_hint(request: AnyRequest, error: Exception) -> Exception:
    """Replace the router's errors by errors that name the existing paths or methods."""
    match error:
        case NotFoundException():
            return NotFoundException(unknown_path_message(request.url.path))
        case MethodNotAllowedException(headers={"allow": str(allowed)}):
            # Every route answers OPTIONS, which does not help a caller.
            methods = ", ".join(name for name in allowed.split(", ") if name != "OPTIONS")
            return MethodNotAllowedException(f"{request.method} is not for this; use {methods}.")
    return error

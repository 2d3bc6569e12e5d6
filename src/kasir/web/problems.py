"""Errors as HTTP answers: in Adyen's body, and never a stack trace."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)

from kasir.adyen import replies
from kasir.adyen.replies import Answer
from kasir.errors import (
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
from kasir.requests.changes import PATHS
from kasir.store import database
from kasir.web.addresses import no_such

if TYPE_CHECKING:
    from litestar.types import ExceptionHandlersMap

#: What was committed before stays so, and what was not can be asked for again.
_AWAY: Final = (CutOff, DatabaseUnavailable, *database.AWAY)
_AS_THEY_ARE: Final[Mapping[str, str]] = {}
_INTERNAL: Final = "Kasir could not do this, and has logged why. Ask again with the same key."

#: Where the name of what was asked for is found.
_NAMED: Final[Mapping[str, str]] = {
    "change": f"there are {', '.join(PATHS)}",
    "payment": "GET /api/payments?reference= shows the ids of yours",
    "payment link": "the answer to POST /paymentLinks names its id",
    "plan": "the answer to POST /api/plans names its id",
    "subscription": "GET /api/subscriptions shows the ids of yours",
}

#: Headers of the framework's own errors that a caller gets. `Allow` says which methods there are
#: instead: RFC 9110 wants it with every 405.
_PASSED_ON: Final = ("Allow", "Retry-After", "WWW-Authenticate")

_log = structlog.get_logger("kasir.web")


def response(answer: Answer, *, idempotency_key: str | None = None) -> Response[bytes]:
    """An answer of Adyen's, or in Adyen's shape, as an HTTP response."""
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
    error: Exception, names: Mapping[str, str] = _AS_THEY_ARE
) -> Answer:
    """The answer that tells a caller of an error.

    Args:
        error: What went wrong.
        names: What a parameter is called in the address, by the name of its argument.
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
            way_on = f": {_NAMED[error.what]}" if error.what in _NAMED else ""
            return replies.error(404, "187", f"There is {error}{way_on}.")
        case _ if isinstance(error, _AWAY):
            return replies.error(503, "703", _INTERNAL, "internal", transient=True)
        case RecursionError():
            # Only a message can nest so deeply; it was found out before anything was done.
            return replies.error(400, "702", "The request is nested too deeply.")
        case ValidationException(extra=[*parts]) if faults := tuple(_faults(parts, names)):
            return replies.invalid(InvalidRequest(faults))
        case HTTPException():
            kind = "security" if error.status_code in (401, 403) else "validation"
            return replies.error(error.status_code, "000", error.detail, kind)
    return replies.error(500, "702", _INTERNAL, "internal")


def _faults(parts: Iterable[Any], names: Mapping[str, str]) -> Iterator[Fault]:
    """What is wrong with the parameters of an address."""
    for part in parts:
        match part:
            case {"key": str(field), "message": str(cure)}:
                yield Fault(names.get(field, field), cure)


def _names(request: Request[Any, Any, Any]) -> dict[str, str]:
    """What the parameters of a handler are called in the address, where that is another name."""
    declared = {
        name: getattr(parameter.kwarg_definition, "name", None)
        for name, parameter in request.route_handler.parsed_fn_signature.parameters.items()
    }
    return {name: called for name, called in declared.items() if called}


def _handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    if isinstance(error, CutOff):
        _log.warning("cut off by the stop", path=_place(request))
    elif isinstance(error, _AWAY):
        _log.error("the database is away", path=_place(request), error=type(error).__name__)
    elif not isinstance(error, KasirError | HTTPException):
        _log.error(
            "unexpected", path=_place(request), error=type(error).__name__, traceback=_told(error)
        )
    # Litestar tells the name of our argument, which a caller does not know.
    names = _names(request) if isinstance(error, ValidationException) else _AS_THEY_ARE
    answered = response(answer_to(_in_words(request, error), names))
    more = (error.headers if isinstance(error, HTTPException) else None) or {}
    # The framework writes some names in small letters; who reads ours need not know which.
    named = {name.lower(): text for name, text in more.items()}
    for name in _PASSED_ON:
        if name.lower() in named:
            answered.headers[name] = named[name.lower()]
    return answered


def _place(request: Request[Any, Any, Any]) -> str:
    """Which address was called, without what stands in it: that may be a token."""
    return str(request.scope.get("path_template", ""))


def _in_words(request: Request[Any, Any, Any], error: Exception) -> Exception:
    """What the router says of an address it does not have, so that a caller can go on."""
    path = request.url.path
    match error:
        case NotFoundException():
            return NotFoundException(no_such(path))
        case MethodNotAllowedException(headers={"allow": str(allowed)}):
            # Every address answers OPTIONS, and nobody asks for that.
            ways = ", ".join(way for way in allowed.split(", ") if way != "OPTIONS")
            return MethodNotAllowedException(f"{request.method} is not for this; use {ways}.")
    return error


def _told(error: Exception) -> str:
    """Where it happened, without the values of variables: among them may be keys."""
    return "".join(traceback.format_exception(error))


HANDLERS: Final[ExceptionHandlersMap] = {Exception: _handle}

"""Parameters of an address that mean nothing there: better refused than ignored."""

from __future__ import annotations

from typing import Any

from litestar import Request

from kasir.errors import Fault, InvalidRequest


def refuse_unknown(request: Request[Any, Any, Any], known: frozenset[str]) -> None:
    """Refuse a request whose address has parameters that are not known there.

    Raises:
        InvalidRequest: It has; each is named.
    """
    words = ", ".join(sorted(known)) or "none"
    cure = f"is not a parameter of this path; there are {words}."
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise InvalidRequest([Fault(name[:80], cure) for name in dict.fromkeys(unknown)])

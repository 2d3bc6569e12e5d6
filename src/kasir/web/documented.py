"""What the OpenAPI document says of a route beyond the signature of its handler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from litestar.handlers import HTTPRouteHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """The part of a route's documentation that is not in its handler's signature.

    It is the argument `documented` of the route's decorator.

    Attributes:
        body: The shape of the request's body; None if the route reads none.
        answer: The shape of the answer, where the handler returns bytes; None for no body.
        unavailable: The shape of the answer with 503, where it is not an error's.
        status: The status of the answer, where it is not the decorator's.
        adyen: The service of Adyen whose schema has all fields; empty for Kasir's own calls.
        is_idempotent: Whether the route reads an idempotency key.
        parameters: Query parameters that are not in the signature: names and descriptions.
        required: Those of them that must be given.
        schemas: The JSON schemas of those that are not plain texts.
        media_type: The media type of an answer that is a text.
        values: The only values of a path's variable, by its name.
    """

    body: type | None = None
    answer: type | None = None
    unavailable: type | None = None
    status: int | None = None
    adyen: str = ""
    is_idempotent: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    required: Sequence[str] = ()
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    media_type: str = "text/plain"
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)


def documented(handler: HTTPRouteHandler) -> Documented:
    """Return what a route's decorator was given."""
    found: Documented = handler.opt.get("documented", Documented())
    return found

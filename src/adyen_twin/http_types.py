"""The request type and the small functions that all HTTP handlers share."""

from __future__ import annotations

import base64
import hmac
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType

from adyen_twin.core.settings import Settings
from adyen_twin.core.twin import Twin
from adyen_twin.simulation.engine import Engine

HttpResponse = Response[bytes]


class HttpRequest(Request[Any, Any, Any]):
    """A request with access to the twin that received it."""

    @property
    def twin(self) -> Twin:
        """Return the twin."""
        twin: Twin = self.app.state.twin
        return twin

    @property
    def engine(self) -> Engine:
        """Return the engine that runs tasks and deliveries in the background."""
        engine: Engine = self.app.state.engine
        return engine

    @property
    def public_url(self) -> str:
        """Return the base URL that shoppers use, without a slash at its end."""
        return (self.twin.settings.public_url or str(self.base_url)).rstrip("/")

    def break_connection(self) -> None:
        """Close the connection without an answer, as a network failure does.

        ASGI has no such operation, so this uses uvicorn's transport, found through `receive`.
        """
        transport = getattr(getattr(self.receive, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()

    def path_part(self, name: str) -> str:
        """Return a path parameter."""
        return str(self.path_params[name])

    def query_value(self, name: str) -> str | None:
        """Return a query parameter, if it was given."""
        value = self.query_params.get(name)
        return None if value is None else str(value)


class NotJsonError(Exception):
    """The body is not JSON; the message is the reason."""


def parse_json(raw: bytes, kind: Any = Any) -> Any:
    """Return the JSON of a body, converted to a type.

    Raises:
        NotJsonError: The body is not JSON, or nested too deeply.
        msgspec.ValidationError: The body is JSON, but not of that type.

    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError) and kind is not Any:
            raise
        # With type Any, only a number out of range is a ValidationError.
        raise NotJsonError(str(error)) from None


def has_api_key(request: HttpRequest) -> bool:
    """Return whether a request has the twin's API key, and comes from an allowed address."""
    allowed = request.twin.knobs.allowed_ip_addresses
    if allowed and (request.client is None or request.client.host not in allowed):
        return False  # GUESS: that the answer is the same as to a wrong key.
    settings = request.twin.settings
    return hmac.compare_digest(_api_key(request, settings).encode(), settings.api_key.encode())


def _api_key(request: HttpRequest, settings: Settings) -> str:
    """Return the API key of a request, from X-API-Key or as the password of HTTP Basic."""
    key = request.headers.get("x-api-key")
    if key is not None:
        return key
    user, password = basic_credentials(request) or ("", "")
    return password if user == settings.web_service_user else ""


def basic_credentials(request: HttpRequest) -> tuple[str, str] | None:
    """Return the user and the password of HTTP Basic; None if the request has none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # Not Base64, or not UTF-8.
        return None
    return (user, password) if colon else None


def is_web_address(url: str) -> bool:
    """Return whether this is an http or https address with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def as_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Return an answer with a body as JSON."""
    return Response(
        msgspec.json.encode(body), status_code=status, headers=headers, media_type=MediaType.JSON
    )

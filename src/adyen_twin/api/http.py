"""What the twin's handlers share of HTTP."""

import hmac
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType

from adyen_twin.core.twin import Twin
from adyen_twin.simulation.engine import Engine

HttpResponse = Response[bytes]


class HttpRequest(Request[Any, Any, Any]):
    """A request that knows which twin it came to."""

    @property
    def twin(self) -> Twin:
        """Return the twin."""
        twin: Twin = self.app.state.twin
        return twin

    @property
    def engine(self) -> Engine:
        """Return what works beside the requests."""
        engine: Engine = self.app.state.engine
        return engine

    @property
    def public_url(self) -> str:
        """Return the address at which shoppers reach the twin."""
        return (self.twin.settings.public_url or str(self.base_url)).rstrip("/")

    def break_connection(self) -> None:
        """Cut the connection without an answer, as a network does.

        ASGI knows no such thing; uvicorn's transport does, and `receive` leads to it.
        """
        transport = getattr(getattr(self.receive, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()

    def path_part(self, name: str) -> str:
        """Return a variable part of the path."""
        return str(self.path_params[name])

    def asked(self, name: str) -> str | None:
        """Return a query parameter, if it was given."""
        said = self.query_params.get(name)
        return None if said is None else str(said)


class NotJsonError(Exception):
    """A body that is no JSON; says why."""


def json_of(raw: bytes, kind: Any = Any) -> Any:
    """Return a body's JSON, as that kind.

    Raises:
        NotJsonError: It is no JSON, or nested beyond reading.
        msgspec.ValidationError: It is JSON, but not of that kind.

    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError) and kind is not Any:
            raise
        # Read as anything, only a number beyond all numbers is not valid.
        raise NotJsonError(str(error)) from None


def bears_key(request: HttpRequest) -> bool:
    """Return whether a request bears the twin's key."""
    said = request.headers.get("x-api-key", "")
    return hmac.compare_digest(said.encode(), request.twin.settings.api_key.encode())


def web_address(url: str) -> bool:
    """Return whether webhooks can go there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def as_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Return an answer of JSON."""
    return Response(
        msgspec.json.encode(body), status_code=status, headers=headers, media_type=MediaType.JSON
    )

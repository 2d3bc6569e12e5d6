"""The request type and the small functions that all HTTP handlers share."""

from __future__ import annotations

import base64
from typing import Any, Final, cast

import msgspec
from litestar import Request, Response
from litestar.enums import MediaType

from adyen_twin.core.settings import WEB_SERVICE_USER
from adyen_twin.core.twin import Twin
from adyen_twin.simulation.engine import Engine
from adyen_twin.simulation.worlds import FIRST, PATH, World, Worlds

HttpResponse = Response[bytes]

#: The begin of the paths of the controls; they have their own protection.
CONTROLS: Final = "/twin/"
# Keys in an ASGI scope: the name of the world in the path, if there is one, and the world.
IN_PATH: Final = "adyen_twin.world_in_path"
WORLD: Final = "adyen_twin.world"


class HttpRequest(Request[Any, Any, Any]):
    """A request with access to the world that received it."""

    @property
    def worlds(self) -> Worlds:
        """Return all worlds."""
        worlds: Worlds = self.app.state.worlds
        return worlds

    @property
    def world_name(self) -> str:
        """Return the name of the world that the path names, or else the API key."""
        return self._in_scope(IN_PATH) or self.worlds.name_in(api_key_of(self)) or FIRST

    @property
    def world(self) -> World:
        """Return the world; a call with its key or of a control makes it if it does not exist.

        Raises:
            NoWorldError: There is no such world, or there can be none.

        """
        # One request asks for its world many times.
        world: World | None = self._in_scope(WORLD)
        if world is None:
            may_make = names_own_world(self) or self.url.path.startswith(CONTROLS)
            world = self.worlds.world(self.world_name, make=may_make)
            cast("dict[str, Any]", self.scope)[WORLD] = world
        return world

    def _in_scope(self, key: str) -> Any:
        return cast("dict[str, Any]", self.scope).get(key)

    @property
    def twin(self) -> Twin:
        """Return the twin of the world."""
        return self.world.twin

    @property
    def engine(self) -> Engine:
        """Return the engine that runs the world's tasks and deliveries in the background."""
        return self.world.engine

    @property
    def path_prefix(self) -> str:
        """Return what every path of this world begins with; nothing in the first world."""
        name = self.world_name
        return f"{PATH}{name}" if name else ""

    @property
    def public_url(self) -> str:
        """Return the base URL of the world that shoppers use, without a slash at its end."""
        base = (self.twin.settings.public_url or str(self.base_url)).rstrip("/")
        return f"{base}{self.path_prefix}"

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
    """Return whether a request has an API key of its world, and comes from an allowed address."""
    if not names_own_world(request):
        return False
    allowed = request.twin.knobs.allowed_ip_addresses
    # GUESS: that the answer to another address is the same as to a wrong key.
    return not allowed or (request.client is not None and request.client.host in allowed)


def names_own_world(request: HttpRequest) -> bool:
    """Return whether a request has an API key of its world.

    A path that names the world takes the key of the first world too.
    """
    name = request.worlds.name_in(api_key_of(request))
    return name is not None and name in (FIRST, request.world_name)


def api_key_of(request: HttpRequest) -> str:
    """Return the API key of a request, from X-API-Key or as the password of HTTP Basic."""
    key = request.headers.get("x-api-key")
    if key is not None:
        return key
    user, password = basic_credentials(request) or ("", "")
    return password if user == WEB_SERVICE_USER else ""


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


def as_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """Return an answer with a body as JSON."""
    return Response(
        msgspec.json.encode(body), status_code=status, headers=headers, media_type=MediaType.JSON
    )

"""Who may use the twin's controls: callers on this machine, but no pages of other origins.

The controls need no key. A browser on this machine also sends the requests of pages of other
origins, and the controls must refuse these. `Origin` and `Sec-Fetch-Site` show such a page,
and `Host` shows a page that uses DNS rebinding. A request without these headers must have JSON
as its body, because a browser sends the JSON of such a page only after a preflight.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from adyen_twin.controls.requests import ControlError
from adyen_twin.core.twin import Twin

Connection = ASGIConnection[Any, Any, Any, Any]

JSON: Final = "application/json"
SAFE_METHODS: Final = ("GET", "HEAD")
#: The accepted values of Sec-Fetch-Site; "none" is an address that a person typed.
OWN_SITES: Final = ("same-origin", "none")


def only_this_machine(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse callers that are not on this machine."""
    if not is_loopback(connection.client.host if connection.client else ""):
        raise ControlError(403, "the twin's controls answer only to this machine")


def only_own_host(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse a Host header that does not name this machine; DNS rebinding sends such a header."""
    twin: Twin = connection.app.state.twin
    name = _host_name(f"//{connection.headers.get('host', '')}")
    # A call without a Host is not from a page, because every browser sends one.
    if name in ("", _host_name(twin.settings.public_url or "")) or is_this_machine(name):
        return
    raise ControlError(403, f"call the twin's controls at 127.0.0.1 or localhost, not at {name!r}")


def no_other_origin(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse requests that change something, if a page of another origin sends them."""
    if connection.scope.get("method") in SAFE_METHODS:
        return
    headers = connection.headers
    origin = headers.get("origin")
    is_same_origin = origin is None or origin.partition("://")[2] == headers.get("host")
    if not is_same_origin or headers.get("sec-fetch-site", "none") not in OWN_SITES:
        raise ControlError(403, "no page of another origin may use the twin's controls")


def only_json(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse a body of another type than JSON; a browser sends JSON only after a preflight."""
    headers = connection.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and content_type != JSON:
        raise ControlError(415, f"send the header Content-Type: {JSON} with a body")


#: In this order, so that the error names the first thing to correct.
GUARDS: Final = [only_this_machine, only_own_host, no_other_origin, only_json]


def is_this_machine(name: str) -> bool:
    """Return whether a host name always means this machine."""
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def is_loopback(text: str) -> bool:
    """Return whether a text is a loopback address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_loopback)


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return url  # An unclosed bracket, so it is not a valid name.

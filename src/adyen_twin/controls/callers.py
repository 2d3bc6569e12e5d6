"""Who may use the twin's controls: programs and people of this machine, and no page of elsewhere.

The controls want no key, so whatever a browser on this machine may send without asking would do.
A page of another origin is known by `Origin` and `Sec-Fetch-Site`; one whose name was made to lead
to this machine by `Host`; and without those, by a body that a browser sends only after asking.
"""

import ipaddress
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from adyen_twin.controls.requests import ControlError
from adyen_twin.core.twin import Twin

Connection = ASGIConnection[Any, Any, Any, Any]

JSON: Final = "application/json"
CHANGES_NOTHING: Final = ("GET", "HEAD")
#: What a browser says of a page's own request, and of what a person typed.
OWN_SITES: Final = ("same-origin", "none")


def only_this_machine(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse anybody who is not on this machine."""
    if not is_loopback(connection.client.host if connection.client else ""):
        raise ControlError(403, "the twin's controls answer only to this machine")


def only_by_our_name(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse calls by a name that is not this machine's, as a page has it that was rebound."""
    twin: Twin = connection.app.state.twin
    name = _host_name(f"//{connection.headers.get('host', '')}")
    # Only a browser has to say a host; what says none is no page.
    if name in ("", _host_name(twin.settings.public_url or "")) or is_this_machine(name):
        return
    raise ControlError(403, f"call the twin's controls at 127.0.0.1 or localhost, not at {name!r}")


def no_other_origin(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse what changes something if a page of another origin asks for it."""
    if connection.scope.get("method") in CHANGES_NOTHING:
        return
    headers = connection.headers
    origin = headers.get("origin")
    is_ours = origin is None or origin.partition("://")[2] == headers.get("host")
    if not is_ours or headers.get("sec-fetch-site", "none") not in OWN_SITES:
        raise ControlError(403, "no page of another origin may use the twin's controls")


def only_json(connection: Connection, _: BaseRouteHandler) -> None:
    """Refuse a body that does not say it is JSON: others a browser sends without asking."""
    headers = connection.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != JSON:
        raise ControlError(415, f"send the header Content-Type: {JSON} with a body")


#: In this order, so that the first fault is the one to mend first.
GUARDS: Final = [only_this_machine, only_by_our_name, no_other_origin, only_json]


def is_this_machine(name: str) -> bool:
    """Return whether a host's name leads to this machine, whoever is asked for its address."""
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def is_loopback(text: str) -> bool:
    """Return whether a text is an address of this machine's own."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_loopback)


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return url  # A bracket that does not close: nobody's name.

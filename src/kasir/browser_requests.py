"""Reads requests of browsers: the path, the query, form fields, the origin, the client's address.

The payment form and the desk share these functions.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from litestar import HttpMethod
from litestar.exceptions import PermissionDeniedException

from kasir.client_addresses import customer_network, parse_address
from kasir.http_types import AnyRequest

#: The methods of routes that change nothing.
READ_METHODS: Final = [HttpMethod.GET, HttpMethod.HEAD]

#: A query or a form with more fields is read as empty.
_PAIRS_MAX: Final = 100
#: The values of `Sec-Fetch-Site` for requests of a page of the same origin, and for an address that
#: a person typed.
_OWN_SITES: Final = ("same-origin", "none")


def path_of(request: AnyRequest) -> str:
    """Return the request's path, without the prefix that Kasir may be mounted below."""
    return request.scope["path"].removeprefix(request.scope.get("root_path", "").rstrip("/"))


def query_fields(request: AnyRequest) -> dict[str, str]:
    """Return the fields of the query; of fields with the same name, the last."""
    return dict(parse_pairs(request.scope["query_string"]))


async def posted_fields(request: AnyRequest) -> dict[str, str]:
    """Return the fields of a posted form; of fields with the same name, the last."""
    return dict(parse_pairs(await request.body()))


def parse_pairs(text: bytes) -> list[tuple[str, str]]:
    """Parse a query or a posted form, decoding each value once.

    Empty pairs are skipped, because the return URL in one of Adyen's samples contains `&&`.
    """
    try:
        return parse_qsl(
            text.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_PAIRS_MAX
        )
    except ValueError:
        return []


def require_same_origin(request: AnyRequest, public_url: str) -> None:
    """Refuse a form that a page of another origin posted (cross-site request forgery).

    Kasir's pages send no referrer, so many browsers send `Origin: null` with the forms. These
    browsers also send `Sec-Fetch-Site`, which shows whether the origin is the same.

    Args:
        request: The request.
        public_url: Where browsers reach Kasir.

    Raises:
        PermissionDeniedException: The form was posted by a page of another origin.
    """
    headers = request.headers
    origin = headers.get("origin", "null")
    own_hosts = {headers.get("host", ""), urlsplit(public_url).netloc}
    is_other = origin != "null" and _host_of(origin) not in own_hosts
    if is_other or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise PermissionDeniedException("only the form's own page may post it")


def client_key(request: AnyRequest) -> str:
    """Return the client's address to count by; empty if the address does not identify a client.

    A loopback address identifies no client. If a proxy on this machine does not forward the
    addresses of its clients, all of them would be counted as one client.
    """
    host = request.client.host if request.client else ""
    address = parse_address(host)
    return "" if address is None or address.is_loopback else customer_network(host)


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None  # For example, a bracket is not closed.

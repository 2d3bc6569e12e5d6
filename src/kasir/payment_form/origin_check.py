"""Protection against cross-site request forgery: only the form's own pages may post its forms."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from litestar.exceptions import PermissionDeniedException

from kasir.http_types import AnyRequest
from kasir.wiring import Parts

#: The values of `Sec-Fetch-Site` for requests of a page of the same origin, and for an address that
#: a person typed.
_OWN_SITES: Final = ("same-origin", "none")


def require_same_origin(request: AnyRequest, parts: Parts) -> None:
    """Refuse a form that a page of another origin posted.

    The form's pages send no referrer, so many browsers send `Origin: null` with the forms. These
    browsers also send `Sec-Fetch-Site`, which shows whether the origin is the same.

    Raises:
        PermissionDeniedException: The form was posted by a page of another origin.
    """
    headers = request.headers
    origin = headers.get("origin", "null")
    own_hosts = {headers.get("host", ""), urlsplit(parts.settings.public_url).netloc}
    is_other = origin != "null" and _host_of(origin) not in own_hosts
    if is_other or headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        raise PermissionDeniedException("only the form's own page may post it")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None  # For example, a bracket is not closed.

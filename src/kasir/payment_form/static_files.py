"""The form's style sheet, script and icon, under URLs that change with their content."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from litestar import Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from kasir.payment_form.form_requests import FORM_PATH, READ_METHODS

_PACKAGE: Final = files("kasir.payment_form")
_MEDIA_TYPES: Final = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_CACHED_MAX: Final = 64
#: The headers of a file whose URL changes with its content.
CACHED_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}


@route(f"{FORM_PATH}static/{{name:str}}", http_method=READ_METHODS, include_in_schema=False)
async def get_static_file(name: FromPath[str]) -> Response[bytes]:
    """Serve a static file of the form."""
    if not (content := _content(name)):
        raise NotFoundException
    return Response(
        content,
        media_type=_MEDIA_TYPES[name.rpartition(".")[2]],
        headers=CACHED_HEADERS,
    )


@lru_cache(_CACHED_MAX)
def static_path(name: str) -> str:
    """Return a file's path with a digest of its content, so that browsers may cache it forever."""
    return f"{FORM_PATH}static/{name}?v={sha256(_content(name)).hexdigest()[:10]}"


@lru_cache(_CACHED_MAX)
def _content(name: str) -> bytes:
    """Read a file; return empty bytes if it does not exist or has another type."""
    if "/" in name or "\0" in name or name.rpartition(".")[2] not in _MEDIA_TYPES:
        return b""
    file = _PACKAGE / "static" / name
    return file.read_bytes() if file.is_file() else b""

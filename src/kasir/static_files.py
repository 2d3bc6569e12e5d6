"""Static files of a package's pages, under URLs that change with their content."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from litestar import Response
from litestar.exceptions import NotFoundException

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


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """The files in the folder `static` of a package.

    Attributes:
        package: The package's name.
        prefix: The path that they are served below; it ends with a slash.
    """

    package: str
    prefix: str

    def response(self, name: str) -> Response[bytes]:
        """Return a file.

        Raises:
            NotFoundException: There is no such file.
        """
        if not (content := _content(self.package, name)):
            raise NotFoundException
        media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
        return Response(content, media_type=media_type, headers=CACHED_HEADERS)

    def path(self, name: str) -> str:
        """Return a file's path with a digest of its content, so that browsers may cache it."""
        return f"{self.prefix}{name}?v={_digest(self.package, name)}"


@lru_cache(_CACHED_MAX)
def _digest(package: str, name: str) -> str:
    return sha256(_content(package, name)).hexdigest()[:10]


@lru_cache(_CACHED_MAX)
def _content(package: str, name: str) -> bytes:
    """Read a file; return empty bytes if it does not exist or has another type."""
    if "/" in name or "\0" in name or name.rpartition(".")[2] not in _MEDIA_TYPES:
        return b""
    file = files(package) / "static" / name
    return file.read_bytes() if file.is_file() else b""

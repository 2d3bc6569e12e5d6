"""Compares and shows the addresses of webhooks."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

#: The ports that need not be written.
_PORTS: Final = {"http": ":80", "https": ":443"}


def comparable(url: str) -> str:
    """Return a URL in a form in which equal addresses are equal texts."""
    parts = _split(url.strip())
    host = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, " "))
    return parts._replace(netloc=host, path=parts.path.rstrip("/"), fragment="").geturl()


def shown(url: str) -> str:
    """Return a URL of another system without a password or a query, which may be secret."""
    parts = _split(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # A malformed IPv6 address: it is equal to no address of Kasir's.
        return SplitResult("", "", "", "", "")

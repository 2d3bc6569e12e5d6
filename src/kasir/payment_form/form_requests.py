"""Reads a request of a shopper's browser: its path, its query and its form fields."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from litestar import HttpMethod

from kasir.http_types import AnyRequest

#: Every path of the form begins with this prefix.
FORM_PATH: Final = "/pay/"
#: The methods of routes that change nothing.
READ_METHODS: Final = [HttpMethod.GET, HttpMethod.HEAD]

#: A query or a form with more fields is read as empty.
_PAIRS_MAX: Final = 100


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

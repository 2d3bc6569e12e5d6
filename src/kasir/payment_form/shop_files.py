"""The shop's own files on the form: its logo, and the style sheet of its colour."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from litestar import Response, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from kasir.browser_requests import READ_METHODS
from kasir.http_types import AnyRequest, OurParts, accounts_of
from kasir.payment_form.colours import style_sheet
from kasir.payment_form.form_requests import FORM_PATH
from kasir.static_files import CACHED_HEADERS

_COLOUR_FILE: Final = re.compile(r"([0-9a-f]{6})\.css", re.ASCII)
#: An SVG that is opened as a page of its own runs and loads nothing.
_LOGO_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@route(f"{FORM_PATH}colour/{{name:str}}", http_method=READ_METHODS, include_in_schema=False)
async def get_colour(name: FromPath[str]) -> Response[str]:
    """Serve the style sheet of a colour, `rrggbb.css`. Any colour is served: it has no secret."""
    if not (found := _COLOUR_FILE.fullmatch(name)):
        raise NotFoundException
    return Response(style_sheet(found[1]), media_type="text/css", headers=CACHED_HEADERS)


@route(f"{FORM_PATH}logo/{{name:str}}", http_method=READ_METHODS, include_in_schema=False)
async def get_logo(request: AnyRequest, parts: OurParts, name: FromPath[str]) -> Response[bytes]:
    """Serve the logo of any account's KASIR_SHOP_LOGO, if it is a file: a logo has no secret."""
    accounts = accounts_of(request.scope)
    every = accounts.settings() if accounts else [parts.settings]
    files = (settings.identity.logo_file for settings in every)
    logo = next((file for file in files if file and file.name == name), None)
    if logo is None:
        raise NotFoundException
    headers = CACHED_HEADERS | {"Content-Security-Policy": _LOGO_POLICY}
    return Response(logo.content, media_type=logo.media_type, headers=headers)


def colour_path(colour: str) -> str:
    """The path of a colour's style sheet, with a digest of it, so that it is cached forever."""
    digits = colour.removeprefix("#")
    digest = sha256(style_sheet(digits).encode()).hexdigest()[:10]
    return f"{FORM_PATH}colour/{digits}.css?v={digest}"

"""The form's style sheet, script and icon."""

from __future__ import annotations

from typing import Final

from litestar import Response, route
from litestar.params import FromPath

from kasir.browser_requests import READ_METHODS
from kasir.payment_form.form_requests import FORM_PATH
from kasir.static_files import StaticFiles

_FILES: Final = StaticFiles("kasir.payment_form", f"{FORM_PATH}static/")


@route(f"{FORM_PATH}static/{{name:str}}", http_method=READ_METHODS, include_in_schema=False)
async def get_static_file(name: FromPath[str]) -> Response[bytes]:
    """Serve a static file of the form."""
    return _FILES.response(name)


def static_path(name: str) -> str:
    """Return a file's path with a digest of its content, so that browsers may cache it forever."""
    return _FILES.path(name)

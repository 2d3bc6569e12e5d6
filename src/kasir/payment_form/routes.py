"""All routes of the form, for an app to serve."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.payment_form import (
    form,
    payment_status,
    returns,
    saved_methods,
    shop_files,
    static_files,
)

ROUTES: Final[list[HTTPRouteHandler]] = [
    form.get_form,
    form.post_form,
    form.post_payment,
    returns.handle_return,
    payment_status.get_payment,
    payment_status.get_events,
    saved_methods.get_saved,
    saved_methods.post_saved,
    shop_files.get_colour,
    shop_files.get_logo,
    static_files.get_static_file,
]

"""What shoppers have saved, in Adyen's words: Checkout's way and the classic Recurring API's."""

from __future__ import annotations

from typing import Final

from litestar import Response, Router, delete, get, post
from litestar.params import FromPath

from kasir.adyen.calls import VERSIONS
from kasir.http_types import AnyRequest, OurKasir
from kasir.web.checkout_api import version_of
from kasir.web.keys import KEYED, needs_key
from kasir.web.parameters import NONE, refuse_all_but, refuse_unknown
from kasir.web.problems import response

_STORED = [f"/v{version}/storedPaymentMethods" for version in VERSIONS]
_CLASSIC = "/pal/servlet/Recurring/v68"

#: Which shopper of which account, in Adyen's words; `type` is Kasir's own.
_WHOSE: Final = frozenset({"merchantAccount", "shopperReference"})
_TYPE: Final = frozenset({"type"})


@get(_STORED)
async def get_stored_payment_methods(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """List what a shopper has saved; with `type`, only of that payment method."""
    await refuse_all_but(request, _WHOSE | _TYPE)
    return response(await kasir.stored.list(dict(request.query_params), version_of(request)))


@delete([f"{path}/{{stored_id:str}}" for path in _STORED], status_code=200)
async def delete_stored_payment_method(
    request: AnyRequest, stored_id: FromPath[str], kasir: OurKasir
) -> Response[bytes]:
    """Remove one; it can be charged no more."""
    await refuse_all_but(request, _WHOSE)
    asked = dict(request.query_params)
    return response(await kasir.stored.remove(stored_id, asked, version_of(request)))


@post(f"{_CLASSIC}/listRecurringDetails", status_code=200)
async def post_list_recurring_details(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """List a shopper's tokens the classic way; with `?type=`, only of that payment method."""
    refuse_unknown(request, _TYPE)
    wanted = request.query_params.get("type")
    return response(await kasir.stored.list_classic(await request.body(), wanted))


@post(f"{_CLASSIC}/disable", status_code=200)
async def post_disable(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Disable a token the classic way. Beware: without a detail, all of the shopper's."""
    refuse_unknown(request, NONE)
    return response(await kasir.stored.disable_classic(await request.body()))


ROUTES = Router(
    path="/",
    before_request=needs_key,
    security=KEYED,
    tags=["Recurring"],
    route_handlers=[
        get_stored_payment_methods,
        delete_stored_payment_method,
        post_list_recurring_details,
        post_disable,
    ],
)

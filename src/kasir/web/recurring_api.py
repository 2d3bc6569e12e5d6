"""Stored payment methods, by Adyen's Checkout API and by its classic Recurring API."""

from __future__ import annotations

from typing import Final

from litestar import Response, delete, get, post
from litestar.params import FromPath

from kasir.adyen.calls import VERSIONS
from kasir.http_types import AnyRequest, OurParts
from kasir.web.adyen_shapes import (
    ClassicDisableRequest,
    ClassicDisableResponse,
    ClassicListRequest,
    ClassicListResponse,
    StoredMethodsResponse,
)
from kasir.web.checkout_api import version_of
from kasir.web.documented import Documented
from kasir.web.keys import keyed_router
from kasir.web.problems import response
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters, check_parameters_and_no_body

_STORED: Final = [f"/v{version}/storedPaymentMethods" for version in VERSIONS]
_CLASSIC: Final = "/pal/servlet/Recurring/v68"

#: Adyen's parameters that name a shopper. `type` is a parameter of Kasir.
_ACCOUNT_AND_SHOPPER: Final = {
    "merchantAccount": "The shop's merchant account. Kasir adds it if it is absent.",
    "shopperReference": "The shop's own reference of the shopper.",
}
_SHOPPER: Final = frozenset(_ACCOUNT_AND_SHOPPER)
_TYPE: Final = frozenset({"type"})


@get(
    _STORED,
    documented=Documented(
        answer=StoredMethodsResponse,
        adyen="CheckoutService",
        parameters=_ACCOUNT_AND_SHOPPER
        | {"type": "Only those of this payment method: `gopay_wallet`."},
        required=("shopperReference",),
    ),
)
async def get_stored_payment_methods(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """List a shopper's stored payment methods; with `type`, those of one kind."""
    await check_parameters_and_no_body(request, _SHOPPER | _TYPE)
    return response(await parts.stored.list(dict(request.query_params), version_of(request)))


@delete(
    [f"{path}/{{stored_id:str}}" for path in _STORED],
    status_code=200,
    documented=Documented(
        status=204,
        adyen="CheckoutService",
        parameters=_ACCOUNT_AND_SHOPPER,
        required=("shopperReference",),
    ),
)
async def delete_stored_payment_method(
    request: AnyRequest, stored_id: FromPath[str], parts: OurParts
) -> Response[bytes]:
    """Remove a stored payment method, which can then not be charged any more."""
    await check_parameters_and_no_body(request, _SHOPPER)
    query = dict(request.query_params)
    return response(await parts.stored.remove(stored_id, query, version_of(request)))


@post(
    f"{_CLASSIC}/listRecurringDetails",
    status_code=200,
    documented=Documented(
        body=ClassicListRequest,
        answer=ClassicListResponse,
        adyen="RecurringService",
        parameters={"type": "Only those of this payment method."},
    ),
)
async def post_list_recurring_details(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """List a shopper's tokens by the classic API; with `?type=`, those of one payment method."""
    check_parameters(request, _TYPE)
    method = request.query_params.get("type")
    return response(await parts.stored.list_classic(await request.body(), method))


@post(
    f"{_CLASSIC}/disable",
    status_code=200,
    documented=Documented(
        body=ClassicDisableRequest, answer=ClassicDisableResponse, adyen="RecurringService"
    ),
)
async def post_disable(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Disable a token by the classic API; if the body names no token, all of the shopper's."""
    check_parameters(request, NO_PARAMETERS)
    return response(await parts.stored.disable_classic(await request.body()))


ROUTES: Final = keyed_router(
    "Recurring",
    [
        get_stored_payment_methods,
        delete_stored_payment_method,
        post_list_recurring_details,
        post_disable,
    ],
)

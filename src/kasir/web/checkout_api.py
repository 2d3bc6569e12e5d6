"""Adyen's Checkout API for GoPay, under `/v68` to `/v72`: same paths, same JSON, same errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from litestar import Response, get, patch, post
from litestar.params import FromPath

from kasir.adyen.calls import VERSIONS
from kasir.errors import NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.requests.changes import PATHS
from kasir.web.adyen_shapes import (
    CancelRequest,
    CancelResponse,
    ChangeRequest,
    ChangeResponse,
    DetailsRequest,
    LinkPatch,
    LinkRequest,
    LinkResponse,
    MethodsRequest,
    MethodsResponse,
    PaymentRequest,
    PaymentResponse,
)
from kasir.web.documented import Documented
from kasir.web.keys import idempotency_key, keyed_router
from kasir.web.problems import response
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters, check_parameters_and_no_body


def _versioned(path: str) -> list[str]:
    return [f"/v{version}{path}" for version in VERSIONS]


def _call(body: type | None, answer: type, *, once: bool = False) -> Documented:
    """Document a call of Adyen's Checkout API; with `once`, it takes an idempotency key."""
    return Documented(body=body, answer=answer, adyen="CheckoutService", is_idempotent=once)


def version_of(request: AnyRequest) -> int:
    """Return the Checkout version that the request is for."""
    # Not the URL, because it begins with the prefix that Kasir may be mounted below.
    return int(request.scope["path"].split("/")[1].removeprefix("v"))


@post(
    _versioned("/paymentMethods"),
    status_code=200,
    documented=_call(MethodsRequest, MethodsResponse),
)
async def post_payment_methods(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """List the payment methods that Adyen offers; country, currency and account are filled in."""
    check_parameters(request, NO_PARAMETERS)
    return response(await parts.checkout.payment_methods(await request.body(), version_of(request)))


@post(
    _versioned("/payments"),
    status_code=200,
    documented=_call(PaymentRequest, PaymentResponse, once=True),
)
async def post_payments(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Pay with GoPay. The payment is stored before Adyen is called; the answer is Adyen's."""
    check_parameters(request, NO_PARAMETERS)
    key = idempotency_key(request)
    answer, _ = await parts.checkout.payments(await request.body(), version_of(request), key)
    return response(answer, idempotency_key=key)


@post(
    _versioned("/payments/details"),
    status_code=200,
    documented=_call(DetailsRequest, PaymentResponse),
)
async def post_payments_details(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Finish a payment after the redirect. Adyen is called once; repeats get the same answer."""
    check_parameters(request, NO_PARAMETERS)
    return response(
        await parts.checkout.details(await request.body(), version_of(request)),
        idempotency_key=idempotency_key(request),
    )


@post(
    _versioned("/paymentLinks"),
    status_code=201,
    documented=_call(LinkRequest, LinkResponse, once=True),
)
async def post_payment_links(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Create a link to Kasir's hosted payment form."""
    check_parameters(request, NO_PARAMETERS)
    key = idempotency_key(request)
    return response(await parts.links.create(await request.body(), key), idempotency_key=key)


@get(_versioned("/paymentLinks/{link_id:str}"), documented=_call(None, LinkResponse))
async def get_payment_link(
    request: AnyRequest, link_id: FromPath[str], parts: OurParts
) -> Response[bytes]:
    """Return a payment link with its status."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return response(await parts.links.get(link_id))


@patch(_versioned("/paymentLinks/{link_id:str}"), documented=_call(LinkPatch, LinkResponse))
async def patch_payment_link(
    request: AnyRequest, link_id: FromPath[str], parts: OurParts
) -> Response[bytes]:
    """Withdraw a payment link by setting its status to `expired`."""
    check_parameters(request, NO_PARAMETERS)
    return response(await parts.links.update(link_id, await request.body()))


@post(
    _versioned("/payments/{psp_reference:str}/{change:str}"),
    status_code=201,
    documented=replace(
        _call(ChangeRequest, ChangeResponse, once=True), values={"change": tuple(PATHS)}
    ),
)
async def post_payment_change(
    request: AnyRequest, psp_reference: FromPath[str], change: FromPath[str], parts: OurParts
) -> Response[bytes]:
    """Capture, refund, cancel or reverse a payment; a notification brings the outcome."""
    check_parameters(request, NO_PARAMETERS)
    if change not in PATHS:
        raise NotFound("change", change)
    key = idempotency_key(request)
    answer = await parts.changes.ask(
        PATHS[change], psp_reference, await request.body(), version_of(request), key
    )
    return response(answer, idempotency_key=key)


@post(
    _versioned("/cancels"),
    status_code=201,
    documented=_call(CancelRequest, CancelResponse, once=True),
)
async def post_cancels(request: AnyRequest, parts: OurParts) -> Response[bytes]:
    """Cancel a payment by the shop's own reference, while its pspReference is not known."""
    check_parameters(request, NO_PARAMETERS)
    key = idempotency_key(request)
    answer = await parts.changes.cancel_by_reference(await request.body(), version_of(request), key)
    return response(answer, idempotency_key=key)


ROUTES: Final = keyed_router(
    "Checkout",
    [
        post_payment_methods,
        post_payments,
        post_payments_details,
        post_payment_change,
        post_cancels,
        post_payment_links,
        get_payment_link,
        patch_payment_link,
    ],
)

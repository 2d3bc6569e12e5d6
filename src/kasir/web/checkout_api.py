"""Adyen's Checkout API for GoPay, under `/v71` and `/v72`: same paths, same JSON, same errors."""

from __future__ import annotations

from litestar import Response, Router, get, patch, post
from litestar.params import FromPath

from kasir.adyen.calls import VERSIONS
from kasir.errors import NotFound
from kasir.http_types import AnyRequest, OurKasir
from kasir.requests.changes import PATHS
from kasir.web.keys import KEYED, idempotency_key, needs_key
from kasir.web.parameters import NONE, refuse_all_but, refuse_unknown
from kasir.web.problems import response


def _under_versions(path: str) -> list[str]:
    return [f"/v{version}{path}" for version in VERSIONS]


def version_of(request: AnyRequest) -> int:
    """The Checkout version that was called."""
    # The path as routed: where Kasir is mounted below a prefix, the address begins with that.
    return int(request.scope["path"].split("/")[1].removeprefix("v"))


@post(_under_versions("/paymentMethods"), status_code=200)
async def post_payment_methods(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """List the payment methods Adyen offers; country, currency and account are filled in."""
    refuse_unknown(request, NONE)
    return response(await kasir.checkout.payment_methods(await request.body(), version_of(request)))


@post(_under_versions("/payments"), status_code=200)
async def post_payments(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Pay with GoPay. Written down before Adyen is asked; the answer is Adyen's, unchanged."""
    refuse_unknown(request, NONE)
    key = idempotency_key(request)
    answer, _ = await kasir.checkout.payments(await request.body(), version_of(request), key)
    return response(answer, idempotency_key=key)


@post(_under_versions("/payments/details"), status_code=200)
async def post_payments_details(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Finish a payment after the redirect. Asked of Adyen once, answered every time."""
    refuse_unknown(request, NONE)
    return response(
        await kasir.checkout.details(await request.body(), version_of(request)),
        idempotency_key=idempotency_key(request),
    )


@post(_under_versions("/paymentLinks"), status_code=201)
async def post_payment_links(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Make a link to Kasir's own payment form."""
    refuse_unknown(request, NONE)
    key = idempotency_key(request)
    return response(await kasir.links.create(await request.body(), key), idempotency_key=key)


@get(_under_versions("/paymentLinks/{link_id:str}"))
async def get_payment_link(
    request: AnyRequest, link_id: FromPath[str], kasir: OurKasir
) -> Response[bytes]:
    """Show a payment link as it stands."""
    await refuse_all_but(request, NONE)
    return response(await kasir.links.get(link_id))


@patch(_under_versions("/paymentLinks/{link_id:str}"))
async def patch_payment_link(
    request: AnyRequest, link_id: FromPath[str], kasir: OurKasir
) -> Response[bytes]:
    """Withdraw a payment link."""
    refuse_unknown(request, NONE)
    return response(await kasir.links.update(link_id, await request.body()))


@post(_under_versions("/payments/{psp_reference:str}/{change:str}"), status_code=201)
async def post_payment_change(
    request: AnyRequest, psp_reference: FromPath[str], change: FromPath[str], kasir: OurKasir
) -> Response[bytes]:
    """Capture, refund, cancel or reverse a payment; how it ended comes by notification."""
    refuse_unknown(request, NONE)
    if change not in PATHS:
        raise NotFound("change", change)
    key = idempotency_key(request)
    answer = await kasir.changes.ask(
        PATHS[change], psp_reference, await request.body(), version_of(request), key
    )
    return response(answer, idempotency_key=key)


@post(_under_versions("/cancels"), status_code=201)
async def post_cancels(request: AnyRequest, kasir: OurKasir) -> Response[bytes]:
    """Undo a payment by the shop's own reference, where its pspReference is not known yet."""
    refuse_unknown(request, NONE)
    key = idempotency_key(request)
    answer = await kasir.changes.cancel_by_reference(await request.body(), version_of(request), key)
    return response(answer, idempotency_key=key)


ROUTES = Router(
    path="/",
    before_request=needs_key,
    security=KEYED,
    tags=["Checkout"],
    route_handlers=[
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

"""Adyen's Checkout API over HTTP, as far as GoPay needs it."""

from typing import Final

from litestar import Router, post

from adyen_twin import checks, payments
from adyen_twin.checks import Asked
from adyen_twin.exchange import Call, Reply, exchange
from adyen_twin.twin import Twin
from adyen_twin.web import HttpRequest, HttpResponse

VERSIONS: Final = range(68, 73)
#: Live has the extra segment; test has not.
PREFIXES: Final = ("", "/checkout")


def _asked(twin: Twin, call: Call) -> Asked:
    return Asked(body=call.body, version=call.version, knobs=twin.knobs, settings=twin.settings)


def list_methods(twin: Twin, call: Call) -> Reply:
    """Answer /paymentMethods."""
    checks.check(checks.PAYMENT_METHODS, _asked(twin, call))
    return Reply(body={"paymentMethods": payments.listed(twin, call.body)})


def pay(twin: Twin, call: Call) -> Reply:
    """Answer /payments with a redirect to the wallet.

    The body bears no pspReference, as Adyen's schema says of redirects. GUESS: the
    header's is the offer's, and not yet the payment's own.
    """
    checks.check(checks.PAYMENTS, _asked(twin, call))
    payment = payments.offer(twin, call.body)
    return Reply(
        body={
            "resultCode": "RedirectShopper",
            "action": payments.action(payment, call.public_url),
        },
        psp_reference=payment.offer_reference,
    )


def tell_details(twin: Twin, call: Call) -> Reply:
    """Answer /payments/details with what became of the payment."""
    payment, body = payments.details(twin, checks.redirect_result(call.body))
    return Reply(body=body, psp_reference=payment.psp_reference)


@post("/paymentMethods", status_code=200)
async def post_payment_methods(request: HttpRequest) -> HttpResponse:
    """List the methods on offer."""
    return await exchange(request, list_methods)


@post("/payments", status_code=200)
async def post_payments(request: HttpRequest) -> HttpResponse:
    """Start a payment."""
    return await exchange(request, pay)


@post("/payments/details", status_code=200)
async def post_details(request: HttpRequest) -> HttpResponse:
    """Finish a payment."""
    return await exchange(request, tell_details)


def routers() -> list[Router]:
    """Return the API under each version, as test and as live have it."""
    handlers = [post_payment_methods, post_payments, post_details]
    return [
        Router(f"{prefix}/v{version}", route_handlers=handlers, opt={"version": version})
        for prefix in PREFIXES
        for version in VERSIONS
    ]

"""Adyen's Checkout API over HTTP, as far as GoPay needs it."""

from typing import Any, Final

from litestar import Router, post
from litestar.exceptions import NotFoundException

from adyen_twin.api import recurring
from adyen_twin.api.exchange import Call, Operation, Reply, exchange
from adyen_twin.api.http import HttpRequest, HttpResponse
from adyen_twin.core import faults
from adyen_twin.core.state import Kind, Payment
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import change_checks, payment_checks
from adyen_twin.protocol.limits import GOPAY
from adyen_twin.protocol.rules import Asked, Rule, check
from adyen_twin.simulation import charges, modifications, payments, tokens

VERSIONS: Final = range(68, 73)
#: Live has the extra segment; test has not.
PREFIXES: Final = ("", "/checkout")
#: What may be done to a payment: the last word of the path, and what it is.
KINDS: Final[dict[str, Kind]] = {
    "captures": Kind.CAPTURE,
    "refunds": Kind.REFUND,
    "cancels": Kind.CANCEL,
    "reversals": Kind.REVERSAL,
}


def list_methods(twin: Twin, call: Call) -> Reply:
    """Answer /paymentMethods."""
    _check(payment_checks.PAYMENT_METHODS, twin, call)
    body: dict[str, Any] = {"paymentMethods": payments.listed(twin, call.body)}
    if stored := _stored(twin, call):
        body["storedPaymentMethods"] = stored
    return Reply(body=body)


def _stored(twin: Twin, call: Call) -> list[dict[str, Any]]:
    """Return the shopper's tokens, where GoPay itself is on offer."""
    if not any(row["type"] == GOPAY for row in payments.listed(twin, call.body)):
        return []
    account, shopper = call.body["merchantAccount"], call.body.get("shopperReference")
    return [recurring.row(twin, token) for token in tokens.of_shopper(twin, account, shopper)]


def pay(twin: Twin, call: Call) -> Reply:
    """Answer /payments: a redirect to the wallet, or the result of a Subscription charge.

    A redirect's body bears no pspReference, as Adyen's schema says of redirects. GUESS: the
    header's is the offer's, and not yet the payment's own.
    """
    _check(payment_checks.PAYMENTS, twin, call)
    name = charges.token_named(call.body)
    if name is None:
        return _redirect(twin, payments.offer(twin, call.body), call)
    payment = charges.start(twin, call.body, charges.chargeable(twin, call.body, name))
    if call.body["recurringProcessingModel"] == "CardOnFile":
        return _redirect(twin, payment, call)
    return Reply(body=charges.answer(twin, payment), psp_reference=payment.psp_reference)


def _redirect(twin: Twin, payment: Payment, call: Call) -> Reply:
    return Reply(
        body={
            "resultCode": "RedirectShopper",
            "action": payments.action(payment, call.public_url, app=twin.knobs.action_url == "app"),
        },
        psp_reference=payment.offer_reference,
    )


def tell_details(twin: Twin, call: Call) -> Reply:
    """Answer /payments/details with what became of the payment."""
    payment, body = payments.details(twin, payment_checks.redirect_result(call.body))
    lie = faults.strike(
        twin.state.faults, faults.DetailsSay, what="details", reference=payment.reference
    )
    if lie is not None:
        body = {**body, "resultCode": lie.result_code}
    return Reply(body=body, psp_reference=payment.psp_reference)


def modify(twin: Twin, call: Call) -> Reply:
    """Answer a capture, refund, cancel or reversal: received, the outcome comes later."""
    kind = KINDS[call.path["modification"]]
    _check(change_checks.MODIFICATIONS[kind], twin, call)
    payment = modifications.paid(twin, call.path["paymentPspReference"])
    asked = modifications.ask(twin, payment, kind, call.body)
    said = _received(call, asked.psp_reference)
    said["paymentPspReference"] = payment.psp_reference
    return Reply(body=said, status=201, psp_reference=asked.psp_reference)


def cancel_by_reference(twin: Twin, call: Call) -> Reply:
    """Answer a cancel by the shop's own reference."""
    _check(change_checks.CANCELS, twin, call)
    psp_reference = modifications.cancel_by_reference(twin, call.body)
    said = _received(call, psp_reference)
    said["paymentReference"] = call.body["paymentReference"]
    return Reply(body=said, status=201, psp_reference=psp_reference)


def _received(call: Call, psp_reference: str) -> dict[str, Any]:
    echoed = ("amount", "lineItems", "merchantAccount", "merchantRefundReason", "reference")
    said = {name: call.body[name] for name in echoed if call.body.get(name) is not None}
    return said | {"pspReference": psp_reference, "status": "received"}


def _check(rules: tuple[Rule, ...], twin: Twin, call: Call) -> None:
    asked = Asked(body=call.body, version=call.version, knobs=twin.knobs, settings=twin.settings)
    check(rules, asked)


def _said(name: str) -> Any:
    def about(_: Twin, call: Call) -> str | None:
        said = call.body.get(name)
        return said if isinstance(said, str) else None

    return about


def _of_details(twin: Twin, call: Call) -> str | None:
    said = call.body.get("details")
    result = said.get("redirectResult") if isinstance(said, dict) else None
    payment = twin.memory.payment(result) if isinstance(result, str) else None
    return payment.reference if payment else None


def _of_payment(twin: Twin, call: Call) -> str | None:
    payment = twin.memory.payment(call.path["paymentPspReference"])
    return payment.reference if payment else None


METHODS: Final = Operation(name="paymentMethods", act=list_methods, about=_said("reference"))
PAY: Final = Operation(name="payments", act=pay, about=_said("reference"))
DETAILS: Final = Operation(name="details", act=tell_details, about=_of_details)
CANCELS: Final = Operation(name="cancels", act=cancel_by_reference, about=_said("paymentReference"))
MODIFY: Final[dict[str, Operation]] = {
    "captures": Operation(name="captures", act=modify, about=_of_payment),
    "refunds": Operation(name="refunds", act=modify, about=_of_payment),
    "cancels": Operation(name="cancels", act=modify, about=_of_payment),
    "reversals": Operation(name="reversals", act=modify, about=_of_payment),
}


@post("/paymentMethods", status_code=200)
async def post_payment_methods(request: HttpRequest) -> HttpResponse:
    """List the methods on offer."""
    return await exchange(request, METHODS)


@post("/payments", status_code=200)
async def post_payments(request: HttpRequest) -> HttpResponse:
    """Start a payment."""
    return await exchange(request, PAY)


@post("/payments/details", status_code=200)
async def post_details(request: HttpRequest) -> HttpResponse:
    """Finish a payment."""
    return await exchange(request, DETAILS)


@post("/payments/{paymentPspReference:str}/{modification:str}", status_code=201)
async def post_modification(request: HttpRequest) -> HttpResponse:
    """Change a payment."""
    operation = MODIFY.get(request.path_part("modification"))
    if operation is None:
        raise NotFoundException
    return await exchange(request, operation)


@post("/cancels", status_code=201)
async def post_cancels(request: HttpRequest) -> HttpResponse:
    """Cancel a payment by the shop's own reference."""
    return await exchange(request, CANCELS)


def routers() -> list[Router]:
    """Return the API under each version, as test and as live have it."""
    handlers = [
        post_payment_methods,
        post_payments,
        post_details,
        post_modification,
        post_cancels,
        recurring.get_stored,
        recurring.delete_stored,
    ]
    return [
        Router(f"{prefix}/v{version}", route_handlers=handlers, opt={"version": version})
        for prefix in PREFIXES
        for version in VERSIONS
    ]

"""The operations of Adyen's Checkout API that GoPay needs, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar import Router, post
from litestar.exceptions import NotFoundException

from adyen_twin.api import recurring
from adyen_twin.api.exchange import Call, Operation, Reply, check, exchange, require_role
from adyen_twin.core import faults, roles
from adyen_twin.core.state import Kind, Payment
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import HttpRequest, HttpResponse
from adyen_twin.protocol import change_checks, payment_checks
from adyen_twin.protocol.limits import GOPAY
from adyen_twin.simulation import charges, modifications, payments, tokens

#: The versions of the Checkout API that the twin serves.
VERSIONS: Final = range(68, 73)
#: The part of a path before the version: empty in Adyen's test addresses, `/checkout` in live ones.
PREFIXES: Final = ("", "/checkout")
#: The last part of a modification's path -> its kind.
KINDS: Final[dict[str, Kind]] = {
    "captures": Kind.CAPTURE,
    "refunds": Kind.REFUND,
    "cancels": Kind.CANCEL,
    "reversals": Kind.REVERSAL,
}


def list_methods(twin: Twin, call: Call) -> Reply:
    """Answer /paymentMethods."""
    check(payment_checks.PAYMENT_METHODS, twin, call)
    body: dict[str, Any] = {"paymentMethods": payments.methods(twin, call.body)}
    if stored_methods := _stored_methods(twin, call):
        body["storedPaymentMethods"] = stored_methods
    return Reply(body=body)


def _stored_methods(twin: Twin, call: Call) -> list[dict[str, Any]]:
    """Return the shopper's tokens as rows of the answer; none if GoPay is not listed."""
    if not any(row["type"] == GOPAY for row in payments.methods(twin, call.body)):
        return []
    account, shopper = call.body["merchantAccount"], call.body.get("shopperReference")
    return [recurring.row(twin, token) for token in tokens.of_shopper(twin, account, shopper)]


def pay(twin: Twin, call: Call) -> Reply:
    """Answer /payments: a redirect to the wallet, or the result of a Subscription charge.

    The body of a redirect has no pspReference, as in Adyen's schema. GUESS: the header
    has the pspReference of the offer (see `Payment`), not that of the payment.
    """
    check(payment_checks.PAYMENTS, twin, call)
    token_id = payment_checks.stored_token(call.body["paymentMethod"])
    if token_id is not None or payment_checks.saves_token(call.body):
        require_role(twin, roles.RECURRING)
    if token_id is None:
        return _redirect(twin, payments.start(twin, call.body), call)
    payment = charges.start(twin, call.body, charges.chargeable(twin, call.body, token_id))
    if call.body["recurringProcessingModel"] == "CardOnFile":
        return _redirect(twin, payment, call)
    return Reply(body=charges.reply_body(twin, payment), psp_reference=payment.psp_reference)


def _redirect(twin: Twin, payment: Payment, call: Call) -> Reply:
    return Reply(
        body={
            "resultCode": "RedirectShopper",
            "action": payments.action(payment, call.public_url, app=twin.knobs.action_url == "app"),
        },
        psp_reference=payment.offer_reference,
    )


def details(twin: Twin, call: Call) -> Reply:
    """Answer /payments/details: the result of the payment."""
    payment, body = payments.details(twin, payment_checks.redirect_result(call.body))
    fault = faults.triggered(
        twin.state.faults, faults.DetailsResult, target="details", reference=payment.reference
    )
    if fault is not None:
        body = {**body, "resultCode": fault.result_code}
    return Reply(body=body, psp_reference=payment.psp_reference)


def modify(twin: Twin, call: Call) -> Reply:
    """Answer a capture, refund, cancel or reversal with `received`; a webhook has the outcome."""
    name = call.path["modification"]
    check(change_checks.MODIFICATIONS[name], twin, call)
    account, psp_reference = call.body["merchantAccount"], call.path["paymentPspReference"]
    payment = modifications.find_payment(twin, account, psp_reference)
    modification = modifications.receive(twin, payment, KINDS[name], call.body)
    body = _received_body(call, modification.psp_reference)
    body["paymentPspReference"] = payment.psp_reference
    return Reply(body=body, status=201, psp_reference=modification.psp_reference)


def cancel_by_reference(twin: Twin, call: Call) -> Reply:
    """Answer /cancels, which cancels by the shop's own reference."""
    check(change_checks.CANCELS_BY_REFERENCE, twin, call)
    psp_reference = modifications.cancel_by_reference(twin, call.body)
    body = _received_body(call, psp_reference)
    body["paymentReference"] = call.body["paymentReference"]
    return Reply(body=body, status=201, psp_reference=psp_reference)


def _received_body(call: Call, psp_reference: str) -> dict[str, Any]:
    echoed_fields = ("amount", "lineItems", "merchantAccount", "merchantRefundReason", "reference")
    fields = {name: call.body[name] for name in echoed_fields if call.body.get(name) is not None}
    return fields | {"pspReference": psp_reference, "status": "received"}


def _reference_in(name: str) -> Callable[[Twin, Call], str | None]:
    """Return a function that returns this field of a call, or None if the field is not text."""

    def reference_of(_: Twin, call: Call) -> str | None:
        reference = call.body.get(name)
        return reference if isinstance(reference, str) else None

    return reference_of


def _reference_of_details(twin: Twin, call: Call) -> str | None:
    details = call.body.get("details")
    result = details.get("redirectResult") if isinstance(details, dict) else None
    payment = twin.memory.payment(result) if isinstance(result, str) else None
    return payment.reference if payment else None


def _reference_of_payment(twin: Twin, call: Call) -> str | None:
    payment = twin.memory.payment(call.path["paymentPspReference"])
    return payment.reference if payment else None


LIST_METHODS: Final = Operation(
    name="paymentMethods", run=list_methods, reference=_reference_in("reference")
)
PAY: Final = Operation(name="payments", run=pay, reference=_reference_in("reference"))
DETAILS: Final = Operation(name="details", run=details, reference=_reference_of_details)
CANCEL_BY_REFERENCE: Final = Operation(
    name="cancels", run=cancel_by_reference, reference=_reference_in("paymentReference")
)
#: The last part of a modification's path -> its operation.
MODIFY: Final[dict[str, Operation]] = {
    "captures": Operation(name="captures", run=modify, reference=_reference_of_payment),
    "refunds": Operation(name="refunds", run=modify, reference=_reference_of_payment),
    "cancels": Operation(name="cancels", run=modify, reference=_reference_of_payment),
    "reversals": Operation(name="reversals", run=modify, reference=_reference_of_payment),
}


@post("/paymentMethods", status_code=200)
async def post_payment_methods(request: HttpRequest) -> HttpResponse:
    """List the available payment methods."""
    return await exchange(request, LIST_METHODS)


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
    """Modify a payment."""
    operation = MODIFY.get(request.path_part("modification"))
    if operation is None:
        raise NotFoundException
    return await exchange(request, operation)


@post("/cancels", status_code=201)
async def post_cancels(request: HttpRequest) -> HttpResponse:
    """Cancel a payment by the shop's own reference."""
    return await exchange(request, CANCEL_BY_REFERENCE)


def routers() -> list[Router]:
    """Return the API under each version and prefix."""
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

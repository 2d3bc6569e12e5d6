"""The shopper's return from the wallet: asks Adyen for the result, then shows the status.

The return only makes the outcome known sooner. If the call to Adyen fails, the notification brings
the outcome.
"""

from __future__ import annotations

from http import HTTPStatus

import structlog
from litestar import HttpMethod, route
from litestar.params import FromPath

from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import ResultCode
from kasir.browser_requests import READ_METHODS, client_key, posted_fields, query_fields
from kasir.errors import KasirError
from kasir.http_types import AnyRequest, OurParts
from kasir.ids import PaymentId
from kasir.payment_form.link_lookup import find_payment
from kasir.payment_form.pages import Page
from kasir.payment_form.rate_limits import visitor_limits
from kasir.payments.facts import returned
from kasir.wiring import Parts

_log = structlog.get_logger("kasir.web")


@route(
    "/pay/{link_id:str}/return/{payment_id:str}",
    http_method=[*READ_METHODS, HttpMethod.POST],
    status_code=200,
    include_in_schema=False,
)
async def handle_return(
    request: AnyRequest, parts: OurParts, link_id: FromPath[str], payment_id: FromPath[str]
) -> Page:
    """Read the `redirectResult` of a GET or POST, and redirect to the payment's status."""
    visit, _, payment = await find_payment(request, parts, link_id, payment_id)
    fields = query_fields(request)
    if request.method == "POST":
        fields |= await posted_fields(request)
    result = fields.get("redirectResult", "")
    if result and request.method != "HEAD":
        await _ask_result(request, parts, result, payment.intent.id)
    return visit.redirect(visit.url(link_id, "payments", payment.intent.id))


async def _ask_result(
    request: AnyRequest, parts: Parts, result: str, payment_id: PaymentId
) -> None:
    """Ask Adyen for the result, unless too many results were unknown. Failures are only logged.

    Anybody can invent results, and each one costs a call to Adyen and a row in the database. After
    several unknown results Adyen is not called for a while; the notification brings the outcome.
    """
    limits, address, now = visitor_limits(request), client_key(request), parts.clock.now()
    if not limits.returns_by_address.allow(address, now):
        return
    if not limits.returns_by_payment.allow(payment_id, now):
        return
    if await _is_known(parts, result, payment_id):
        limits.returns_by_address.uncount(address)
        limits.returns_by_payment.uncount(payment_id)
    elif limits.returns_by_payment.is_exhausted(payment_id):
        _log.warning("too many returns with unknown results", payment=payment_id)


async def _is_known(parts: Parts, result: str, payment_id: PaymentId) -> bool:
    """Ask Adyen for the result; return whether Adyen knows it.

    The result may be another payment's, so the answer is recorded for the payment that owns it. For
    this payment only the shopper's return is recorded; its page waits for the notification.
    """
    try:
        answer = await parts.checkout.finish({"details": {"redirectResult": result}}, OWN_VERSION)
    except KasirError as error:
        _log.warning("return without details", payment=payment_id, why=str(error))
        return False
    if answer.status != HTTPStatus.OK:
        return False
    await parts.payments.add_facts(payment_id, [returned(parts.clock.now())])
    # Kasir itself answers with this code if Adyen does not answer.
    return answer.json().get("resultCode") != ResultCode.RECEIVED

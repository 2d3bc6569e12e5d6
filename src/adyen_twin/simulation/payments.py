"""A payment at Adyen: the offer, the wallet's decision, and the answer to /payments/details.

An offer is a payment that the shopper has neither approved nor cancelled yet.

Sources: Adyen's OpenAPI file of Checkout, Adyen's docs on redirects, answers that plugins
recorded. A behaviour that could not be established is marked GUESS, or is a knob.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from adyen_twin.core import clock, faults, names
from adyen_twin.core.books import Record
from adyen_twin.core.state import Amount, Payment, Refusal, Status
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors, payment_checks, rules
from adyen_twin.protocol.limits import COUNTRY, CURRENCY, GOPAY
from adyen_twin.settlement import journal
from adyen_twin.simulation import modifications, tokens, wallets
from adyen_twin.webhooks import payment_notifications

DAY_S: Final = 24 * 3600

REFUSED: Final = Refusal("Refused", "2")
SHOPPER_CANCELLED: Final = Refusal("Shopper Cancelled", "16")
PIN_TRIES_EXCEEDED: Final = Refusal("Pin tries exceeded", "18")

#: The status of a payment -> the resultCode of /payments/details.
RESULT_CODES: Final = {
    Status.AUTHORISED: "Authorised",
    Status.REFUSED: "Refused",
    Status.CANCELLED: "Cancelled",
    # GUESS: the result for a shopper who returns from an expired page.
    Status.EXPIRED: "Cancelled",
}

#: The address of the app. GUESS, from other providers' pages.
APP_PAGE: Final = "gojek://gopay/merchanttransfer"


@dataclass(frozen=True, kw_only=True)
class ShopperReturn:
    """The request with which the shopper's browser returns to the shop."""

    #: The returnUrl with redirectResult in its query.
    location: str
    #: "GET" or "POST".
    method: str
    #: For a POST: the address and the fields of the form.
    url: str
    fields: dict[str, str]


def methods(twin: Twin, body: rules.Body) -> list[dict[str, str]]:
    """Return the payment methods for this country, currency, amount and channel.

    In Adyen's published example a request with nothing but merchantAccount lists GoPay, so a
    missing field excludes nothing. Adyen's page on GoPay names a country, an amount and a channel;
    the knob `listingNeeds` requires them.
    """
    if not _gopay_is_available(twin, body):
        return []
    rows = [{"name": "GoPay Wallet", "type": GOPAY}]
    rows += [{"name": kind, "type": kind} for kind in twin.knobs.also_listed]
    blocked = body.get("blockedPaymentMethods") or []
    allowed = body.get("allowedPaymentMethods") or [row["type"] for row in rows]
    return [row for row in rows if row["type"] in allowed and row["type"] not in blocked]


def _gopay_is_available(twin: Twin, body: rules.Body) -> bool:
    knobs, amount = twin.knobs, body.get("amount")
    return (
        all(body.get(name) is not None for name in knobs.listing_needs)
        and body.get("countryCode") in (None, COUNTRY)
        and (
            amount is None
            or (
                amount["currency"] == CURRENCY
                and knobs.amount_min <= amount["value"] <= knobs.amount_max
            )
        )
    )


def start(twin: Twin, body: rules.Body) -> Payment:
    """Create a payment that waits for the shopper's decision.

    Raises:
        AdyenError: The sessionValidity is not a moment in the future.

    """
    payment = create(twin, body)
    await_shopper(twin, payment)
    return payment


def await_shopper(twin: Twin, payment: Payment) -> None:
    """Schedule the expiry of the offer; it has no effect after a decision."""
    twin.schedule("expire_payment", payment.expires_at, psp_reference=payment.psp_reference)


def create(twin: Twin, body: rules.Body) -> Payment:
    """Create a payment, and schedule nothing."""
    now = twin.now()
    post_requested = body.get("redirectToIssuerMethod") == "POST"
    redirect_by_post = post_requested or twin.knobs.action_url == "post"
    payment = Payment(
        psp_reference=names.psp_reference(),
        offer_reference=names.psp_reference(),
        merchant_account=body["merchantAccount"],
        reference=body["reference"],
        amount=Amount(body["amount"]["currency"], body["amount"]["value"]),
        return_url=body.get("returnUrl") or "",
        comes_back=bool(body.get("returnUrl")),
        created_at=now,
        expires_at=_expires_at(twin, body, now),
        metadata=dict(body.get("metadata") or {}),
        redirect_data=names.redirect_data(),
        page_key=names.page_key(),
        # The value only has to be random, as a page key is.
        form_proof=names.page_key() if redirect_by_post else None,
        return_by_post=body.get("redirectFromIssuerMethod") == "POST",
        redirect_result=names.redirect_result(),
        shopper_reference=body.get("shopperReference"),
        saves_for=body.get("recurringProcessingModel")
        if payment_checks.saves_token(body)
        else None,
    )
    twin.memory.add(payment)
    return payment


def _expires_at(twin: Twin, body: rules.Body, now: float) -> float:
    """Return when the offer expires: after `paymentExpiryS`, or at an earlier sessionValidity."""
    end = now + twin.knobs.payment_expiry_s
    validity = body.get("sessionValidity")
    if validity is None:
        return end
    try:
        requested = clock.parse(validity)
    except ValueError:
        raise errors.invalid("sessionValidity") from None
    if requested <= now:
        raise errors.invalid("sessionValidity")  # GUESS: that a moment in the past is refused.
    return min(end, requested)


def action(payment: Payment, public_url: str, *, app: bool = False) -> dict[str, Any]:
    """Return the `action` of the answer: a redirect to the wallet's page, or to its app."""
    page = APP_PAGE if app else f"{public_url}/checkoutshopper/checkoutPaymentRedirect"
    redirect: dict[str, Any] = {
        "type": "redirect",
        "paymentMethodType": GOPAY,
        "method": "GET",
        "url": f"{page}?redirectData={quote(payment.redirect_data, safe='')}",
    }
    if payment.form_proof is not None:
        # The address is not enough to open the page: the form must also have this field.
        redirect |= {"method": "POST", "data": {"payload": payment.form_proof}}
    return redirect


def decide(twin: Twin, payment: Payment, status: Status, refusal: Refusal | None = None) -> None:
    """Record the decision about a payment, and notify the shop."""
    payment.status = status
    payment.refusal = refusal
    is_authorised = status is Status.AUTHORISED
    journal.decided(twin, payment, Record.AUTHORISED if is_authorised else Record.REFUSED)
    if is_authorised:
        _authorise(twin, payment)
    else:
        payment_notifications.authorisation(twin, payment)


def decide_by_wallet(twin: Twin, payment: Payment) -> None:
    """Decide an approved payment: the wallet pays or refuses."""
    wallet = wallets.of_payment(twin, payment)
    payment.wallet_account = wallet.account
    refusal = wallets.refusal(twin, wallet, payment)
    status = Status.AUTHORISED if refusal is None else Status.REFUSED
    decide(twin, payment, status, refusal)
    wallets.draw(twin, payment, modifications.owed(payment))


def _authorise(twin: Twin, payment: Payment) -> None:
    """Capture the payment or schedule its expiry, save its token, and send the webhooks."""
    if twin.knobs.capture == "automatic":
        modifications.capture_automatically(twin, payment)
    else:
        due_at = twin.now() + twin.knobs.authorisation_days * DAY_S
        twin.schedule("expire_authorisation", due_at, psp_reference=payment.psp_reference)
    tokens.save(twin, payment)
    if payment.saved_as is not None and twin.knobs.tokens_sent != "never":
        _send_saved_token(twin, payment)
    false_then_true = _triggered(twin, payment, faults.FalseThenTrue)
    if false_then_true is not None:
        payment_notifications.earlier_refusal(
            twin, payment, same_psp_reference=false_then_true.same_psp_reference
        )
        _send_later(twin, payment, "tell_authorisation", false_then_true.seconds)
    else:
        payment_notifications.authorisation(twin, payment)
    if true_then_false := _triggered(twin, payment, faults.TrueThenFalse):
        _send_later(
            twin,
            payment,
            "tell_earlier_refusal",
            true_then_false.seconds,
            same_psp_reference=true_then_false.same_psp_reference,
        )
    if offer_closed := _triggered(twin, payment, faults.OfferClosedAfterPaid):
        _send_later(twin, payment, "tell_offer_closed", offer_closed.seconds)


def _send_saved_token(twin: Twin, payment: Payment) -> None:
    psp_reference = payment.psp_reference
    if twin.knobs.tokens_sent == "before":
        tokens.send_saved(twin, psp_reference=psp_reference)
    else:
        due_at = twin.now() + twin.knobs.settlement_s
        twin.schedule(
            "tell_token", due_at, reference=payment.reference, psp_reference=psp_reference
        )


def _triggered(twin: Twin, payment: Payment, kind: type[faults.AnyKind]) -> faults.AnyKind | None:
    return faults.triggered(
        twin.state.faults, kind, target="authorisation", reference=payment.reference
    )


def _send_later(twin: Twin, payment: Payment, kind: str, seconds: float, **more: bool) -> None:
    twin.schedule(
        kind,
        twin.now() + seconds,
        reference=payment.reference,
        psp_reference=payment.psp_reference,
        **more,
    )


def send_authorisation(twin: Twin, *, psp_reference: str) -> None:
    """Send an AUTHORISATION that a fault delayed."""
    if payment := twin.memory.payment(psp_reference):
        payment_notifications.authorisation(twin, payment)


def send_earlier_refusal(twin: Twin, *, psp_reference: str, same_psp_reference: bool) -> None:
    """Notify the shop of a refused earlier attempt, as a fault requires."""
    if payment := twin.memory.payment(psp_reference):
        payment_notifications.earlier_refusal(twin, payment, same_psp_reference=same_psp_reference)


def send_offer_closed(twin: Twin, *, psp_reference: str) -> None:
    """Notify the shop that a paid offer closed, as a fault requires."""
    if payment := twin.memory.payment(psp_reference):
        payment_notifications.offer_closed(twin, payment)


def expire_when_due(twin: Twin, *, psp_reference: str) -> None:
    """Expire an offer, unless it is decided."""
    if payment := twin.memory.payment(psp_reference):
        expire(twin, payment)


def expire(twin: Twin, payment: Payment) -> None:
    """Expire an offer, and notify the shop; a decided payment does not change."""
    if payment.status is not Status.AWAITING:
        return
    payment.status = Status.EXPIRED
    payment_notifications.offer_closed(twin, payment)


def shopper_return(twin: Twin, payment: Payment) -> ShopperReturn:
    """Return the request of the shopper's return, which keeps the query of the returnUrl."""
    separator = "&&" if twin.knobs.return_double_ampersand else "&"
    parts = urlsplit(payment.return_url)
    result = f"redirectResult={quote(payment.redirect_result, safe='')}"
    query = f"{parts.query}{separator}{result}" if parts.query else result
    return ShopperReturn(
        location=urlunsplit(parts._replace(query=query)),
        method="POST" if payment.return_by_post else "GET",
        url=payment.return_url,
        fields={"redirectResult": payment.redirect_result},
    )


def details(twin: Twin, redirect_result: str) -> tuple[Payment, dict[str, Any]]:
    """Return the payment of a redirectResult, and the answer to /payments/details.

    Raises:
        AdyenError: The redirectResult is unknown, or its payment is not decided yet. Error
            704: the redirectResult was used before, and the knob `detailsRepeat` is `refuse`.

    """
    payment = twin.memory.payment(redirect_result)
    if payment is None or payment.redirect_result != redirect_result:
        raise errors.invalid_payload()
    if payment.status is Status.AWAITING:
        raise errors.invalid_payload()  # The shopper cannot have this redirectResult yet.
    if payment.details_asked and twin.knobs.details_repeat == "refuse":
        raise errors.in_progress(422, payment.psp_reference)
    payment.details_asked = True
    return payment, _details_body(twin, payment)


def _details_body(twin: Twin, payment: Payment) -> dict[str, Any]:
    body: dict[str, Any] = {
        "pspReference": payment.psp_reference,
        "resultCode": RESULT_CODES[payment.status],
        **_optional_fields(twin, payment),
    }
    if payment.status is Status.AUTHORISED:
        additional_data = payment_notifications.tokenization(twin, payment)
        return body | ({"additionalData": additional_data} if additional_data else {})
    return body | _refusal_fields(twin, payment)


def _optional_fields(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return the reference, amount and method, if the knob `detailsReference` enables them."""
    if twin.knobs.details_reference == "absent":
        return {}
    fields: dict[str, Any] = {
        "merchantReference": payment.reference,
        "amount": {"currency": payment.amount.currency, "value": payment.amount.value},
    }
    if payment.status is Status.AUTHORISED:
        fields["paymentMethod"] = {"type": GOPAY}
    return fields


def _refusal_fields(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return the reason and code of a refusal, as the knob `refusalReasons` requires."""
    if twin.knobs.refusal_reasons == "recorded":
        reason = RESULT_CODES[payment.status].upper()
        return {"refusalReason": reason, "refusalReasonCode": "0"}
    refusal = payment.refusal or SHOPPER_CANCELLED
    return {"refusalReason": refusal.reason, "refusalReasonCode": refusal.code}

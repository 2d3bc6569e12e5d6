"""A payment's life at Adyen: it is offered, decided at the wallet, and asked about once.

Sources: Adyen's OpenAPI file of Checkout, its docs on redirects, recorded answers of
plugins. What nobody could establish bears GUESS and has a knob where it matters.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from adyen_twin.core import clock, faults, names
from adyen_twin.core.state import Amount, Payment, Refusal, Status
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors, payment_checks, rules
from adyen_twin.protocol.limits import COUNTRY, CURRENCY, GOPAY
from adyen_twin.simulation import modifications, tokens
from adyen_twin.webhooks import payment_notifications

DAY_S: Final = 24 * 3600

REFUSED: Final = Refusal("Refused", "2")
SHOPPER_CANCELLED: Final = Refusal("Shopper Cancelled", "16")
PIN_TRIES_EXCEEDED: Final = Refusal("Pin tries exceeded", "18")

#: What /payments/details says of each way a payment can stand once the shopper is back.
RESULT_CODES: Final = {
    Status.AUTHORISED: "Authorised",
    Status.REFUSED: "Refused",
    Status.CANCELLED: "Cancelled",
    # GUESS: a shopper who comes back from an expired page has cancelled.
    Status.EXPIRED: "Cancelled",
}


#: GUESS, from other providers' pages: what an address of the app looks like.
APP_PAGE: Final = "gojek://gopay/merchanttransfer"


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """How the shopper's browser returns to the shop."""

    #: The shop's own address, with redirectResult in it.
    location: str
    method: str
    #: For a POST: where the form goes and what it holds.
    url: str
    fields: dict[str, str]


def listed(twin: Twin, body: rules.Body) -> list[dict[str, str]]:
    """Return the methods on offer for this country, currency, amount and channel.

    GoPay's page names all four; lenient, the twin wants only country and currency.
    """
    if not _gopay_fits(twin, body):
        return []
    rows = [{"name": "GoPay Wallet", "type": GOPAY}]
    rows += [{"name": kind, "type": kind} for kind in twin.knobs.also_listed]
    blocked = body.get("blockedPaymentMethods") or []
    allowed = body.get("allowedPaymentMethods") or [row["type"] for row in rows]
    return [row for row in rows if row["type"] in allowed and row["type"] not in blocked]


def _gopay_fits(twin: Twin, body: rules.Body) -> bool:
    amount = body.get("amount") or {}
    value = amount.get("value")
    return (
        body.get("countryCode") == COUNTRY
        and amount.get("currency") == CURRENCY
        and value is not None
        and twin.knobs.amount_min <= value <= twin.knobs.amount_max
        and (body.get("channel") is not None or not twin.knobs.strict)
    )


def offer(twin: Twin, body: rules.Body) -> Payment:
    """Make a payment that waits for the shopper at the wallet."""
    payment = made(twin, body)
    wait_for_shopper(twin, payment)
    return payment


def wait_for_shopper(twin: Twin, payment: Payment) -> None:
    """Keep an offer open, for as long as it is."""
    twin.later("expire_payment", payment.expires_at, psp_reference=payment.psp_reference)


def made(twin: Twin, body: rules.Body) -> Payment:
    """Make a payment, undecided."""
    now = twin.now()
    asked_by_post = body.get("redirectToIssuerMethod") == "POST"
    to_wallet_by_post = asked_by_post or twin.knobs.action_url == "post"
    payment = Payment(
        psp_reference=names.psp_reference(),
        offer_reference=names.psp_reference(),
        merchant_account=body["merchantAccount"],
        reference=body["reference"],
        amount=Amount(body["amount"]["currency"], body["amount"]["value"]),
        return_url=body["returnUrl"],
        created_at=now,
        expires_at=_end_of(twin, body, now),
        metadata=dict(body.get("metadata") or {}),
        channel=body.get("channel"),
        redirect_data=names.redirect_data(),
        page_key=names.page_key(),
        form_proof=names.page_key() if to_wallet_by_post else None,
        return_by_post=body.get("redirectFromIssuerMethod") == "POST",
        redirect_result=names.redirect_result(),
        shopper_reference=body.get("shopperReference"),
        saves_for=body.get("recurringProcessingModel")
        if payment_checks.saves_token(body)
        else None,
    )
    twin.memory.add(payment)
    return payment


def _end_of(twin: Twin, body: rules.Body, now: float) -> float:
    """Return when the offer closes: the wallet's own period, or sessionValidity if sooner."""
    end = now + twin.knobs.payment_expiry_s
    said = body.get("sessionValidity")
    if said is None:
        return end
    try:
        asked = clock.read(said)
    except ValueError:
        raise errors.invalid("sessionValidity") from None
    if asked <= now:
        raise errors.invalid("sessionValidity")  # GUESS: a session already over is refused.
    return min(end, asked)


def action(payment: Payment, public_url: str, *, app: bool = False) -> dict[str, Any]:
    """Return what the shop's page must do: send the browser to the wallet, or to its app."""
    page = APP_PAGE if app else f"{public_url}/checkoutshopper/checkoutPaymentRedirect"
    said: dict[str, Any] = {
        "type": "redirect",
        "paymentMethodType": GOPAY,
        "method": "GET",
        "url": f"{page}?redirectData={quote(payment.redirect_data, safe='')}",
    }
    if payment.form_proof is not None:
        # The address alone does not open the page: the form must really have been posted.
        said |= {"method": "POST", "data": {"payload": payment.form_proof}}
    return said


def decide(twin: Twin, payment: Payment, status: Status, refusal: Refusal | None = None) -> None:
    """Write down how the wallet decided, and tell the shop."""
    payment.status = status
    payment.refusal = refusal
    payment.decided_at = twin.now()
    if status is Status.AUTHORISED:
        _authorised(twin, payment)
    else:
        payment_notifications.authorisation(twin, payment)


def _authorised(twin: Twin, payment: Payment) -> None:
    """Capture or wait for it, and tell, with whatever confusion is planned."""
    if twin.knobs.capture == "automatic":
        modifications.capture_at_once(twin, payment)
    else:
        over_at = twin.now() + twin.knobs.authorisation_days * DAY_S
        twin.later("expire_authorisation", over_at, psp_reference=payment.psp_reference)
    tokens.save(twin, payment)
    if payment.saved_as is not None and twin.knobs.tokens_told != "never":
        _tell_of_token(twin, payment)
    false_first = _planned(twin, payment, faults.FalseThenTrue)
    if false_first is not None:
        same = false_first.same_psp_reference
        payment_notifications.earlier_refusal(twin, payment, same_psp_reference=same)
        _tell_later(twin, payment, "tell_authorisation", false_first.seconds)
    else:
        payment_notifications.authorisation(twin, payment)
    if false_after := _planned(twin, payment, faults.TrueThenFalse):
        same = false_after.same_psp_reference
        _tell_later(
            twin, payment, "tell_earlier_refusal", false_after.seconds, same_psp_reference=same
        )
    if closed := _planned(twin, payment, faults.OfferClosedAfterPaid):
        _tell_later(twin, payment, "tell_offer_closed", closed.seconds)


def _tell_of_token(twin: Twin, payment: Payment) -> None:
    name = payment.psp_reference
    if twin.knobs.tokens_told == "before":
        tokens.tell_token(twin, psp_reference=name)
    else:
        due_at = twin.now() + twin.knobs.settlement_s
        twin.later("tell_token", due_at, reference=payment.reference, psp_reference=name)


def _planned(twin: Twin, payment: Payment, kind: type[faults.AnyKind]) -> faults.AnyKind | None:
    what, reference = "authorisation", payment.reference
    return faults.strike(twin.state.faults, kind, what=what, reference=reference)


def _tell_later(twin: Twin, payment: Payment, errand: str, seconds: float, **more: bool) -> None:
    due_at, name = twin.now() + seconds, payment.psp_reference
    twin.later(errand, due_at, reference=payment.reference, psp_reference=name, **more)


def tell_authorisation(twin: Twin, *, psp_reference: str) -> None:
    """Tell how the wallet decided, late."""
    if payment := twin.memory.payment(psp_reference):
        payment_notifications.authorisation(twin, payment)


def tell_earlier_refusal(twin: Twin, *, psp_reference: str, same_psp_reference: bool) -> None:
    """Tell, late, that an earlier attempt was refused."""
    if payment := twin.memory.payment(psp_reference):
        payment_notifications.earlier_refusal(twin, payment, same_psp_reference=same_psp_reference)


def tell_offer_closed(twin: Twin, *, psp_reference: str) -> None:
    """Tell that the offer closed, though it was taken up."""
    if payment := twin.memory.payment(psp_reference):
        payment_notifications.offer_closed(twin, payment)


def expire_by_clock(twin: Twin, *, psp_reference: str) -> None:
    """Close an offer whose time is over."""
    if payment := twin.memory.payment(psp_reference):
        expire(twin, payment)


def expire(twin: Twin, payment: Payment) -> None:
    """Close an offer that nobody took up; one that was decided stays as it is."""
    if payment.status is not Status.AWAITING:
        return
    payment.status = Status.EXPIRED
    payment.decided_at = twin.now()
    payment_notifications.offer_closed(twin, payment)


def way_back(twin: Twin, payment: Payment) -> WayBack:
    """Return how the shopper gets back, with the shop's own query parameters kept."""
    joined = "&&" if twin.knobs.return_double_ampersand else "&"
    parts = urlsplit(payment.return_url)
    result = f"redirectResult={quote(payment.redirect_result, safe='')}"
    query = f"{parts.query}{joined}{result}" if parts.query else result
    return WayBack(
        location=urlunsplit(parts._replace(query=query)),
        method="POST" if payment.return_by_post else "GET",
        url=payment.return_url,
        fields={"redirectResult": payment.redirect_result},
    )


def details(twin: Twin, redirect_result: str) -> tuple[Payment, dict[str, Any]]:
    """Return what became of the payment that a redirectResult belongs to; once.

    A second asking is answered 704, as shops see in production.
    """
    payment = twin.memory.payment(redirect_result)
    if payment is None or payment.redirect_result != redirect_result:
        raise errors.invalid_payload()
    if payment.status is Status.AWAITING:
        raise errors.invalid_payload()  # Nobody can hold this result yet.
    if payment.details_asked and twin.knobs.details_repeat == "refuse":
        raise errors.in_progress(422, payment.psp_reference)
    payment.details_asked = True
    return payment, _outcome(twin, payment)


def _outcome(twin: Twin, payment: Payment) -> dict[str, Any]:
    said: dict[str, Any] = {
        "pspReference": payment.psp_reference,
        "resultCode": RESULT_CODES[payment.status],
        **_whose(twin, payment),
    }
    if payment.status is Status.AUTHORISED:
        additional = payment_notifications.tokenization(twin, payment)
        return said | ({"additionalData": additional} if additional else {})
    return said | _refusal(twin, payment)


def _whose(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return what says which payment it was, where the twin is so set."""
    if twin.knobs.details_reference == "absent":
        return {}
    said: dict[str, Any] = {
        "merchantReference": payment.reference,
        "amount": {"currency": payment.amount.currency, "value": payment.amount.value},
    }
    if payment.status is Status.AUTHORISED:
        said["paymentMethod"] = {"type": GOPAY}
    return said


def _refusal(twin: Twin, payment: Payment) -> dict[str, Any]:
    """Return a refusal as recorded of redirects (upper case, code "0"), or in full."""
    if twin.knobs.refusal_reasons == "recorded":
        word = RESULT_CODES[payment.status].upper()
        return {"refusalReason": word, "refusalReasonCode": "0"}
    refusal = payment.refusal or SHOPPER_CANCELLED
    return {"refusalReason": refusal.reason, "refusalReasonCode": refusal.code}

"""What is done to a payment afterwards: captures, refunds, cancels, reversals.

Every request is answered `received` with 201, and decided a moment later; the outcome
comes by webhook only. Sources: Adyen's OpenAPI file of Checkout; its page on cancels
(what is captured cannot be cancelled any more); a CAPTURE false recorded by a shop
("Insufficient balance on payment"). The sums are folds over what was decided.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adyen_twin.core import faults, names
from adyen_twin.core.state import Amount, Kind, Modification, Outcome, Payment, Status
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors
from adyen_twin.webhooks import payment_notifications

NOT_ENOUGH: Final = "Insufficient balance on payment"
NOT_CAPTURED: Final = "Transaction hasn't been captured, refund not possible"
#: GUESS: the words; that it cannot be done, Adyen's page says.
CAPTURED_ALREADY: Final = "Transaction has been captured, cancel not possible"
NOT_AUTHORISED: Final = "Transaction is not authorised"  # GUESS: the words.
UNKNOWN_REFERENCE: Final = "Original reference not found"  # GUESS: the words.

EVENT_CODES: Final = {
    Kind.CAPTURE: "CAPTURE",
    Kind.REFUND: "REFUND",
    Kind.CANCEL: "CANCELLATION",
    Kind.REVERSAL: "CANCEL_OR_REFUND",
    Kind.TECHNICAL_CANCEL: "TECHNICAL_CANCEL",
}


class _No(Exception):
    """The modification cannot be done; says why."""


def paid(twin: Twin, psp_reference: str) -> Payment:
    """Return the payment that a modification is about, by its own pspReference.

    Raises:
        AdyenError: There is none. GUESS: 422/167, also for an offer's reference.

    """
    payment = twin.memory.payment(psp_reference)
    if payment is None or payment.psp_reference != psp_reference:
        raise errors.no_original()
    return payment


def ask(twin: Twin, payment: Payment, kind: Kind, body: Mapping[str, Any]) -> Modification:
    """Take down a modification; it is decided a moment later."""
    asked = body.get("amount")
    amount = Amount(asked["currency"], asked["value"]) if asked else payment.amount
    if amount.currency != payment.amount.currency:
        raise errors.unsupported_currency()  # GUESS: the code.
    if amount.value < 1:
        raise errors.invalid_amount()  # GUESS: the code.
    modification = Modification(
        psp_reference=names.psp_reference(),
        kind=kind,
        amount=amount,
        at=twin.now(),
        reference=body.get("reference"),
    )
    payment.modifications.append(modification)
    twin.later(
        "settle_modification",
        twin.now() + twin.knobs.modification_s,
        reference=payment.reference,
        payment=payment.psp_reference,
        modification=modification.psp_reference,
    )
    return modification


def cancel_by_reference(twin: Twin, body: Mapping[str, Any]) -> str:
    """Cancel by the shop's own reference; return the pspReference of the request.

    GUESS: every open payment of that reference is cancelled, each with a webhook of its
    own; if none is open, the newest says why not; if there is none, the webhook is false.
    """
    found = twin.memory.payments_with(body["paymentReference"])
    is_open = [payment for payment in found if _is_open(payment)]
    asked = [ask(twin, payment, Kind.TECHNICAL_CANCEL, body) for payment in is_open or found[-1:]]
    if asked:
        return asked[-1].psp_reference
    psp_reference = names.psp_reference()
    twin.later(
        "tell_unknown_cancel",
        twin.now() + twin.knobs.modification_s,
        reference=body["paymentReference"],
        payment_reference=body["paymentReference"],
        psp_reference=psp_reference,
    )
    return psp_reference


def tell_unknown_cancel(twin: Twin, *, payment_reference: str, psp_reference: str) -> None:
    """Tell that there was nothing to cancel."""
    payment_notifications.nothing_to_cancel(
        twin, payment_reference, psp_reference, UNKNOWN_REFERENCE
    )


def settle(twin: Twin, *, payment: str, modification: str) -> None:
    """Decide a modification, and tell."""
    about = twin.memory.payment(payment)
    if about is None:
        return
    decided = next(mod for mod in about.modifications if mod.psp_reference == modification)
    try:
        _DECIDERS[decided.kind](twin, about, decided)
    except _No as no:
        decided.outcome, decided.reason = Outcome.FAILED, str(no)
    else:
        decided.outcome = Outcome.SUCCEEDED
    payment_notifications.modification(twin, about, decided, EVENT_CODES[decided.kind])
    _plan_what_fails_later(twin, about, decided)


def undo(twin: Twin, *, payment: str, modification: str, event_code: str) -> None:
    """Let something that succeeded fail after all, and tell."""
    about = twin.memory.payment(payment)
    if about is None:
        return
    undone = next(mod for mod in about.modifications if mod.psp_reference == modification)
    if undone.outcome is Outcome.SUCCEEDED:
        undone.outcome = Outcome.UNDONE
        payment_notifications.undone(twin, about, undone, event_code)


def expire_authorisation(twin: Twin, *, psp_reference: str) -> None:
    """Let what is left uncaptured of an authorisation run out, and tell."""
    payment = twin.memory.payment(psp_reference)
    if payment is None or payment.status is not Status.AUTHORISED or _is_spent(payment):
        return
    payment.authorisation_over = True
    if captured(payment) == 0:
        payment.status = Status.EXPIRED
    payment_notifications.authorisation_expired(twin, payment)


def captured(payment: Payment) -> int:
    """Return how much was captured: the fold over the captures that stand."""
    return sum(mod.amount.value for mod in payment.modifications if _captures(mod))


def refunded(payment: Payment) -> int:
    """Return how much was refunded: the fold over the refunds that stand."""
    return sum(mod.amount.value for mod in payment.modifications if _refunds(mod))


def capture_at_once(twin: Twin, payment: Payment) -> None:
    """Capture an authorised payment by itself, as is Adyen's default. Nobody is told."""
    modification = Modification(
        psp_reference=names.psp_reference(),
        kind=Kind.CAPTURE,
        amount=payment.amount,
        at=twin.now(),
        outcome=Outcome.SUCCEEDED,
        automatic=True,
    )
    payment.modifications.append(modification)
    _plan_what_fails_later(twin, payment, modification)


def _captures(mod: Modification) -> bool:
    return mod.kind is Kind.CAPTURE and mod.outcome is Outcome.SUCCEEDED and not mod.idle


def _refunds(mod: Modification) -> bool:
    refund = mod.kind is Kind.REFUND or (mod.kind is Kind.REVERSAL and mod.action == "refund")
    return refund and mod.outcome is Outcome.SUCCEEDED


def _is_open(payment: Payment) -> bool:
    return payment.status is Status.AWAITING or (
        payment.status is Status.AUTHORISED and captured(payment) == 0
    )


def _is_spent(payment: Payment) -> bool:
    return payment.authorisation_over or captured(payment) == payment.amount.value


def _capture(twin: Twin, payment: Payment, mod: Modification) -> None:
    if payment.status is not Status.AUTHORISED:
        raise _No(NOT_AUTHORISED)
    if any(other.automatic and _captures(other) for other in payment.modifications):
        # Asked for though done already: no harm, and no second charge.
        mod.idle = True
        return
    if _is_spent(payment) or captured(payment) + mod.amount.value > payment.amount.value:
        raise _No(NOT_ENOUGH)
    # A partial capture lets the rest go, unless several were agreed with Adyen.
    payment.authorisation_over = not twin.knobs.several_captures


def _refund(twin: Twin, payment: Payment, mod: Modification) -> None:
    if captured(payment) == 0:
        raise _No(NOT_CAPTURED)
    if refunded(payment) + mod.amount.value > captured(payment):
        raise _No(NOT_ENOUGH)
    fault = faults.strike(
        twin.state.faults, faults.RefundRefused, what="refund", reference=payment.reference
    )
    if fault is not None:
        raise _No(fault.reason)


def _cancel(twin: Twin, payment: Payment, mod: Modification) -> None:
    if payment.status not in (Status.AWAITING, Status.AUTHORISED):
        raise _No(NOT_AUTHORISED)
    if captured(payment) > 0:
        if twin.knobs.cancel_of_captured == "fail" or refunded(payment) > 0:
            raise _No(CAPTURED_ALREADY)
        _let_go(payment)
    payment.status = Status.CANCELLED
    payment.decided_at = mod.at


def _let_go(payment: Payment) -> None:
    for mod in payment.modifications:
        if _captures(mod):
            mod.outcome = Outcome.UNDONE


def _reverse(twin: Twin, payment: Payment, mod: Modification) -> None:
    mod.action = "refund" if captured(payment) else "cancel"
    if mod.action == "cancel":
        _cancel(twin, payment, mod)
        return
    mod.amount = Amount(payment.amount.currency, captured(payment))
    _refund(twin, payment, mod)


_DECIDERS: Final[dict[Kind, Callable[[Twin, Payment, Modification], None]]] = {
    Kind.CAPTURE: _capture,
    Kind.REFUND: _refund,
    Kind.CANCEL: _cancel,
    Kind.REVERSAL: _reverse,
    Kind.TECHNICAL_CANCEL: _cancel,
}


def _plan_what_fails_later(twin: Twin, payment: Payment, mod: Modification) -> None:
    planned = _later_failure(twin, mod, payment.reference)
    if planned is not None:
        seconds, event_code = planned
        twin.later(
            "undo_modification",
            twin.now() + seconds,
            reference=payment.reference,
            payment=payment.psp_reference,
            modification=mod.psp_reference,
            event_code=event_code,
        )


def _later_failure(twin: Twin, mod: Modification, reference: str) -> tuple[float, str] | None:
    if _refunds(mod):
        refund = faults.strike(
            twin.state.faults, faults.RefundFailsLater, what="refund", reference=reference
        )
        return (refund.seconds, refund.event_code) if refund else None
    if _captures(mod):
        capture = faults.strike(
            twin.state.faults, faults.CaptureFailsLater, what="capture", reference=reference
        )
        return (capture.seconds, "CAPTURE_FAILED") if capture else None
    return None

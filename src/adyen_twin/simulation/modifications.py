"""Modifications of a payment: captures, refunds, cancels, reversals.

Every request is answered 201 with `received` and decided a moment later; only a webhook has
the outcome. Sources: Adyen's OpenAPI file of Checkout; Adyen's page on cancels (a captured
payment cannot be cancelled); a failed CAPTURE that a shop recorded ("Insufficient balance on
payment"). The captured sum and the refunded sum are not stored, but computed from the list of
modifications.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from adyen_twin.core import faults, names
from adyen_twin.core.books import Record
from adyen_twin.core.state import Amount, Kind, Modification, Outcome, Payment, Status
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors
from adyen_twin.settlement import journal
from adyen_twin.simulation import wallets
from adyen_twin.webhooks import payment_notifications

# The reasons of failed modifications, as their webhooks have them.
NOT_ENOUGH: Final = "Insufficient balance on payment"
NOT_CAPTURED: Final = "Transaction hasn't been captured, refund not possible"
#: GUESS: the text. Adyen's page only names the failure.
CAPTURED_ALREADY: Final = "Transaction has been captured, cancel not possible"
NOT_AUTHORISED: Final = "Transaction is not authorised"  # GUESS: the text.
UNKNOWN_REFERENCE: Final = "Original reference not found"  # GUESS: the text.
TOO_LATE: Final = "Refund period has ended"  # GUESS: the text.

DAY_S: Final = 24 * 3600

#: The kind of a modification -> the event that reports its outcome.
EVENT_CODES: Final = {
    Kind.CAPTURE: "CAPTURE",
    Kind.REFUND: "REFUND",
    Kind.CANCEL: "CANCELLATION",
    Kind.REVERSAL: "CANCEL_OR_REFUND",
    Kind.TECHNICAL_CANCEL: "TECHNICAL_CANCEL",
}


class NotPossibleError(Exception):
    """The modification is not possible; the message is the `reason` of its webhook."""


def find_payment(twin: Twin, merchant_account: str, psp_reference: str) -> Payment:
    """Return the account's payment with this pspReference, which is to be modified.

    Raises:
        AdyenError: There is no such payment. GUESS: 422/167, also for the pspReference of an offer.

    """
    payment = twin.memory.payment(psp_reference)
    is_found = payment is not None and payment.psp_reference == psp_reference
    if payment is None or not is_found or payment.merchant_account != merchant_account:
        raise errors.no_original()
    return payment


def receive(twin: Twin, payment: Payment, kind: Kind, body: Mapping[str, Any]) -> Modification:
    """Create a modification, and schedule its outcome in `modificationS` seconds.

    Raises:
        AdyenError: The amount is in another currency than the payment, or less than 1.

    """
    fields = body.get("amount")
    amount = Amount(fields["currency"], fields["value"]) if fields else payment.amount
    if amount.currency != payment.amount.currency:
        raise errors.unsupported_currency()  # GUESS: the error code.
    if amount.value < 1:
        raise errors.invalid_amount()  # GUESS: the error code.
    modification = Modification(
        psp_reference=names.psp_reference(),
        kind=kind,
        amount=amount,
        at=twin.now(),
        reference=body.get("reference"),
    )
    payment.modifications.append(modification)
    twin.schedule(
        "settle_modification",
        twin.now() + twin.knobs.modification_s,
        reference=payment.reference,
        payment=payment.psp_reference,
        modification=modification.psp_reference,
    )
    return modification


def cancel_by_reference(twin: Twin, body: Mapping[str, Any]) -> str:
    """Cancel by merchantReference; return the pspReference of the cancel.

    GUESS: every open payment with the merchantReference is cancelled, and a webhook is sent for
    each of them. If no payment is open, the cancel of the newest payment fails. If no payment has
    the merchantReference, a failed TECHNICAL_CANCEL without originalReference is sent.
    """
    account = body["merchantAccount"]
    found = twin.memory.payments_with(body["paymentReference"])
    payments = [payment for payment in found if payment.merchant_account == account]
    to_cancel = [payment for payment in payments if _is_open(payment)] or payments[-1:]
    cancels = [receive(twin, payment, Kind.TECHNICAL_CANCEL, body) for payment in to_cancel]
    if cancels:
        return cancels[-1].psp_reference
    psp_reference = names.psp_reference()
    twin.schedule(
        "tell_unknown_cancel",
        twin.now() + twin.knobs.modification_s,
        reference=body["paymentReference"],
        payment_reference=body["paymentReference"],
        psp_reference=psp_reference,
        merchant_account=account,
    )
    return psp_reference


def send_nothing_to_cancel(
    twin: Twin, *, payment_reference: str, psp_reference: str, merchant_account: str = ""
) -> None:
    """Notify the shop that no payment of its account has the merchantReference of its cancel.

    State files of earlier versions have no `merchant_account`: the twin had one account then.
    """
    account = merchant_account or twin.settings.merchant_account
    payment_notifications.nothing_to_cancel(
        twin, account, payment_reference, psp_reference, UNKNOWN_REFERENCE
    )


def settle(twin: Twin, *, payment: str, modification: str) -> None:
    """Decide a modification, and send the outcome; the arguments are pspReferences."""
    modified = twin.memory.payment(payment)
    if modified is None:
        return
    mod = next(mod for mod in modified.modifications if mod.psp_reference == modification)
    try:
        _DECIDERS[mod.kind](twin, modified, mod)
    except NotPossibleError as error:
        mod.outcome, mod.reason = Outcome.FAILED, str(error)
    else:
        mod.outcome = Outcome.SUCCEEDED
        _record(twin, modified, mod)
        wallets.draw(twin, modified, owed(modified))
    payment_notifications.modification(twin, modified, mod, EVENT_CODES[mod.kind])
    _schedule_failure(twin, modified, mod)


def undo(twin: Twin, *, payment: str, modification: str, event_code: str) -> None:
    """Make a successful modification fail, and notify the shop; see `settle` for the arguments."""
    modified = twin.memory.payment(payment)
    if modified is None:
        return
    mod = next(mod for mod in modified.modifications if mod.psp_reference == modification)
    if mod.outcome is Outcome.SUCCEEDED:
        mod.outcome = Outcome.UNDONE
        undone = journal.capture_undone if mod.kind is Kind.CAPTURE else journal.refund_undone
        undone(twin, modified, mod)
        wallets.draw(twin, modified, owed(modified))
        payment_notifications.undone(twin, modified, mod, event_code)


def expire_authorisation(twin: Twin, *, psp_reference: str) -> None:
    """Expire the uncaptured rest of an authorisation, and notify the shop."""
    payment = twin.memory.payment(psp_reference)
    if payment is None or payment.status is not Status.AUTHORISED or _nothing_to_capture(payment):
        return
    payment.authorisation_over = True
    journal.ended(twin, payment, Record.EXPIRED, payment.amount.value - captured(payment))
    if captured(payment) == 0:
        payment.status = Status.EXPIRED
    wallets.draw(twin, payment, owed(payment))
    payment_notifications.authorisation_expired(twin, payment)


def captured(payment: Payment) -> int:
    """Return the sum of the successful captures, in minor units."""
    return sum(mod.amount.value for mod in payment.modifications if _is_effective_capture(mod))


def refunded(payment: Payment) -> int:
    """Return the sum of the successful refunds, in minor units."""
    return sum(mod.amount.value for mod in payment.modifications if _is_successful_refund(mod))


def owed(payment: Payment) -> int:
    """Return what the payment costs its wallet now, in minor units."""
    if payment.status is not Status.AUTHORISED:
        return 0
    captures = [mod for mod in payment.modifications if mod.kind is Kind.CAPTURE]
    is_over = payment.authorisation_over or any(mod.outcome is Outcome.UNDONE for mod in captures)
    return (captured(payment) if is_over else payment.amount.value) - refunded(payment)


def capture_automatically(twin: Twin, payment: Payment) -> None:
    """Capture an authorised payment without a request and without a webhook: Adyen's default."""
    modification = Modification(
        psp_reference=names.psp_reference(),
        kind=Kind.CAPTURE,
        amount=payment.amount,
        at=twin.now(),
        outcome=Outcome.SUCCEEDED,
        automatic=True,
    )
    payment.modifications.append(modification)
    journal.captured(twin, payment, modification)
    _schedule_failure(twin, payment, modification)


def _is_effective_capture(mod: Modification) -> bool:
    return mod.kind is Kind.CAPTURE and mod.outcome is Outcome.SUCCEEDED and not mod.idle


def _is_successful_refund(mod: Modification) -> bool:
    is_refund = mod.kind is Kind.REFUND or (mod.kind is Kind.REVERSAL and mod.action == "refund")
    return is_refund and mod.outcome is Outcome.SUCCEEDED


def _is_open(payment: Payment) -> bool:
    """Return whether a cancel of the payment can succeed."""
    return payment.status is Status.AWAITING or (
        payment.status is Status.AUTHORISED and captured(payment) == 0
    )


def _nothing_to_capture(payment: Payment) -> bool:
    return payment.authorisation_over or captured(payment) == payment.amount.value


def _capture(twin: Twin, payment: Payment, mod: Modification) -> None:
    if payment.status is not Status.AUTHORISED:
        raise NotPossibleError(NOT_AUTHORISED)
    if any(other.automatic and _is_effective_capture(other) for other in payment.modifications):
        # The payment is captured already, so this capture succeeds without effect.
        mod.idle = True
        return
    if _nothing_to_capture(payment) or captured(payment) + mod.amount.value > payment.amount.value:
        raise NotPossibleError(NOT_ENOUGH)
    # The first capture releases the rest, unless several captures are possible.
    payment.authorisation_over = not twin.knobs.several_captures


def _refund(twin: Twin, payment: Payment, mod: Modification) -> None:
    if captured(payment) == 0:
        raise NotPossibleError(NOT_CAPTURED)
    if _is_too_late(twin, payment):
        raise NotPossibleError(TOO_LATE)
    if refunded(payment) + mod.amount.value > captured(payment):
        raise NotPossibleError(NOT_ENOUGH)
    fault = faults.triggered(
        twin.state.faults, faults.RefundRefused, target="refund", reference=payment.reference
    )
    if fault is not None:
        raise NotPossibleError(fault.reason)


def _is_too_late(twin: Twin, payment: Payment) -> bool:
    """Return whether the days for refunds are over; they begin at the first capture."""
    knobs = twin.knobs
    days = (payment.is_token_charge and knobs.token_refund_days) or knobs.refund_days
    captured_at = min(mod.at for mod in payment.modifications if _is_effective_capture(mod))
    return days is not None and captured_at + days * DAY_S < twin.now()


def _cancel(twin: Twin, payment: Payment, _: Modification) -> None:
    if payment.status not in (Status.AWAITING, Status.AUTHORISED):
        raise NotPossibleError(NOT_AUTHORISED)
    if captured(payment) > 0:
        if twin.knobs.cancel_of_captured == "fail" or refunded(payment) > 0:
            raise NotPossibleError(CAPTURED_ALREADY)
        _undo_captures(twin, payment)
    elif payment.status is Status.AUTHORISED:
        journal.ended(twin, payment, Record.CANCELLED, payment.amount.value)
    payment.status = Status.CANCELLED


def _record(twin: Twin, payment: Payment, mod: Modification) -> None:
    """Record a successful modification for the reports; `_cancel` records what it does."""
    if _is_effective_capture(mod):
        journal.captured(twin, payment, mod)
    elif _is_successful_refund(mod):
        journal.refunded(twin, payment, mod)


def _undo_captures(twin: Twin, payment: Payment) -> None:
    for mod in payment.modifications:
        if _is_effective_capture(mod):
            journal.capture_undone(twin, payment, mod)
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


def _schedule_failure(twin: Twin, payment: Payment, mod: Modification) -> None:
    failure = _failure(twin, mod, payment.reference)
    if failure is not None:
        seconds, event_code = failure
        twin.schedule(
            "undo_modification",
            twin.now() + seconds,
            reference=payment.reference,
            payment=payment.psp_reference,
            modification=mod.psp_reference,
            event_code=event_code,
        )


def _failure(twin: Twin, mod: Modification, reference: str) -> tuple[float, str] | None:
    """Return the seconds until a fault undoes the modification, and the event; None: no fault."""
    if _is_successful_refund(mod):
        refund = faults.triggered(
            twin.state.faults, faults.RefundFailsLater, target="refund", reference=reference
        )
        return (refund.seconds, refund.event_code) if refund else None
    if _is_effective_capture(mod):
        capture = faults.triggered(
            twin.state.faults, faults.CaptureFailsLater, target="capture", reference=reference
        )
        return (capture.seconds, "CAPTURE_FAILED") if capture else None
    return None

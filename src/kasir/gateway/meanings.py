"""Translates Adyen's replies and notifications into facts about payments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from kasir.adyen.calls import METADATA_PAYMENT_ID
from kasir.adyen.notifications import EventCode, Item, moment
from kasir.adyen.replies import Answer, ResultCode, Verdict, error_text
from kasir.errors import Unreadable, cut
from kasir.money import Currency, Money
from kasir.payments.facts import DisputeDetails, Fact, Says, Source, unanswered_key
from kasir.payments.matching import Clues
from kasir.payments.question import CallResult, KeptAnswer, Kind, Question

#: The meaning of a result code for a payment. `Error` is a final refusal, with a reason.
RESULTS: Final[Mapping[ResultCode, Says]] = {
    ResultCode.AUTHORISED: Says.AUTHORISED,
    ResultCode.CANCELLED: Says.CANCELLED,
    ResultCode.ERROR: Says.REFUSED,
    ResultCode.PENDING: Says.PENDING,
    ResultCode.RECEIVED: Says.PENDING,
    ResultCode.REDIRECT_SHOPPER: Says.AWAITING_SHOPPER,
    ResultCode.REFUSED: Says.REFUSED,
}

#: The meaning of a notification for a payment, by its event code and its `success`. Source: Adyen's
#: page on event codes and the Webhooks schema; docs/adyen.md lists the guesses.
MEANINGS: Final[Mapping[tuple[EventCode, bool], Says]] = {
    (EventCode.AUTHORISATION, True): Says.AUTHORISED,
    (EventCode.AUTHORISATION, False): Says.REFUSED,
    (EventCode.AUTHORISATION_ADJUSTMENT, True): Says.NOTED,
    (EventCode.AUTHORISATION_ADJUSTMENT, False): Says.NOTED,
    (EventCode.CANCELLATION, True): Says.VOIDED,
    (EventCode.CANCELLATION, False): Says.CANCEL_REJECTED,
    (EventCode.CANCEL_OR_REFUND, True): Says.REFUND_CONFIRMED,  # Or VOIDED: see `_says`.
    (EventCode.CANCEL_OR_REFUND, False): Says.REFUND_REJECTED,
    (EventCode.CAPTURE, True): Says.CAPTURED,
    (EventCode.CAPTURE, False): Says.CAPTURE_REJECTED,
    (EventCode.CAPTURE_FAILED, True): Says.CAPTURE_FAILED,
    (EventCode.CAPTURE_FAILED, False): Says.NOTED,
    (EventCode.CHARGEBACK, True): Says.CHARGED_BACK,
    (EventCode.CHARGEBACK, False): Says.NOTED,
    (EventCode.CHARGEBACK_REVERSED, True): Says.CHARGEBACK_REVERSED,
    (EventCode.CHARGEBACK_REVERSED, False): Says.NOTED,
    (EventCode.DISPUTE_DEFENSE_PERIOD_ENDED, True): Says.NOTED,
    (EventCode.DISPUTE_DEFENSE_PERIOD_ENDED, False): Says.NOTED,
    (EventCode.EXPIRE, True): Says.NOTED,  # Only the part that was not captured has expired.
    (EventCode.EXPIRE, False): Says.NOTED,
    (EventCode.HANDLED_EXTERNALLY, True): Says.NOTED,
    (EventCode.HANDLED_EXTERNALLY, False): Says.NOTED,
    (EventCode.INFORMATION_SUPPLIED, True): Says.NOTED,
    (EventCode.INFORMATION_SUPPLIED, False): Says.NOTED,
    (EventCode.ISSUER_COMMENTS, True): Says.NOTED,
    (EventCode.ISSUER_COMMENTS, False): Says.NOTED,
    (EventCode.ISSUER_RESPONSE_TIMEFRAME_EXPIRED, True): Says.NOTED,
    (EventCode.ISSUER_RESPONSE_TIMEFRAME_EXPIRED, False): Says.NOTED,
    (EventCode.MANUAL_REVIEW_ACCEPT, True): Says.NOTED,  # What follows has its own event.
    (EventCode.MANUAL_REVIEW_ACCEPT, False): Says.NOTED,
    (EventCode.MANUAL_REVIEW_REJECT, True): Says.NOTED,
    (EventCode.MANUAL_REVIEW_REJECT, False): Says.NOTED,
    (EventCode.NOTIFICATION_OF_CHARGEBACK, True): Says.DISPUTE_ANNOUNCED,
    (EventCode.NOTIFICATION_OF_CHARGEBACK, False): Says.NOTED,
    (EventCode.NOTIFICATION_OF_FRAUD, True): Says.NOTED,
    (EventCode.NOTIFICATION_OF_FRAUD, False): Says.NOTED,
    (EventCode.OFFER_CLOSED, True): Says.EXPIRED,
    (EventCode.OFFER_CLOSED, False): Says.NOTED,
    (EventCode.POSTPONED_REFUND, True): Says.NOTED,  # The refund waits; REFUND will follow.
    (EventCode.POSTPONED_REFUND, False): Says.NOTED,
    (EventCode.PREARBITRATION_ACCEPTED, True): Says.NOTED,
    (EventCode.PREARBITRATION_ACCEPTED, False): Says.NOTED,
    (EventCode.PREARBITRATION_DECLINED, True): Says.NOTED,
    (EventCode.PREARBITRATION_DECLINED, False): Says.NOTED,
    (EventCode.PREARBITRATION_ISSUER_WITHDRAWN, True): Says.NOTED,
    (EventCode.PREARBITRATION_ISSUER_WITHDRAWN, False): Says.NOTED,
    (EventCode.PREARBITRATION_LOST, True): Says.NOTED,
    (EventCode.PREARBITRATION_LOST, False): Says.NOTED,
    (EventCode.PREARBITRATION_OPEN, True): Says.NOTED,
    (EventCode.PREARBITRATION_OPEN, False): Says.NOTED,
    (EventCode.PREARBITRATION_WON, True): Says.NOTED,
    (EventCode.PREARBITRATION_WON, False): Says.NOTED,
    (EventCode.REFUND, True): Says.REFUND_CONFIRMED,
    (EventCode.REFUND, False): Says.REFUND_REJECTED,
    (EventCode.REFUNDED_REVERSED, True): Says.REFUND_REVERSED,
    (EventCode.REFUNDED_REVERSED, False): Says.NOTED,
    (EventCode.REFUND_FAILED, True): Says.REFUND_FAILED,  # Adyen's samples have `success: true`.
    (EventCode.REFUND_FAILED, False): Says.REFUND_FAILED,
    (EventCode.REQUEST_FOR_INFORMATION, True): Says.NOTED,
    (EventCode.REQUEST_FOR_INFORMATION, False): Says.NOTED,
    (EventCode.SCHEME_ARBITRATION, True): Says.NOTED,
    (EventCode.SCHEME_ARBITRATION, False): Says.NOTED,
    (EventCode.SCHEME_ARBITRATION_LOST, True): Says.NOTED,
    (EventCode.SCHEME_ARBITRATION_LOST, False): Says.NOTED,
    (EventCode.SCHEME_ARBITRATION_WON, True): Says.NOTED,
    (EventCode.SCHEME_ARBITRATION_WON, False): Says.NOTED,
    (EventCode.SECOND_CHARGEBACK, True): Says.SECOND_CHARGEBACK,
    (EventCode.SECOND_CHARGEBACK, False): Says.NOTED,
    (EventCode.TECHNICAL_CANCEL, True): Says.VOIDED,
    (EventCode.TECHNICAL_CANCEL, False): Says.CANCEL_REJECTED,
    (EventCode.VOID_PENDING_REFUND, True): Says.REFUND_FAILED,  # The money was never refunded.
    (EventCode.VOID_PENDING_REFUND, False): Says.NOTED,
}

#: Event codes without a meaning for a GoPay payment, with the reason. Their notices are stored too.
IGNORED: Final[Mapping[EventCode, str]] = {
    EventCode.ACH_NOTIFICATION_OF_CHANGE: "about bank accounts in the United States",
    EventCode.AUTHENTICATION: "about 3D Secure, which wallets do not use",
    EventCode.AUTORESCUE: "about retries by Adyen, which Kasir does not ask for",
    EventCode.CANCEL_AUTORESCUE: "the same",
    EventCode.DIRECT_DEBIT_NOTICE_OF_CHANGE: "about direct debit",
    EventCode.ORDER_CLOSED: "about orders paid in parts, with gift cards",
    EventCode.ORDER_OPENED: "the same",
    EventCode.PAIDOUT_REVERSED: "about payouts, which Kasir does not make",
    EventCode.PAYOUT_DECLINE: "the same",
    EventCode.PAYOUT_EXPIRE: "the same",
    EventCode.PAYOUT_THIRDPARTY: "the same",
    EventCode.RECURRING_CONTRACT: "about tokens, which token_meanings.py handles",
    EventCode.REFUND_WITH_DATA: "about refunds to a card, which is a kind of payout",
    EventCode.REPORT_AVAILABLE: "about a report, which Kasir fetches",
}

#: Event codes whose pspReference is that of an attempt. With every other event code, pspReference
#: is that of a change, and originalReference is that of the changed attempt.
_IS_ATTEMPT: Final = frozenset({EventCode.AUTHORISATION, EventCode.OFFER_CLOSED})

#: Event codes of notifications about a dispute, in any stage.
_ABOUT_DISPUTES: Final = frozenset(
    {
        EventCode.CHARGEBACK,
        EventCode.CHARGEBACK_REVERSED,
        EventCode.DISPUTE_DEFENSE_PERIOD_ENDED,
        EventCode.INFORMATION_SUPPLIED,
        EventCode.ISSUER_COMMENTS,
        EventCode.ISSUER_RESPONSE_TIMEFRAME_EXPIRED,
        EventCode.NOTIFICATION_OF_CHARGEBACK,
        EventCode.PREARBITRATION_ACCEPTED,
        EventCode.PREARBITRATION_DECLINED,
        EventCode.PREARBITRATION_ISSUER_WITHDRAWN,
        EventCode.PREARBITRATION_LOST,
        EventCode.PREARBITRATION_OPEN,
        EventCode.PREARBITRATION_WON,
        EventCode.REQUEST_FOR_INFORMATION,
        EventCode.SCHEME_ARBITRATION,
        EventCode.SCHEME_ARBITRATION_LOST,
        EventCode.SCHEME_ARBITRATION_WON,
        EventCode.SECOND_CHARGEBACK,
    }
)
#: The fields that may have a dispute's reason code. Source: Adyen's Webhooks schema of disputes.
_REASON_CODES: Final = ("chargebackReasonCode", "rfiReasonCode")

#: An amount in minor units. `int` would accept ` 25_000 ` too.
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)

#: The refusal reasons which mean that the shopper cancelled the payment.
_CANCEL_REASONS: Final = ("CANCELLED", "SHOPPER CANCELLED", "CANCELED")


def of_reply(question: Question, answer: Answer, at: datetime) -> CallResult:
    """The result of a call that Adyen answered: the fact, the clues, and the answer if final."""
    fields = answer.json()
    verdict = answer.verdict
    if question.was_sent_before and verdict is Verdict.INVALID and not _is_about(answer):
        # This try was refused, but an earlier try may have moved money. If this error became the
        # final answer, the shop would pay again with another idempotency key.
        verdict = Verdict.UNKNOWN
    if verdict in {Verdict.TRANSIENT, Verdict.UNKNOWN}:
        why = f"HTTP {answer.status} {fields.get('errorCode', '')}"
        return unanswered(question, at, why, error_text(answer))
    kept = KeptAnswer(
        status=answer.status,
        body=answer.body,
        psp_reference=answer.psp_reference,
        fields=answer.fields,
    )
    if question.kind in {Kind.PAYMENTS, Kind.DETAILS}:
        fact = _payment_fact(question, answer, at, is_ours=verdict is Verdict.INVALID)
    else:
        fact = _change_fact(question, fields, at, is_ours=verdict is Verdict.INVALID)
    return CallResult(answer=kept, facts=(fact,), clues=_clues_of_reply(question, fields, fact))


def _is_about(answer: Answer) -> bool:
    """Whether an error is about the content of the request, so that every try gets it."""
    is_refused = answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    return is_refused and answer.json().get("errorType") == "validation"


def _clues_of_reply(question: Question, fields: Mapping[str, Any], fact: Fact) -> Clues:
    """The clues in an answer that show which payment the answer belongs to.

    A call is for one known payment, except `/payments/details`, because the shopper may return with
    the result of another payment.
    """
    method = fields.get("paymentMethod")
    return Clues(
        attempt=fact.psp_reference,
        change=fact.modification,
        is_change=question.kind not in {Kind.PAYMENTS, Kind.DETAILS},
        payment_id=question.payment_id or "",
        # The answer to a call for one known payment needs no merchant reference.
        reference="" if question.payment_id else _text(fields, "merchantReference"),
        method=_text(method, "type") if isinstance(method, dict) else "",
        amount=fact.amount,
        pays=fact.says is Says.AUTHORISED,
    )


def _payment_fact(question: Question, answer: Answer, at: datetime, *, is_ours: bool) -> Fact:
    fields = answer.json()
    source = Source.REPLY if question.kind is Kind.PAYMENTS else Source.DETAILS
    says = _meaning_of_result(fields)
    if is_ours:
        # An error of `/payments/details` has no meaning for the payment.
        says = Says.FAILED if source is Source.REPLY else Says.NOTED
    return Fact(
        key=f"{source}:{question.key}",
        says=says,
        source=source,
        at=at,
        about=question.key,
        psp_reference="" if is_ours else _text(fields, "pspReference"),
        # If the shopper is redirected, the body of the answer has no pspReference yet. The header
        # of the answer has the pspReference of the offer, by which a later OFFER_CLOSED is matched.
        modification=answer.psp_reference if says is Says.AWAITING_SHOPPER else "",
        amount=_money(fields.get("amount")),
        words=_text(fields, "refusalReason") or _text(fields, "message"),
    )


def _change_fact(
    question: Question, fields: Mapping[str, Any], at: datetime, *, is_ours: bool
) -> Fact:
    """The fact in Adyen's answer to a change: `received` and a pspReference, without a result."""
    is_refund = question.kind in {Kind.REFUNDS, Kind.REVERSALS}
    if is_ours:
        says = Says.REFUND_DECLINED if is_refund else Says.CHANGE_DECLINED
    else:
        says = Says.REFUND_RECEIVED if is_refund else Says.CHANGE_RECEIVED
    return Fact(
        key=f"reply:{question.key}",
        says=says,
        source=Source.REPLY,
        at=at,
        about=question.key,
        psp_reference=_text(fields, "paymentPspReference"),
        modification="" if is_ours else _text(fields, "pspReference"),
        amount=_money(fields.get("amount")),
        words=_text(fields, "message") or f"{question.kind}: {_text(fields, 'status')}",
    )


def unanswered(question: Question, at: datetime, why: str, error: str = "") -> CallResult:
    """The result of a try without a final answer: the outcome stays unknown until a later try."""
    fact = Fact(
        key=unanswered_key(question.key),
        # If a change has no answer, the payment's status does not become unknown.
        says=Says.UNKNOWN if question.kind in {Kind.PAYMENTS, Kind.DETAILS} else Says.NOTED,
        source=Source.KASIR,
        at=at,
        about=question.key,
        words=why.strip(),
    )
    return CallResult(answer=None, facts=(fact,), error=error)


def of_item(item: Item) -> Fact | None:
    """The fact about a payment in a notification; None if the notification has none.

    Raises:
        Unreadable: The date or the amount does not match Adyen's schema.
    """
    try:
        code = EventCode(item.event_code)
    except ValueError:
        return None  # The code is unknown. The notice is stored and shown to the operator.
    says = _says(code, item)
    if says is None:
        return None
    amount = _item_money(item)
    if amount is None and says is Says.AUTHORISED:
        raise Unreadable("it says that money was paid, but not how much")
    attempt, change = _attempt_and_change(item)
    # All notifications of a cancel by reference have one pspReference; the attempts differ.
    subject = f"{change}:{attempt}" if code is EventCode.TECHNICAL_CANCEL else item.psp_reference
    return Fact(
        key=f"notification:{item.event_code}:{subject}:{item.success_text}",
        says=says,
        source=Source.NOTIFICATION,
        at=moment(item.event_date),
        psp_reference=attempt,
        modification=change,
        amount=amount,
        words=item.reason or item.event_code,
        dispute=_dispute(item) if code in _ABOUT_DISPUTES else None,
    )


def _dispute(item: Item) -> DisputeDetails:
    """The details of a dispute in a notification. A field that cannot be read is left out."""
    extra = item.additional_data
    codes = (extra.get(name, "").strip() for name in _REASON_CODES)
    deadline = None
    with suppress(Unreadable):
        deadline = moment(extra.get("defensePeriodEndsAt", "").strip())
    return DisputeDetails(
        reason=item.reason,
        reason_code=next(filter(None, codes), ""),
        deadline=deadline,
        status=extra.get("disputeStatus", ""),
    )


def _attempt_and_change(item: Item) -> tuple[str, str]:
    """The pspReferences of a notification's attempt and change; each is empty if there is none."""
    if item.event_code in _IS_ATTEMPT:  # The originalReference has no meaning here.
        return item.psp_reference, ""
    if item.event_code == EventCode.TECHNICAL_CANCEL and not item.success:
        # A cancel by reference found no open payment. The originalReference may be that of any
        # payment with the merchant reference, so it does not identify the attempt.
        return "", item.psp_reference
    return item.original_reference, item.psp_reference


def _says(code: EventCode, item: Item) -> Says | None:
    says = MEANINGS.get((code, item.success))
    if code is EventCode.CANCEL_OR_REFUND and says is Says.REFUND_CONFIRMED:
        cancelled = item.additional_data.get("modification.action") == "cancel"
        return Says.VOIDED if cancelled else says
    if says is Says.REFUSED and item.reason.upper() in _CANCEL_REASONS:
        return Says.CANCELLED
    return says


def clues_of(item: Item, fact: Fact) -> Clues:
    """The clues in a notification that show which payment the notification belongs to."""
    return Clues(
        attempt=fact.psp_reference,
        change=fact.modification,
        is_change=item.event_code not in _IS_ATTEMPT,
        payment_id=item.additional_data.get(f"metadata.{METADATA_PAYMENT_ID}", ""),
        reference=item.merchant_reference,
        method=item.payment_method,
        amount=fact.amount,
        pays=fact.says is Says.AUTHORISED,
        by_reference=item.event_code == EventCode.TECHNICAL_CANCEL,
    )


def names_of(item: Item) -> tuple[str, ...]:
    """The pspReferences in a notification; the pspReference of the attempt, if any, is the first.

    These pspReferences are stored unencrypted, so that notices can be found by pspReference. No
    token may be among them, and RECURRING_CONTRACT has a token in its field `pspReference`.
    """
    if item.event_code == EventCode.RECURRING_CONTRACT:
        return (item.initial_payment,) if item.initial_payment else ()
    return tuple(name for name in _attempt_and_change(item) if name)


def _meaning_of_result(fields: Mapping[str, Any]) -> Says:
    try:
        return RESULTS[ResultCode(fields.get("resultCode", ""))]
    except ValueError:
        return Says.PENDING  # The notification will have the final result.


def _item_money(item: Item) -> Money | None:
    """The amount of a notification; None if the notification has none.

    In Adyen's schema the value is an integer; in some recorded notifications it is a string.

    Raises:
        Unreadable: The value is anything else, or negative.
    """
    if not item.amount_currency and not item.amount_value:
        return None
    if not _WHOLE_NUMBER.fullmatch(item.amount_value) or not item.amount_currency:
        raise Unreadable(
            f"amount.value {cut(item.amount_value)!r} (amount.currency "
            f"{cut(item.amount_currency)!r}) is not a whole number of minor units"
        )
    return Money(Currency(item.amount_currency), int(item.amount_value))


def _money(amount: object) -> Money | None:
    match amount:
        case {"currency": str(currency), "value": int(value)}:
            return Money(Currency(currency), value)
    return None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""

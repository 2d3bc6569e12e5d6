"""What Adyen's words mean to the domain: replies and notifications become facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from kasir.adyen.calls import METADATA_PAYMENT_ID
from kasir.adyen.notifications import EventCode, Item, moment
from kasir.adyen.replies import Answer, ResultCode, Verdict
from kasir.errors import Unreadable, cut
from kasir.money import Currency, Money
from kasir.payments.facts import DisputeSaid, Fact, Says, Source, unheard_key
from kasir.payments.matching import Clues
from kasir.payments.question import Heard, Kept, Kind, Question

#: What a result code says of a payment. `Error` is a final no, with its reason beside it.
RESULTS: Final[Mapping[ResultCode, Says]] = {
    ResultCode.AUTHORISED: Says.AUTHORISED,
    ResultCode.CANCELLED: Says.CANCELLED,
    ResultCode.ERROR: Says.REFUSED,
    ResultCode.PENDING: Says.PENDING,
    ResultCode.RECEIVED: Says.PENDING,
    ResultCode.REDIRECT_SHOPPER: Says.AWAITING_SHOPPER,
    ResultCode.REFUSED: Says.REFUSED,
}

#: What an event says of a payment, when it went well and when it did not. Adyen's page on event
#: codes and the Webhooks schema are the source; what is a guess stands in docs/adyen.md.
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
    (EventCode.EXPIRE, True): Says.NOTED,  # What was not captured is free again.
    (EventCode.EXPIRE, False): Says.NOTED,
    (EventCode.HANDLED_EXTERNALLY, True): Says.NOTED,
    (EventCode.HANDLED_EXTERNALLY, False): Says.NOTED,
    (EventCode.INFORMATION_SUPPLIED, True): Says.NOTED,
    (EventCode.INFORMATION_SUPPLIED, False): Says.NOTED,
    (EventCode.ISSUER_COMMENTS, True): Says.NOTED,
    (EventCode.ISSUER_COMMENTS, False): Says.NOTED,
    (EventCode.ISSUER_RESPONSE_TIMEFRAME_EXPIRED, True): Says.NOTED,
    (EventCode.ISSUER_RESPONSE_TIMEFRAME_EXPIRED, False): Says.NOTED,
    (EventCode.MANUAL_REVIEW_ACCEPT, True): Says.NOTED,  # What follows comes with its own event.
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
    (EventCode.REFUND_FAILED, True): Says.REFUND_FAILED,
    # Adyen's samples carry success=true here; the other would still be a refund that failed.
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
    (EventCode.VOID_PENDING_REFUND, True): Says.REFUND_FAILED,  # It never went back.
    (EventCode.VOID_PENDING_REFUND, False): Says.NOTED,
}

#: Codes that say nothing of a GoPay payment, each with the reason. They are kept all the same.
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
    EventCode.RECURRING_CONTRACT: "about tokens; one that failed is noted",
    EventCode.REFUND_WITH_DATA: "about refunds to a card, which is a kind of payout",
    EventCode.REPORT_AVAILABLE: "about a report, whose address stands in the reason",
}

#: Whose own pspReference names an attempt at paying. Every other event tells of a change of one:
#: its own pspReference names the change, and originalReference the attempt.
_IS_ATTEMPT: Final = frozenset({EventCode.AUTHORISATION, EventCode.OFFER_CLOSED})

#: What tells of a dispute, in any of its stages.
_OF_DISPUTES: Final = frozenset(
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
#: Where a dispute's reason code stands. Source: Adyen's Webhooks schema of disputes.
_REASON_CODES: Final = ("chargebackReasonCode", "rfiReasonCode")

#: An amount in minor units. `int` would take ` 25_000 ` too.
_WHOLE: Final = re.compile(r"[0-9]{1,19}", re.ASCII)

#: GoPay's refused notification for a shopper who cancelled says so in its reason only.
_CANCEL_WORDS: Final = ("CANCELLED", "SHOPPER CANCELLED", "CANCELED")


def of_reply(question: Question, answer: Answer, at: datetime) -> Heard:
    """What an answer to a question tells, and whether it is the final one."""
    fields = answer.json()
    verdict = answer.verdict
    if question.was_sent_before and verdict is Verdict.OURS and not _is_about(answer):
        # It tells why this try was not let in, and nothing of the try before, which may have moved
        # money. A final word would let the same be asked for again under another key.
        verdict = Verdict.UNKNOWN
    if verdict in {Verdict.THEIRS, Verdict.UNKNOWN}:
        return unheard(question, at, f"HTTP {answer.status} {fields.get('errorCode', '')}")
    kept = Kept(
        status=answer.status,
        body=answer.body,
        psp_reference=answer.psp_reference,
        fields=answer.fields,
    )
    if question.kind in {Kind.PAYMENTS, Kind.DETAILS}:
        fact = _payment_fact(question, answer, at, is_ours=verdict is Verdict.OURS)
    else:
        fact = _change_fact(question, fields, at, is_ours=verdict is Verdict.OURS)
    return Heard(answer=kept, facts=(fact,), clues=_clues_of_reply(question, fields, fact))


def reply_of(kept: Kept) -> Answer:
    """The reply that was kept."""
    return Answer(kept.status, kept.body, kept.psp_reference, decoded=kept.fields)


def _is_about(answer: Answer) -> bool:
    """Whether an error is Adyen's word on the request itself: so it was wrong each time."""
    is_refused = answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    return is_refused and answer.json().get("errorType") == "validation"


def _clues_of_reply(question: Question, fields: Mapping[str, Any], fact: Fact) -> Clues:
    """What an answer says of which payment it is about.

    The question was asked for one payment, except after a return: whoever came back may have
    brought the result of another payment, so there the answer alone can tell.
    """
    method = fields.get("paymentMethod")
    return Clues(
        attempt=fact.psp_reference,
        change=fact.modification,
        is_change=question.kind not in {Kind.PAYMENTS, Kind.DETAILS},
        payment_id=question.payment_id or "",
        # Whose the answer to our own call is, no reference need tell.
        reference="" if question.payment_id else _text(fields, "merchantReference"),
        method=_text(method, "type") if isinstance(method, dict) else "",
        amount=fact.amount,
        pays=fact.says is Says.AUTHORISED,
    )


def _payment_fact(question: Question, answer: Answer, at: datetime, *, is_ours: bool) -> Fact:
    fields = answer.json()
    source = Source.REPLY if question.kind is Kind.PAYMENTS else Source.DETAILS
    says = _result(fields)
    if is_ours:
        # A details call that is refused says nothing of the payment it meant.
        says = Says.FAILED if source is Source.REPLY else Says.NOTED
    return Fact(
        key=f"{source}:{question.key}",
        says=says,
        source=source,
        at=at,
        about=question.key,
        psp_reference="" if is_ours else _text(fields, "pspReference"),
        # A redirect's body names no attempt yet; its header names the offer, and OFFER_CLOSED,
        # which carries nothing we sent along, will speak of it by that name.
        modification=answer.psp_reference if says is Says.AWAITING_SHOPPER else "",
        amount=_money(fields.get("amount")),
        words=_text(fields, "refusalReason") or _text(fields, "message"),
    )


def _change_fact(
    question: Question, fields: Mapping[str, Any], at: datetime, *, is_ours: bool
) -> Fact:
    """Adyen answers a change with `received` and a name for it; how it ended comes later."""
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


def unheard(question: Question, at: datetime, why: str) -> Heard:
    """No answer that settles anything: the outcome is unknown until somebody asks again."""
    is_change = question.kind not in {Kind.PAYMENTS, Kind.DETAILS}
    fact = Fact(
        key=unheard_key(question.key),
        # Of a change nobody knows only how the change ended; the payment stands as it did.
        says=Says.NOTED if is_change else Says.UNKNOWN,
        source=Source.KASIR,
        at=at,
        about=question.key,
        words=why.strip(),
    )
    return Heard(answer=None, facts=(fact,))


def of_item(item: Item) -> Fact | None:
    """What a notification says of a payment; None where it speaks of none.

    Raises:
        Unreadable: Its date or amount is not what Adyen's schema says.
    """
    try:
        code = EventCode(item.event_code)
    except ValueError:
        return None  # A code never heard of: kept and accepted, and shown to the operator.
    says = _says(code, item)
    if says is None:
        return None
    amount = _item_money(item)
    if amount is None and says is Says.AUTHORISED:
        raise Unreadable("it says that money was paid, and not how much")
    attempt, change = _named(item)
    # One cancel by reference may end several attempts, each told under the cancel's one name.
    name = f"{change}:{attempt}" if code is EventCode.TECHNICAL_CANCEL else item.psp_reference
    return Fact(
        key=f"notification:{item.event_code}:{name}:{item.success_text}",
        says=says,
        source=Source.NOTIFICATION,
        at=moment(item.event_date),
        psp_reference=attempt,
        modification=change,
        amount=amount,
        words=item.reason or item.event_code,
        dispute=_dispute(item) if code in _OF_DISPUTES else None,
    )


def _dispute(item: Item) -> DisputeSaid:
    """What a notification says of a dispute. What cannot be read of it is left out, no more."""
    extra = item.additional_data
    codes = (extra.get(name, "").strip() for name in _REASON_CODES)
    deadline = None
    with suppress(Unreadable):
        deadline = moment(extra.get("defensePeriodEndsAt", "").strip())
    return DisputeSaid(
        reason=item.reason,
        reason_code=next(filter(None, codes), ""),
        deadline=deadline,
        status=extra.get("disputeStatus", ""),
    )


def _named(item: Item) -> tuple[str, str]:
    """The attempt that a notification names, and the change."""
    if item.event_code in _IS_ATTEMPT:  # There an originalReference means nothing.
        return item.psp_reference, ""
    if item.event_code == EventCode.TECHNICAL_CANCEL and not item.success:
        # A cancel by reference that found nothing open. The original it names is any payment of
        # that reference: it is the cancel that ended, and nothing became of the payment.
        return "", item.psp_reference
    return item.original_reference, item.psp_reference


def _says(code: EventCode, item: Item) -> Says | None:
    says = MEANINGS.get((code, item.success))
    if code is EventCode.CANCEL_OR_REFUND and says is Says.REFUND_CONFIRMED:
        cancelled = item.additional_data.get("modification.action") == "cancel"
        return Says.VOIDED if cancelled else says
    if says is Says.REFUSED and item.reason.upper() in _CANCEL_WORDS:
        return Says.CANCELLED
    return says


def clues_of(item: Item, fact: Fact) -> Clues:
    """What a notification says of which payment it is about."""
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
    """Adyen's names that a notification carries: the attempt's first, where it names one.

    They are kept in the clear, so that notices are found by them; so a token is never among them,
    though RECURRING_CONTRACT has it where others have the name of the event.
    """
    if item.event_code == EventCode.RECURRING_CONTRACT:
        return (item.initial_payment,) if item.initial_payment else ()
    return tuple(name for name in _named(item) if name)


def _result(fields: Mapping[str, Any]) -> Says:
    try:
        return RESULTS[ResultCode(fields.get("resultCode", ""))]
    except ValueError:
        return Says.PENDING  # An answer we do not know settles nothing; the notification will.


def _item_money(item: Item) -> Money | None:
    """The amount of a notification; None where it has none.

    Adyen's schema has a whole number; recorded notifications also write it as text.

    Raises:
        Unreadable: It is anything else, or negative.
    """
    if not item.amount_currency and not item.amount_value:
        return None
    if not _WHOLE.fullmatch(item.amount_value) or not item.amount_currency:
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

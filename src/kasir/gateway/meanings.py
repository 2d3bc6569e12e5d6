"""What Adyen's words mean to the domain: replies and notifications become facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from kasir.adyen.calls import METADATA_PAYMENT_ID
from kasir.adyen.notifications import EventCode, Item
from kasir.adyen.replies import Answer, ResultCode, Verdict
from kasir.errors import Unreadable
from kasir.money import Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.matching import News
from kasir.payments.ports import Heard, Kept, Question

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

#: What an event says of a payment, when it went well and when it did not.
MEANINGS: Final[Mapping[tuple[EventCode, bool], Says]] = {
    (EventCode.AUTHORISATION, True): Says.AUTHORISED,
    (EventCode.AUTHORISATION, False): Says.REFUSED,
    (EventCode.OFFER_CLOSED, True): Says.EXPIRED,
    (EventCode.OFFER_CLOSED, False): Says.NOTED,
}

#: GoPay's refused notification for a shopper who cancelled says so in its reason only.
_CANCEL_WORDS: Final = ("CANCELLED", "SHOPPER CANCELLED", "CANCELED")


def of_reply(question: Question, answer: Answer, at: datetime) -> Heard:
    """What an answer to a question tells, and whether it is the final one."""
    source = Source.REPLY if question.kind == "payments" else Source.DETAILS
    fields = answer.json()
    match answer.verdict:
        case Verdict.THEIRS | Verdict.UNKNOWN:
            return unheard(question, at, f"HTTP {answer.status} {fields.get('errorCode', '')}")
        case Verdict.OURS:
            # A details call that is refused says nothing of the payment it meant.
            says = Says.FAILED if source is Source.REPLY else Says.NOTED
        case Verdict.ANSWERED:
            says = _result(fields)
    fact = Fact(
        key=f"{source}:{question.key}",
        says=says,
        source=source,
        at=at,
        about=question.key,
        psp_reference=_text(fields, "pspReference") if says is not Says.FAILED else "",
        amount=_money(fields.get("amount")),
        words=_text(fields, "refusalReason") or _text(fields, "message"),
    )
    return Heard(
        answer=Kept(status=answer.status, body=answer.body, psp_reference=answer.psp_reference),
        facts=(fact,),
        reference=_text(fields, "merchantReference"),
        news=News(fact.psp_reference, question.payment_id or ""),
    )


def unheard(question: Question, at: datetime, why: str) -> Heard:
    """No answer that settles anything: the outcome is unknown until somebody asks again."""
    fact = Fact(
        key=f"unknown:{question.key}",
        says=Says.UNKNOWN,
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
    says = MEANINGS.get((code, item.success))
    if says is None:
        return None
    if says is Says.REFUSED and item.reason.upper() in _CANCEL_WORDS:
        says = Says.CANCELLED
    return Fact(
        key=f"notification:{item.event_code}:{item.psp_reference}:{item.success_text}",
        says=says,
        source=Source.NOTIFICATION,
        at=_moment(item.event_date),
        psp_reference=item.psp_reference,
        amount=_item_money(item),
        words=item.reason,
    )


def news_of(item: Item) -> News:
    """What a notification says of which payment it is about."""
    named = item.additional_data.get(f"metadata.{METADATA_PAYMENT_ID}", "")
    return News(item.original_reference or item.psp_reference, named)


def _result(fields: Mapping[str, Any]) -> Says:
    try:
        return RESULTS[ResultCode(fields.get("resultCode", ""))]
    except ValueError:
        return Says.PENDING  # An answer we do not know settles nothing; the notification will.


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"eventDate {text!r} is not an ISO 8601 date-time") from None
    if moment.tzinfo is None:
        raise Unreadable(f"eventDate {text!r} has no offset")
    return moment


def _item_money(item: Item) -> Money | None:
    if not item.amount_currency:
        return None
    try:
        return Money(Currency(item.amount_currency), int(item.amount_value))
    except ValueError:
        raise Unreadable(f"amount.value {item.amount_value!r} is not a whole number") from None


def _money(amount: object) -> Money | None:
    match amount:
        case {"currency": str(currency), "value": int(value)}:
            return Money(Currency(currency), value)
    return None


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""

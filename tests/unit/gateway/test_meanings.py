"""Adyen's answers and notifications become facts about payments."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from fakes import NOW, a_question, notification_item
from kasir.adyen.notifications import EventCode, Item, item_from
from kasir.adyen.replies import Answer, ResultCode
from kasir.errors import Unreadable
from kasir.gateway.meanings import IGNORED, MEANINGS, RESULTS, clues_of, names_of, of_item, of_reply
from kasir.money import IDR, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.matching import Clues
from kasir.payments.question import CallResult, Kind

PSP = "QFQTPCQ8HXSKGK82"


def item(**changes: Any) -> Item:
    return item_from(json.dumps(notification_item(**changes)).encode())


def fact_of(**changes: Any) -> Fact:
    fact = of_item(item(**changes))
    assert fact is not None
    return fact


def clues_from(**changes: Any) -> Clues:
    return clues_of(item(**changes), fact_of(**changes))


def result(kind: Kind, status: int, /, *, transient: bool = False, **fields: Any) -> CallResult:
    """The result of a call that was answered with this status, and a body with these fields."""
    body = json.dumps(fields).encode() if fields else b""
    question = a_question(key="kasir-1", kind=kind)
    return of_reply(question, Answer(status, body, "HEADERPSP", transient), NOW)


# Answers.


@pytest.mark.parametrize("code", ResultCode)
def test_every_result_code_has_a_meaning(code: ResultCode) -> None:
    assert RESULTS[code] in Says


@pytest.mark.parametrize("code", EventCode)
def test_every_event_code_has_a_meaning_for_success_and_failure_or_is_ignored(
    code: EventCode,
) -> None:
    meant = {success for success in (True, False) if (code, success) in MEANINGS}

    assert meant == (set() if code in IGNORED else {True, False})
    # `IGNORED` contains a reason for each code that is ignored.
    assert IGNORED.get(code, "a reason").strip() != ""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("Authorised", Says.AUTHORISED),
        ("Refused", Says.REFUSED),
        ("Error", Says.REFUSED),
        ("Cancelled", Says.CANCELLED),
        ("Pending", Says.PENDING),
        ("Received", Says.PENDING),
        ("RedirectShopper", Says.AWAITING_SHOPPER),
        ("PresentToShopper", Says.PENDING),
        ("SomethingNew", Says.PENDING),
    ],
)
@pytest.mark.parametrize("kind", [Kind.PAYMENTS, Kind.DETAILS])
def test_a_result_code_gives_its_fact(kind: Kind, code: str, says: Says) -> None:
    outcome = result(kind, 200, resultCode=code, pspReference=PSP)
    (fact,) = outcome.facts

    assert (fact.says, fact.psp_reference, fact.about) == (says, PSP, "kasir-1")
    assert fact.source == (Source.REPLY if kind is Kind.PAYMENTS else Source.DETAILS)
    assert outcome.answer is not None
    assert outcome.answer.psp_reference == "HEADERPSP"


def test_an_answer_to_details_gives_clues_to_its_payment() -> None:
    fields = {
        "resultCode": "Authorised",
        "pspReference": PSP,
        "merchantReference": "ORDER-1001",
        "amount": {"currency": "IDR", "value": 25_000},
    }
    question = a_question(key="kasir-1", kind=Kind.DETAILS, payment_id=None)
    outcome = of_reply(question, Answer(200, json.dumps(fields).encode()), NOW)

    assert outcome.clues is not None
    assert outcome.clues.reference == "ORDER-1001"
    assert outcome.clues.names == (PSP,)
    assert outcome.clues.amount == Money(IDR, 25_000)
    assert outcome.facts[0].amount == Money(IDR, 25_000)


def test_a_payment_that_adyen_rejected_has_failed() -> None:
    outcome = result(Kind.PAYMENTS, 422, errorCode="14_030", message="Return URL is missing.")
    (fact,) = outcome.facts

    assert (fact.says, fact.psp_reference) == (Says.FAILED, "")
    assert fact.words == "Return URL is missing."
    assert outcome.answer is not None
    assert outcome.answer.status == 422


def test_details_that_adyen_rejected_give_no_fact_about_the_payment() -> None:
    outcome = result(Kind.DETAILS, 422, errorCode="14_018", message="Invalid payload provided")

    assert [fact.says for fact in outcome.facts] == [Says.NOTED]
    assert outcome.answer is not None


@pytest.mark.parametrize(
    ("status", "transient", "code"),
    [
        (409, False, "704"),
        (422, False, "704"),
        (503, True, "703"),
        (500, False, ""),
        (429, False, ""),
    ],
)
@pytest.mark.parametrize("kind", [Kind.PAYMENTS, Kind.DETAILS])
def test_an_answer_that_is_not_final_is_not_kept(
    kind: Kind, status: int, transient: bool, code: str
) -> None:
    outcome = result(kind, status, transient=transient, errorCode=code)
    (fact,) = outcome.facts

    assert outcome.answer is None
    assert (fact.says, fact.about, fact.source) == (Says.UNKNOWN, "kasir-1", Source.KASIR)
    assert str(status) in fact.words


def test_several_answers_that_are_not_final_are_one_fact() -> None:
    first = result(Kind.PAYMENTS, 500, errorCode="x")
    second = result(Kind.PAYMENTS, 409, errorCode="704")

    assert first.facts[0].key == second.facts[0].key


def test_an_accepted_refund_has_a_psp_reference_and_a_rejected_one_is_declined() -> None:
    accepted = result(
        Kind.REFUNDS,
        201,
        status="received",
        pspReference="CHG",
        paymentPspReference=PSP,
        amount={"currency": "IDR", "value": 10_000},
    )
    declined = result(Kind.REFUNDS, 422, errorCode="167", message="no original")

    (fact,) = accepted.facts
    assert (fact.says, fact.psp_reference, fact.modification) == (Says.REFUND_RECEIVED, PSP, "CHG")
    assert fact.amount == Money(IDR, 10_000)
    assert [fact.says for fact in declined.facts] == [Says.REFUND_DECLINED]


@pytest.mark.parametrize("kind", [Kind.CAPTURES, Kind.CANCELS, Kind.CANCELS_BY_REFERENCE])
def test_an_accepted_capture_or_cancel_has_a_psp_reference_and_a_rejected_one_is_declined(
    kind: Kind,
) -> None:
    accepted = result(kind, 201, status="received", pspReference="CHG", paymentPspReference=PSP)
    declined = result(kind, 422, errorCode="167", message="no original")

    (fact,) = accepted.facts
    assert (fact.says, fact.psp_reference, fact.modification) == (Says.CHANGE_RECEIVED, PSP, "CHG")
    assert [fact.says for fact in declined.facts] == [Says.CHANGE_DECLINED]


# Notifications.


@pytest.mark.parametrize(
    ("code", "success", "says"),
    [
        ("AUTHORISATION", "true", Says.AUTHORISED),
        ("AUTHORISATION", "false", Says.REFUSED),
        ("OFFER_CLOSED", "true", Says.EXPIRED),
        ("CAPTURE", "true", Says.CAPTURED),
        ("CAPTURE", "false", Says.CAPTURE_REJECTED),
        ("CAPTURE_FAILED", "true", Says.CAPTURE_FAILED),
        ("CANCELLATION", "true", Says.VOIDED),
        ("CANCELLATION", "false", Says.CANCEL_REJECTED),
        ("TECHNICAL_CANCEL", "true", Says.VOIDED),
        ("TECHNICAL_CANCEL", "false", Says.CANCEL_REJECTED),
        ("CANCEL_OR_REFUND", "true", Says.REFUND_CONFIRMED),
        ("CANCEL_OR_REFUND", "false", Says.REFUND_REJECTED),
        ("REFUND", "true", Says.REFUND_CONFIRMED),
        ("REFUND", "false", Says.REFUND_REJECTED),
        ("REFUND_FAILED", "true", Says.REFUND_FAILED),
        ("REFUNDED_REVERSED", "true", Says.REFUND_REVERSED),
        ("CHARGEBACK", "true", Says.CHARGED_BACK),
        ("CHARGEBACK_REVERSED", "true", Says.CHARGEBACK_REVERSED),
        ("SECOND_CHARGEBACK", "true", Says.SECOND_CHARGEBACK),
        ("SECOND_CHARGEBACK", "false", Says.NOTED),
        ("NOTIFICATION_OF_CHARGEBACK", "true", Says.DISPUTE_ANNOUNCED),
    ],
)
def test_an_event_code_gives_its_fact(code: str, success: str, says: Says) -> None:
    fact = fact_of(eventCode=code, success=success, originalReference="ORIGINAL")

    assert fact.says == says
    assert fact.source == Source.NOTIFICATION
    assert fact.at == datetime.fromisoformat("2026-05-05T05:05:05+02:00")
    assert fact.amount == Money(IDR, 25_000)


def test_an_event_of_a_payment_names_the_attempt() -> None:
    fact = fact_of(pspReference=PSP)

    assert (fact.psp_reference, fact.modification) == (PSP, "")


@pytest.mark.parametrize(
    "code", ["REFUND", "CAPTURE", "CANCELLATION", "REFUND_FAILED", "NOTIFICATION_OF_CHARGEBACK"]
)
def test_an_event_of_a_change_names_the_attempt_and_the_change(code: str) -> None:
    fact = fact_of(eventCode=code, pspReference="CHG", originalReference=PSP)

    assert (fact.psp_reference, fact.modification) == (PSP, "CHG")
    assert names_of(item(eventCode=code, pspReference="CHG", originalReference=PSP)) == (PSP, "CHG")


def test_a_reversal_that_cancelled_is_a_cancellation() -> None:
    done = {"modification.action": "cancel"}
    fact = fact_of(eventCode="CANCEL_OR_REFUND", originalReference=PSP, additionalData=done)

    assert fact.says == Says.VOIDED


@pytest.mark.parametrize("reason", ["CANCELLED", "Shopper Cancelled", "cancelled"])
def test_a_cancellation_by_the_shopper_differs_from_a_refusal_by_the_wallet(reason: str) -> None:
    assert fact_of(success="false", reason=reason).says == Says.CANCELLED
    assert fact_of(success="false", reason="Not enough balance").says == Says.REFUSED


def test_the_same_event_twice_is_one_fact_whatever_its_date() -> None:
    first, again = fact_of(), fact_of(eventDate="2026-05-05T06:00:00+02:00")

    assert first.key == again.key
    assert fact_of(success="false").key != first.key
    assert fact_of(pspReference="OTHER").key != first.key


def test_kasirs_payment_id_is_read_from_the_metadata() -> None:
    clues = clues_from(pspReference=PSP, additionalData={"metadata.kasirPaymentId": "pay_1"})

    assert (clues.names, clues.payment_id) == ((PSP,), "pay_1")
    assert clues_from(pspReference=PSP).payment_id == ""


@pytest.mark.parametrize("code", ["AUTHORISATION", "OFFER_CLOSED"])
def test_the_original_reference_in_an_event_of_a_payment_is_ignored(code: str) -> None:
    clues = clues_from(eventCode=code, pspReference=PSP, originalReference="ANOTHER-PSP")

    assert (clues.names, clues.is_change) == ((PSP,), False)
    changes = {"eventCode": code, "originalReference": "ANOTHER-PSP"}
    assert names_of(item(**changes))[0] != "ANOTHER-PSP"


@pytest.mark.parametrize(
    "code", sorted({code for code, _ in MEANINGS} - {"AUTHORISATION", "OFFER_CLOSED"})
)
def test_an_event_of_a_change_names_the_attempt_by_its_original_reference(code: str) -> None:
    clues = clues_from(eventCode=code, pspReference="CHG", originalReference=PSP)

    assert (clues.attempt, clues.change, clues.is_change) == (PSP, "CHG", True)


@pytest.mark.parametrize(
    "value", [" 25_000 ", "25_000", "-1", -1, "+1", "1e3", 1.5, "", "٢٥", True]
)
def test_an_amount_that_is_not_a_whole_number_is_unreadable(value: object) -> None:
    with pytest.raises(Unreadable, match=r"amount\.value"):
        fact_of(amount={"currency": "IDR", "value": value})


@pytest.mark.parametrize("value", [25_000, "25000"])
def test_an_amount_may_be_a_number_or_text(value: object) -> None:
    assert fact_of(amount={"currency": "IDR", "value": value}).amount == Money(IDR, 25_000)


def test_an_authorisation_without_an_amount_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="not how much"):
        fact_of(amount=None)
    assert fact_of(amount=None, success="false").says == Says.REFUSED


@pytest.mark.parametrize("code", ["SOMETHING_NEW", "", "authorisation", *IGNORED])
def test_an_event_that_is_not_about_a_payment_gives_no_fact(code: str) -> None:
    assert of_item(item(eventCode=code)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"eventDate": "yesterday"},
        {"eventDate": ""},
        {"eventDate": "2026-05-05T05:05:05"},
        {"amount": {"currency": "IDR", "value": "x"}},
        {"amount": {"currency": "IDR", "value": 1.5}},
    ],
)
def test_an_item_that_breaks_the_schema_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        of_item(item(**changes))


def test_an_event_without_an_amount_gives_a_fact_without_one() -> None:
    fields = notification_item(eventCode="OFFER_CLOSED") | {"amount": {}}

    fact = of_item(item_from(json.dumps(fields).encode()))

    assert fact is not None
    assert fact.amount is None

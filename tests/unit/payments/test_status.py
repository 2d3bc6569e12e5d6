"""Which fact decides the status of a payment."""

from __future__ import annotations

import pytest

from fakes import a_fact
from kasir.payments.facts import Fact, Says
from kasir.payments.status import FINAL, PRECEDENCE, Status, paid_attempts, status

#: Each precedes every one below it, if a payment has facts of both.
RANKS = [
    (Says.AUTHORISED, Status.AUTHORISED),
    (Says.CANCELLED, Status.CANCELLED),
    (Says.REFUSED, Status.REFUSED),
    (Says.EXPIRED, Status.EXPIRED),
    (Says.FAILED, Status.FAILED),
    (Says.UNKNOWN, Status.UNKNOWN),
    (Says.PENDING, Status.PENDING),
    (Says.AWAITING_SHOPPER, Status.AWAITING_SHOPPER),
]


def facts_of(*words: Says) -> list[Fact]:
    """Facts about calls of their own, so that none answers another."""
    return [a_fact(word, "PSP-A", about=f"call-{number}") for number, word in enumerate(words)]


def test_a_payment_without_facts_is_created() -> None:
    assert status([]) == Status.CREATED


@pytest.mark.parametrize(("word", "wanted"), RANKS)
def test_one_fact_gives_its_status(word: Says, wanted: Status) -> None:
    assert status(facts_of(word)) == wanted


@pytest.mark.parametrize("high", range(len(RANKS)))
@pytest.mark.parametrize("low", range(len(RANKS)))
def test_of_two_facts_the_one_with_the_higher_precedence_counts(high: int, low: int) -> None:
    (first, wanted), (second, _) = RANKS[min(high, low)], RANKS[max(high, low)]

    assert status(facts_of(second, first)) == wanted


@pytest.mark.parametrize(
    "word",
    [
        Says.NOTED,
        Says.CAPTURED,
        Says.CAPTURE_FAILED,
        Says.REFUND_ASKED,
        Says.REFUND_RECEIVED,
        Says.REFUND_DECLINED,
        Says.REFUND_CONFIRMED,
        Says.REFUND_REJECTED,
        Says.REFUND_FAILED,
        Says.REFUND_REVERSED,
        Says.CHARGED_BACK,
        Says.CHARGEBACK_REVERSED,
        Says.SECOND_CHARGEBACK,
    ],
)
def test_later_facts_about_the_money_do_not_change_the_status(word: Says) -> None:
    assert status(facts_of(Says.AUTHORISED, word)) == Status.AUTHORISED
    assert status(facts_of(Says.REFUSED, word)) == Status.REFUSED


def test_every_member_of_says_has_a_precedence() -> None:
    ranked = {word for word, _ in PRECEDENCE} | {Says.AUTHORISED}
    about_money = {word for word in Says if status(facts_of(Says.PENDING, word)) == Status.PENDING}

    assert ranked | about_money == set(Says)


def test_a_refusal_of_another_attempt_does_not_unpay() -> None:
    facts = [
        a_fact(Says.AUTHORISED, "PSP-A"),
        a_fact(Says.REFUSED, "PSP-B"),
        a_fact(Says.EXPIRED, "OFFER"),
        a_fact(Says.VOIDED, "PSP-B", modification="CHG"),
    ]

    assert status(facts) == Status.AUTHORISED
    assert paid_attempts(facts) == {"PSP-A"}


def test_a_false_of_the_same_attempt_does_not_unpay_either() -> None:
    assert status([a_fact(Says.AUTHORISED, "PSP-A"), a_fact(Says.REFUSED, "PSP-A")]) == (
        Status.AUTHORISED
    )


def test_a_voiding_of_the_same_attempt_does() -> None:
    facts = [a_fact(Says.AUTHORISED, "PSP-A"), a_fact(Says.VOIDED, "PSP-A", modification="CHG")]

    assert status(facts) == Status.CANCELLED
    assert paid_attempts(facts) == frozenset()


def test_of_two_paid_attempts_one_may_be_voided() -> None:
    facts = [
        a_fact(Says.AUTHORISED, "PSP-A"),
        a_fact(Says.AUTHORISED, "PSP-B"),
        a_fact(Says.VOIDED, "PSP-A", modification="CHG"),
    ]

    assert status(facts) == Status.AUTHORISED
    assert paid_attempts(facts) == {"PSP-B"}


def test_an_unknown_outcome_is_lifted_by_an_answer_to_the_same_call() -> None:
    silence = a_fact(Says.UNKNOWN, about="kasir-pay_1")
    answer = a_fact(Says.AWAITING_SHOPPER, about="kasir-pay_1")

    assert status([silence]) == Status.UNKNOWN
    assert status([silence, answer]) == Status.AWAITING_SHOPPER


def test_an_unknown_outcome_is_not_lifted_by_an_answer_to_another_call() -> None:
    silence = a_fact(Says.UNKNOWN, about="kasir-det-1")
    answer = a_fact(Says.AWAITING_SHOPPER, about="kasir-pay_1")

    assert status([silence, answer]) == Status.UNKNOWN


def test_an_unknown_outcome_is_settled_by_any_final_fact() -> None:
    silence = a_fact(Says.UNKNOWN, about="kasir-pay_1")

    assert status([silence, a_fact(Says.AUTHORISED, "PSP-A")]) == Status.AUTHORISED
    assert status([silence, a_fact(Says.REFUSED, "PSP-A")]) == Status.REFUSED


def test_the_final_statuses_are_those_that_no_fact_is_expected_to_change() -> None:
    going_on = {Status.CREATED, Status.UNKNOWN, Status.AWAITING_SHOPPER, Status.PENDING}

    assert set(Status) - FINAL == going_on

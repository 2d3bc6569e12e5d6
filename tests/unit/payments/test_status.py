"""Which fact decides the status of a payment."""

from __future__ import annotations

import pytest

from fakes import a_fact
from kasir.payments.facts import Fact, Says
from kasir.payments.status import FINAL, PRECEDENCE, Status, paid_attempts, status

#: If a payment has several of these facts, the first in this list decides the status.
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


def facts_of(*reported: Says) -> list[Fact]:
    """Facts about different calls, so that no fact answers another."""
    return [a_fact(says, "PSP-A", about=f"call-{number}") for number, says in enumerate(reported)]


def test_a_payment_without_facts_is_created() -> None:
    assert status([]) == Status.CREATED


@pytest.mark.parametrize(("says", "expected"), RANKS)
def test_one_fact_gives_its_status(says: Says, expected: Status) -> None:
    assert status(facts_of(says)) == expected


@pytest.mark.parametrize("high", range(len(RANKS)))
@pytest.mark.parametrize("low", range(len(RANKS)))
def test_the_fact_with_the_higher_precedence_decides(high: int, low: int) -> None:
    (first, expected), (second, _) = RANKS[min(high, low)], RANKS[max(high, low)]

    assert status(facts_of(second, first)) == expected


@pytest.mark.parametrize(
    "says",
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
def test_later_facts_about_the_money_do_not_change_the_status(says: Says) -> None:
    assert status(facts_of(Says.AUTHORISED, says)) == Status.AUTHORISED
    assert status(facts_of(Says.REFUSED, says)) == Status.REFUSED


def test_every_member_of_says_has_a_precedence() -> None:
    ranked = {says for says, _ in PRECEDENCE} | {Says.AUTHORISED}
    about_money = {says for says in Says if status(facts_of(Says.PENDING, says)) == Status.PENDING}

    assert ranked | about_money == set(Says)


def test_a_refusal_of_another_attempt_leaves_the_payment_authorised() -> None:
    facts = [
        a_fact(Says.AUTHORISED, "PSP-A"),
        a_fact(Says.REFUSED, "PSP-B"),
        a_fact(Says.EXPIRED, "OFFER"),
        a_fact(Says.VOIDED, "PSP-B", modification="CHG"),
    ]

    assert status(facts) == Status.AUTHORISED
    assert paid_attempts(facts) == {"PSP-A"}


def test_a_refusal_of_the_same_attempt_leaves_the_payment_authorised() -> None:
    assert status([a_fact(Says.AUTHORISED, "PSP-A"), a_fact(Says.REFUSED, "PSP-A")]) == (
        Status.AUTHORISED
    )


def test_voiding_the_paid_attempt_cancels_the_payment() -> None:
    facts = [a_fact(Says.AUTHORISED, "PSP-A"), a_fact(Says.VOIDED, "PSP-A", modification="CHG")]

    assert status(facts) == Status.CANCELLED
    assert paid_attempts(facts) == frozenset()


def test_voiding_one_of_two_paid_attempts_leaves_the_payment_authorised() -> None:
    facts = [
        a_fact(Says.AUTHORISED, "PSP-A"),
        a_fact(Says.AUTHORISED, "PSP-B"),
        a_fact(Says.VOIDED, "PSP-A", modification="CHG"),
    ]

    assert status(facts) == Status.AUTHORISED
    assert paid_attempts(facts) == {"PSP-B"}


def test_an_answer_to_the_same_call_replaces_an_unknown_outcome() -> None:
    no_answer = a_fact(Says.UNKNOWN, about="kasir-pay_1")
    answer = a_fact(Says.AWAITING_SHOPPER, about="kasir-pay_1")

    assert status([no_answer]) == Status.UNKNOWN
    assert status([no_answer, answer]) == Status.AWAITING_SHOPPER


def test_an_answer_to_another_call_does_not_replace_an_unknown_outcome() -> None:
    no_answer = a_fact(Says.UNKNOWN, about="kasir-det-1")
    answer = a_fact(Says.AWAITING_SHOPPER, about="kasir-pay_1")

    assert status([no_answer, answer]) == Status.UNKNOWN


def test_any_final_fact_replaces_an_unknown_outcome() -> None:
    no_answer = a_fact(Says.UNKNOWN, about="kasir-pay_1")

    assert status([no_answer, a_fact(Says.AUTHORISED, "PSP-A")]) == Status.AUTHORISED
    assert status([no_answer, a_fact(Says.REFUSED, "PSP-A")]) == Status.REFUSED


def test_the_final_statuses_are_those_that_no_fact_is_expected_to_change() -> None:
    not_final = {Status.CREATED, Status.UNKNOWN, Status.AWAITING_SHOPPER, Status.PENDING}

    assert set(Status) - FINAL == not_final

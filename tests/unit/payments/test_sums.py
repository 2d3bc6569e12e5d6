"""The captured, refunded and charged back sums of a payment's facts."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

from fakes import a_fact, an_intent
from kasir.money import IDR, Currency, Money
from kasir.payments.facts import Fact, Says
from kasir.payments.fold import fold, payment
from kasir.payments.payment import Payment, Summary
from kasir.payments.refunds import RefundStatus
from kasir.payments.sums import sums

KEY = "kasir-chg-1"


def rupiah(value: int) -> Money:
    return Money(IDR, value)


def folded(*facts: Fact, **intent: Any) -> Summary:
    return fold(an_intent(**intent), facts)


def refundable(paid_payment: Payment) -> Money:
    return sums(paid_payment.intent, paid_payment.facts).refundable("PSP-A").left


def paid(attempt: str = "PSP-A", value: int | None = 25_000, **more: Any) -> Fact:
    return a_fact(Says.AUTHORISED, attempt, amount=rupiah(value) if value else None, **more)


def change(says: Says, name: str = "CHG", value: int | None = 10_000, **more: Any) -> Fact:
    """A fact about a modification with this pspReference."""
    amount = rupiah(value) if value else None
    return a_fact(says, "PSP-A", modification=name, amount=amount, **more)


def asked(value: int = 10_000, about: str = KEY) -> Fact:
    """The shop's request for a refund."""
    return a_fact(Says.REFUND_ASKED, about=about, amount=rupiah(value))


def received(about: str = KEY, name: str = "CHG", value: int = 10_000) -> Fact:
    """Adyen's answer to the request for a refund."""
    return change(Says.REFUND_RECEIVED, name, value, about=about)


# Captured.


def test_nothing_is_captured_before_it_is_authorised() -> None:
    summary = folded(a_fact(Says.AWAITING_SHOPPER))

    assert (summary.captured, summary.refunded, summary.charged_back) == (rupiah(0),) * 3


def test_an_attempt_with_two_authorisations_is_captured_once() -> None:
    by_details = paid(about="kasir-det-1")
    by_notification = paid()

    assert folded(by_details, by_notification).captured == rupiah(25_000)


def test_two_attempts_that_were_paid_are_captured_twice() -> None:
    assert folded(paid("PSP-A"), paid("PSP-B")).captured == rupiah(50_000)


def test_an_attempt_without_an_amount_has_the_amount_of_the_intent() -> None:
    assert folded(paid(value=None)).captured == rupiah(25_000)


def test_a_voided_attempt_is_not_captured() -> None:
    voided = a_fact(Says.VOIDED, "PSP-A", modification="CHG")

    assert folded(paid(), voided).captured == rupiah(0)


def test_a_failed_capture_is_not_captured() -> None:
    assert folded(paid(), change(Says.CAPTURE_FAILED, value=25_000)).captured == rupiah(0)


def test_only_capture_facts_count_where_capture_is_a_separate_step() -> None:
    first, second = change(Says.CAPTURED, "C1", 10_000), change(Says.CAPTURED, "C2", 5_000)

    assert folded(paid(), captures_itself=False).captured == rupiah(0)
    assert folded(paid(), first, second, captures_itself=False).captured == rupiah(15_000)


def test_the_paid_attempt_gives_the_payment_its_psp_reference() -> None:
    assert folded(a_fact(Says.REFUSED, "PSP-A"), paid("PSP-B")).psp_reference == "PSP-B"
    assert folded(a_fact(Says.REFUSED, "PSP-A")).psp_reference == "PSP-A"
    assert folded(a_fact(Says.AWAITING_SHOPPER)).psp_reference == ""


# Refunded.


def test_a_requested_refund_is_not_refunded_yet_and_holds_its_amount() -> None:
    paid_payment = payment(an_intent(), [paid(), asked()])
    (refund,) = paid_payment.summary.refunds

    assert (refund.name, refund.amount, refund.status) == (
        KEY,
        rupiah(10_000),
        RefundStatus.REQUESTED,
    )
    assert paid_payment.summary.refunded == rupiah(0)
    assert refundable(paid_payment) == rupiah(15_000)


def test_the_answer_gives_the_refund_its_psp_reference() -> None:
    (refund,) = folded(paid(), asked(), received()).refunds

    assert (refund.name, refund.status) == ("CHG", RefundStatus.REQUESTED)


def test_a_confirmed_refund_is_counted() -> None:
    summary = folded(paid(), asked(), received(), change(Says.REFUND_CONFIRMED))

    assert [refund.status for refund in summary.refunds] == [RefundStatus.SUCCEEDED]
    assert summary.refunded == rupiah(10_000)


def test_several_refunds_add_up() -> None:
    facts = [
        *(paid(), asked(10_000, "k1"), received("k1", "C1"), change(Says.REFUND_CONFIRMED, "C1")),
        *(asked(5_000, "k2"), received("k2", "C2", 5_000)),
        change(Says.REFUND_CONFIRMED, "C2", 5_000),
    ]
    paid_payment = payment(an_intent(), facts)

    assert paid_payment.summary.refunded == rupiah(15_000)
    assert refundable(paid_payment) == rupiah(10_000)


def test_a_refund_that_was_not_requested_through_kasir_counts_too() -> None:
    paid_payment = payment(an_intent(), [paid(), change(Says.REFUND_CONFIRMED)])

    assert paid_payment.summary.refunded == rupiah(10_000)
    assert refundable(paid_payment) == rupiah(15_000)


def test_a_refund_confirmed_before_its_answer_is_one_refund() -> None:
    summary = folded(paid(), change(Says.REFUND_CONFIRMED), asked(), received())

    assert len(summary.refunds) == 1
    assert summary.refunded == rupiah(10_000)


def test_the_amount_of_a_failed_refund_can_be_refunded_again() -> None:
    for facts in (
        [change(Says.REFUND_REJECTED)],
        [change(Says.REFUND_FAILED)],
        [change(Says.REFUND_CONFIRMED), change(Says.REFUND_FAILED)],
        [change(Says.REFUND_FAILED), change(Says.REFUND_CONFIRMED)],
        [change(Says.REFUND_CONFIRMED), change(Says.REFUND_REVERSED)],
    ):
        paid_payment = payment(an_intent(), [paid(), asked(), received(), *facts])

        assert paid_payment.summary.refunded == rupiah(0)
        assert refundable(paid_payment) == rupiah(25_000)


def test_a_rejected_refund_request_is_not_a_refund() -> None:
    declined = a_fact(Says.REFUND_DECLINED, about=KEY)
    paid_payment = payment(an_intent(), [paid(), asked(), declined])

    assert paid_payment.summary.refunds == ()
    assert refundable(paid_payment) == rupiah(25_000)


def test_a_refund_with_a_failure_and_a_success_is_the_same_in_any_order() -> None:
    facts = [paid(), change(Says.REFUND_REJECTED), change(Says.REFUND_CONFIRMED)]

    assert folded(*facts).refunds == folded(*facts[::-1]).refunds


def test_the_confirmed_amount_counts_and_not_the_requested_one() -> None:
    confirmed = change(Says.REFUND_CONFIRMED, value=8_000)

    assert folded(paid(), asked(), received(), confirmed).refunded == rupiah(8_000)


# Charged back.


def test_a_chargeback_counts_until_it_is_reversed() -> None:
    lost = change(Says.CHARGED_BACK, "DISPUTE", 25_000)
    returned = change(Says.CHARGEBACK_REVERSED, "DISPUTE", 25_000)

    assert folded(paid(), lost).charged_back == rupiah(25_000)
    assert folded(paid(), lost, returned).charged_back == rupiah(0)
    assert folded(paid(), lost, returned).status == "authorised"


def test_a_second_chargeback_takes_the_money_again_in_any_order_of_facts() -> None:
    facts = [
        change(Says.CHARGED_BACK, "DISPUTE", 25_000),
        change(Says.CHARGEBACK_REVERSED, "DISPUTE", 25_000),
        change(Says.SECOND_CHARGEBACK, "DISPUTE", 24_000),
    ]

    for order in permutations(facts):
        assert folded(paid(), *order).charged_back == rupiah(24_000)
    # The notifications of the first chargeback may be missing.
    for size in (0, 1):
        for reported in combinations(facts[:2], size):
            assert folded(paid(), *reported, facts[2]).charged_back == rupiah(24_000)


def test_each_dispute_is_lost_or_won_separately() -> None:
    lost_again = change(Says.SECOND_CHARGEBACK, "D1", 10_000)
    won = [change(says, "D2", 5_000) for says in (Says.CHARGED_BACK, Says.CHARGEBACK_REVERSED)]

    assert folded(paid(), lost_again, *won).charged_back == rupiah(10_000)


def test_a_refund_in_another_currency_is_not_counted() -> None:
    euro = a_fact(
        Says.REFUND_CONFIRMED, "PSP-A", modification="CHG", amount=Money(Currency("EUR"), 5)
    )

    assert folded(paid(), euro).refunded == rupiah(0)

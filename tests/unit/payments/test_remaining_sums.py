"""How much of an attempt can still be refunded or captured, and why not the rest."""

from __future__ import annotations

from typing import Any

import pytest

from fakes import a_fact, an_intent
from kasir.money import IDR, Currency, Money
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.fold import fold
from kasir.payments.sums import Remaining, Why, sums

WHOLE = 25_000


def paid(attempt: str = "PSP-A") -> Fact:
    return a_fact(Says.AUTHORISED, attempt, amount=Money(IDR, WHOLE))


def notified(says: Says, name: str, value: int | None = None, attempt: str = "PSP-A") -> Fact:
    """The notification of a modification with this pspReference, of `value` rupiah."""
    amount = None if value is None else Money(IDR, value)
    return a_fact(says, attempt, modification=name, amount=amount)


def asked(says: Says, value: int | None = None, about: str = "k1", attempt: str = "PSP-A") -> Fact:
    """The shop's request for a change of `value` rupiah; `about` is its key."""
    amount = None if value is None else Money(IDR, value)
    return a_fact(says, attempt, about=about, amount=amount, source=Source.SHOP)


def answered(says: Says, name: str, about: str = "k1") -> Fact:
    """The answer to a request, which gives it this pspReference."""
    return a_fact(says, "PSP-A", about=about, modification=name, source=Source.REPLY)


def refundable(*facts: Fact, attempt: str = "PSP-A", **intent: Any) -> Remaining:
    return sums(an_intent(**intent), facts).refundable(attempt)


def capturable(*facts: Fact, attempt: str = "PSP-A") -> Remaining:
    return sums(an_intent(captures_itself=False), facts).capturable(attempt)


def left(remaining: Remaining) -> int:
    """How many rupiah are left."""
    return remaining.left.minor_units


# Refunds.


def test_an_open_reversal_also_holds_an_amount_that_is_captured_later() -> None:
    reversal = asked(Says.REVERSAL_ASKED)
    capture = notified(Says.CAPTURED, "C1", WHOLE)
    remaining = refundable(paid(), reversal, capture, captures_itself=False)

    assert (left(remaining), remaining.held) == (0, {Why.REVERSAL_OPEN: WHOLE})
    assert str(remaining) == "of 25000, 25000 are held by a reversal whose end is not known yet"


def test_a_reversal_that_became_a_refund_holds_the_refunded_amount() -> None:
    facts = [paid(), asked(Says.REVERSAL_ASKED), answered(Says.REFUND_RECEIVED, "R1")]
    remaining = refundable(*facts, notified(Says.REFUND_CONFIRMED, "R1", 10_000))

    assert (left(remaining), remaining.held) == (15_000, {Why.REFUNDED: 10_000})


def test_a_reversal_without_effect_holds_nothing() -> None:
    facts = [paid(), asked(Says.REVERSAL_ASKED), answered(Says.REFUND_RECEIVED, "R1")]

    assert left(refundable(*facts)) == 0
    assert left(refundable(*facts, notified(Says.REFUND_REJECTED, "R1", WHOLE))) == WHOLE
    declined = a_fact(Says.REFUND_DECLINED, about="k1")
    assert left(refundable(paid(), asked(Says.REVERSAL_ASKED), declined)) == WHOLE


def test_a_reversal_that_cancelled_the_payment_is_not_a_refund() -> None:
    facts = [paid(), asked(Says.REVERSAL_ASKED), answered(Says.REFUND_RECEIVED, "R1")]
    folded = fold(an_intent(captures_itself=False), [*facts, notified(Says.VOIDED, "R1")])

    assert folded.refunds == ()
    assert folded.status == "cancelled"


def test_a_refund_with_an_unknown_outcome_holds_its_amount() -> None:
    no_answer = a_fact(Says.NOTED, about="k1", source=Source.KASIR)
    remaining = refundable(paid(), asked(Says.REFUND_ASKED, 10_000), no_answer)

    assert (left(remaining), remaining.held) == (15_000, {Why.REFUND_OPEN: 10_000})


def test_a_chargeback_holds_its_amount_until_it_is_reversed() -> None:
    lost = notified(Says.CHARGED_BACK, "D", WHOLE)
    returned = notified(Says.CHARGEBACK_REVERSED, "D", WHOLE)
    again = notified(Says.SECOND_CHARGEBACK, "D", WHOLE)

    assert refundable(paid(), lost).held == {Why.CHARGED_BACK: WHOLE}
    assert left(refundable(paid(), lost, returned)) == WHOLE
    assert left(refundable(paid(), lost, returned, again)) == 0


def test_a_chargeback_that_is_reversed_in_part_holds_the_rest() -> None:
    facts = [
        notified(Says.CHARGED_BACK, "D", 20_000),
        notified(Says.CHARGEBACK_REVERSED, "D", 5_000),
    ]

    assert left(refundable(paid(), *facts)) == 10_000
    assert fold(an_intent(), [paid(), *facts]).charged_back == Money(IDR, 15_000)


def test_an_announced_dispute_holds_its_amount_once() -> None:
    announced = notified(Says.DISPUTE_ANNOUNCED, "D", 10_000)
    lost = notified(Says.CHARGED_BACK, "D", 8_000)

    assert refundable(paid(), announced).held == {Why.DISPUTE_OPEN: 10_000}
    assert fold(an_intent(), [paid(), announced]).charged_back == Money(IDR, 0)
    assert refundable(paid(), announced, lost).held == {Why.CHARGED_BACK: 8_000}
    returned = notified(Says.CHARGEBACK_REVERSED, "D", 10_000)
    assert left(refundable(paid(), announced, returned)) == WHOLE


@pytest.mark.parametrize("says", [Says.REFUND_CONFIRMED, Says.CHARGED_BACK, Says.SECOND_CHARGEBACK])
@pytest.mark.parametrize("amount", [None, Money(IDR, 0), Money(IDR, -1), Money(Currency("EUR"), 5)])
def test_a_refund_or_chargeback_without_a_known_amount_holds_the_whole(
    says: Says, amount: Money | None
) -> None:
    remaining = refundable(paid(), a_fact(says, "PSP-A", modification="X", amount=amount))

    assert remaining.held == {Why.SUM_UNKNOWN: WHOLE}


def test_every_deduction_counts_and_is_named() -> None:
    remaining = refundable(
        paid(),
        asked(Says.REFUND_ASKED, 1_000),
        notified(Says.REFUND_CONFIRMED, "R2", 2_000),
        notified(Says.CHARGED_BACK, "D1", 4_000),
        notified(Says.DISPUTE_ANNOUNCED, "D2", 8_000),
    )

    assert left(remaining) == 10_000
    assert str(remaining) == (
        "of 25000, 2000 were refunded, 1000 are held by a refund whose end is not known yet, "
        "4000 were charged back, 8000 are held by a dispute that was announced"
    )


def test_a_refund_of_one_attempt_does_not_count_for_another() -> None:
    facts = [paid("PSP-A"), paid("PSP-B"), notified(Says.REFUND_CONFIRMED, "R1", WHOLE)]

    assert left(refundable(*facts, attempt="PSP-A")) == 0
    assert left(refundable(*facts, attempt="PSP-B")) == WHOLE
    assert left(refundable(*facts, attempt="PSP-C")) == 0


def test_a_refund_that_names_no_attempt_holds_its_amount_of_each_attempt() -> None:
    refund = asked(Says.REFUND_ASKED, 10_000, attempt="")

    for attempt in ("PSP-A", "PSP-B"):
        remaining = refundable(paid("PSP-A"), paid("PSP-B"), refund, attempt=attempt)
        assert left(remaining) == 15_000


def test_an_open_cancel_holds_the_whole_until_its_result_is_known() -> None:
    facts = [paid(), asked(Says.CANCEL_ASKED), answered(Says.CHANGE_RECEIVED, "X1")]

    assert refundable(*facts).held == {Why.CANCEL_OPEN: WHOLE}
    assert left(refundable(*facts, notified(Says.CANCEL_REJECTED, "X1", WHOLE))) == WHOLE
    declined = a_fact(Says.CHANGE_DECLINED, about="k1", source=Source.REPLY)
    assert left(refundable(paid(), asked(Says.CANCEL_ASKED), declined)) == WHOLE


def test_a_cancel_by_reference_ends_for_each_attempt_separately() -> None:
    by_reference = asked(Says.CANCEL_ASKED, attempt="")
    answer = a_fact(Says.CHANGE_RECEIVED, about="k1", modification="X-B", source=Source.REPLY)
    facts = [paid("PSP-A"), paid("PSP-B"), by_reference, answer]
    ended = notified(Says.CANCEL_REJECTED, "X-A", WHOLE)

    assert left(refundable(*facts)) == 0
    assert left(refundable(*facts, ended)) == WHOLE
    assert left(refundable(*facts, ended, attempt="PSP-B")) == 0


# Captures.


def test_a_capture_holds_its_amount_until_it_fails() -> None:
    facts = [paid(), asked(Says.CAPTURE_ASKED, 10_000), answered(Says.CHANGE_RECEIVED, "C1")]

    assert capturable(*facts).held == {Why.CAPTURE_OPEN: 10_000}
    assert capturable(*facts, notified(Says.CAPTURED, "C1", 10_000)).held == {Why.CAPTURED: 10_000}
    assert left(capturable(*facts, notified(Says.CAPTURE_REJECTED, "C1", 10_000))) == WHOLE
    failed = [notified(Says.CAPTURED, "C1", 10_000), notified(Says.CAPTURE_FAILED, "C1", 10_000)]
    assert left(capturable(*facts, *failed)) == WHOLE


@pytest.mark.parametrize("says", [Says.REVERSAL_ASKED, Says.CANCEL_ASKED])
def test_nothing_can_be_captured_while_a_cancel_or_reversal_is_open(says: Says) -> None:
    assert left(capturable(paid(), asked(says))) == 0


def test_the_whole_amount_can_be_captured_before_the_authorisation_is_known() -> None:
    assert left(capturable(a_fact(Says.PENDING, "PSP-A"))) == WHOLE
    assert left(capturable(paid(), notified(Says.VOIDED, "X1"))) == 0


def test_a_failed_capture_reduces_the_captured_sum_by_at_most_its_amount() -> None:
    facts = [notified(Says.CAPTURED, "C1", 10_000), notified(Says.CAPTURED, "C2", 15_000)]
    failed = notified(Says.CAPTURE_FAILED, "C1", WHOLE)

    assert left(refundable(paid(), *facts, failed, captures_itself=False)) == 15_000


@pytest.mark.parametrize("value", [-WHOLE, 0, None])
def test_a_failed_capture_without_a_positive_amount_failed_as_a_whole(value: int | None) -> None:
    failed = notified(Says.CAPTURE_FAILED, "C1", value)

    assert fold(an_intent(), [paid(), failed]).captured == Money(IDR, 0)


# Facts that earlier versions recorded.


def earlier(words: str, says: Says = Says.NOTED, value: int | None = None) -> Fact:
    """A request as earlier versions recorded it: `words` is the kind of change."""
    amount = None if value is None else Money(IDR, value)
    return a_fact(says, about="k1", amount=amount, source=Source.SHOP, words=words)


def test_a_capture_recorded_as_noted_holds_its_amount_until_it_ends() -> None:
    facts = [paid(), earlier("captures", value=WHOLE), answered(Says.NOTED, "C1")]

    assert capturable(*facts).held == {Why.CAPTURE_OPEN: WHOLE}
    assert left(capturable(*facts, notified(Says.NOTED, "C1", WHOLE))) == WHOLE
    assert capturable(*facts, notified(Says.CAPTURED, "C1", WHOLE)).held == {Why.CAPTURED: WHOLE}
    declined = a_fact(Says.NOTED, about="k1", source=Source.REPLY)
    assert left(capturable(*facts[:2], declined)) == WHOLE


def test_a_reversal_recorded_as_noted_or_as_a_refund_holds_the_whole() -> None:
    as_refund = earlier("reversals", Says.REFUND_ASKED, 10_000)

    for reversal in (earlier("reversals"), as_refund):
        assert refundable(paid(), reversal).held == {Why.REVERSAL_OPEN: WHOLE}


@pytest.mark.parametrize("words", ["cancels", "cancels_by_reference"])
def test_a_cancel_recorded_as_noted_holds_the_whole_until_it_ends(words: str) -> None:
    facts = [paid(), earlier(words), answered(Says.NOTED, "X1")]

    assert refundable(*facts).held == {Why.CANCEL_OPEN: WHOLE}
    assert left(refundable(*facts, notified(Says.NOTED, "X1", WHOLE))) == WHOLE

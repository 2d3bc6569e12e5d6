"""Which payments of a period are overpaid: each case of the rule."""

from __future__ import annotations

from itertools import permutations
from typing import Final

import pytest

from kasir.subscriptions.overpaying import PaidAttempt, overpaid
from kasir.subscriptions.renewal import Outcome
from kasir.subscriptions.states import ALIVE, State

#: The states in which a subscription is not charged.
STOPPED: Final = [state for state in State if state not in ALIVE]


def paid(
    number: int,
    outcome: Outcome = Outcome.PAID,
    *,
    period: int = 2,
    is_settled: bool = False,
    is_overpaid: bool = False,
) -> PaidAttempt:
    return PaidAttempt(
        period=period,
        number=number,
        outcome=outcome,
        is_settled=is_settled,
        is_overpaid=is_overpaid,
    )


def overpaid_numbers(
    *attempts: PaidAttempt, settled_period: int = 2, state: State = State.ACTIVE
) -> set[int]:
    """The numbers of the attempts that are overpaid, of a subscription with this state."""
    return {attempt.number for attempt in overpaid(attempts, settled_period, state)}


def test_the_only_payment_of_an_open_period_is_not_overpaid() -> None:
    assert overpaid_numbers(paid(1, Outcome.OPEN), settled_period=1) == set()


def test_a_payment_of_a_period_that_another_payment_settled_is_overpaid() -> None:
    assert overpaid_numbers(paid(1), paid(2, is_settled=True)) == {1}


def test_of_several_unsettled_payments_all_except_the_first_are_overpaid() -> None:
    unsettled = [paid(number, Outcome.OPEN) for number in (1, 2, 3)]

    assert overpaid_numbers(*unsettled, settled_period=1) == {2, 3}


def test_a_payment_that_settled_the_period_is_never_overpaid() -> None:
    assert overpaid_numbers(paid(1, is_settled=True), paid(2, is_settled=True)) == set()


def test_a_payment_that_is_marked_as_overpaid_is_not_found_again() -> None:
    assert overpaid_numbers(paid(1, is_overpaid=True), paid(2, is_settled=True)) == set()


def test_an_overpaid_payment_does_not_make_another_one_overpaid() -> None:
    assert overpaid_numbers(paid(1, Outcome.OPEN, is_overpaid=True), paid(2, Outcome.OPEN)) == set()


def test_a_payment_of_another_period_does_not_count() -> None:
    assert overpaid_numbers(paid(1, Outcome.OPEN, period=3), paid(2, is_settled=True)) == set()


def test_a_late_payment_is_not_overpaid_while_no_later_period_is_settled() -> None:
    assert overpaid_numbers(paid(1, Outcome.UNPAID), settled_period=2) == set()


def test_a_late_payment_is_overpaid_once_a_later_period_is_settled() -> None:
    assert overpaid_numbers(paid(1, Outcome.UNPAID), settled_period=3) == {1}


@pytest.mark.parametrize("state", STOPPED)
def test_a_late_payment_is_overpaid_while_the_subscription_is_not_charged(state: State) -> None:
    assert overpaid_numbers(paid(1, Outcome.UNPAID), state=state) == {1}


@pytest.mark.parametrize("state", State)
def test_the_only_payment_of_a_period_that_was_not_given_up_is_not_overpaid(state: State) -> None:
    for outcome in set(Outcome) - {Outcome.UNPAID}:
        assert overpaid_numbers(paid(1, outcome), settled_period=9, state=state) == set()


def test_the_order_of_the_attempts_does_not_matter() -> None:
    attempts = [paid(1), paid(2, is_settled=True), paid(3), paid(4, is_overpaid=True)]

    assert {frozenset(overpaid_numbers(*order)) for order in permutations(attempts)} == {
        frozenset({1, 3})
    }
